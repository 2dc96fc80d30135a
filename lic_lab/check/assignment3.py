"""Tasks of assignment A3: Haar bands of any size, gates for coefficients, and the wavelet attention of a codec."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lic_lab.blocks.wavelet import DWAN
from lic_lab.check.denoising import PICTURES, gains, noisy_pictures
from lic_lab.check.drawn import crop, normal
from lic_lab.check.exercises import NotYet
from lic_lab.check.expect import check_gradient, functions, number, tensor
from lic_lab.check.tasks import Task
from lic_lab.datasets.bundled import bundled_images
from lic_lab.models.checkpoints import load_weights, weights_path
from lic_lab.ops.color import image_to_tensor
from lic_lab.ops.wavelets import dwt2, idwt2, wavedec2
from lic_lab.probes.gates import forced_gate

NAMES = ("LL", "LH", "HL", "HH")
EXACT = 1e-9  # of float64 maps of values around one
STRAY = 2  # values of a file that may round the other way: two float sums in another order differ in the last digit

# ---- A3.1 ------------------------------------------------------------------------------------------------------------

bands_of_any_size = Task("A3.1", "Haar bands of maps of any size, and the map again")


@bands_of_any_size.part("maps with even sides become the library's four bands", points=1)
def _(answer, rng):
    haar, _ = functions(answer, "haar and unhaar")
    for shape in ((1, 1, 2, 2), (2, 3, 8, 6)):
        _check_bands(haar, normal(rng, *shape))


@bands_of_any_size.part("at odd sides the last row or column is repeated", points=1)
def _(answer, rng):
    haar, _ = functions(answer, "haar and unhaar")
    for shape in ((2, 3, 7, 6), (1, 2, 4, 9), (1, 4, 5, 3), (1, 2, 1, 1)):
        _check_bands(haar, normal(rng, *shape))


@bands_of_any_size.part("maps of every size come back from their bands", points=1)
def _(answer, rng):
    _, unhaar = functions(answer, "haar and unhaar")
    for shape in ((2, 3, 8, 6), (1, 2, 7, 5), (2, 1, 1, 4), (1, 1, 3, 1)):
        x = normal(rng, *shape)
        back = tensor(unhaar(dwt2(x), shape[-2:]), f"unhaar of bands of {_size(x)}", shape, x.dtype)
        if (off := float((back - x).abs().max())) > EXACT:
            where = "" if min(shape[-2:]) % 2 == 0 else " (crop what was repeated)"
            raise NotYet(f"a map of {_size(x)} comes back with errors of {off:.2g}; solve the four sums for a{where}")


@bands_of_any_size.part("gradients pass through both, at even and at odd sides", points=1)
def _(answer, rng):
    haar, unhaar = functions(answer, "haar and unhaar")
    for shape in ((1, 2, 6, 4), (2, 1, 5, 7)):
        _check_gradients(haar, unhaar, normal(rng, *shape), rng)


def _check_gradients(haar: Callable, unhaar: Callable, x: Tensor, rng) -> None:
    """Hold the gradients of both transforms against the library's, for weighted sums of all they give."""
    (ll, *rest), size = dwt2(x), tuple(x.shape[-2:])
    of_bands, of_map = normal(rng, 4, *ll.shape), normal(rng, *x.shape)

    def back(ll):
        return (tensor(unhaar((ll, *rest), size), "unhaar", x.shape) * of_map).sum()

    def forth(x):
        return (torch.stack(_four(haar(x), ll.shape)) * of_bands).sum()

    check_gradient(forth, lambda x: (torch.stack(dwt2(x)) * of_bands).sum(), x, "of haar with respect to the map")
    check_gradient(back, lambda ll: (idwt2((ll, *rest), size) * of_map).sum(), ll, "of unhaar with respect to LL")


def _four(got, half, size: str = "a map") -> tuple[Tensor, ...]:
    if not (isinstance(got, tuple | list) and len(got) == 4):
        raise NotYet(f"haar gives four bands, LL, LH, HL and HH, not {type(got).__name__}")
    return tuple(tensor(band, f"{name} of {size}", half, torch.float64) for name, band in zip(NAMES, got, strict=True))


def _check_bands(haar: Callable, x: Tensor) -> None:
    """Hold the four bands of a map against the library's, with a hint about what usually goes wrong."""
    right = dwt2(x)
    got = _four(haar(x.clone()), right[0].shape, _size(x))
    if all(torch.allclose(mine, theirs, atol=EXACT) for mine, theirs in zip(got, right, strict=True)):
        return
    if all(torch.allclose(2 * mine, theirs, atol=EXACT) for mine, theirs in zip(got, right, strict=True)):
        raise NotYet("every band is half as large: divide by 2 and not by 4, so that energy is kept")
    if torch.allclose(got[1], right[2], atol=EXACT) and torch.allclose(got[2], right[1], atol=EXACT):
        raise NotYet("LH and HL are swapped: the first letter is the filter along the width, so LH is top minus bottom")
    worst = max(range(4), key=lambda k: float((got[k] - right[k]).abs().max()))
    off = float((got[worst] - right[worst]).abs().max())
    odd = x.shape[-2] % 2 or x.shape[-1] % 2
    mend = "repeat the last row or column of an odd side" if odd else "compare the signs of its four pixels"
    raise NotYet(f"{NAMES[worst]} of a map of {_size(x)} is off by {off:.2g}: {mend}")


# ---- A3.2 ------------------------------------------------------------------------------------------------------------

levels_of_bands = Task("A3.2", "A pyramid of several levels, and the map again")


@levels_of_bands.part("sides that can be halved: the energy is kept, and the map comes back", points=1)
def _(answer, rng):
    for shape, levels in (((1, 2, 16, 24), 3), ((2, 1, 8, 4), 2)):
        x = normal(rng, *shape)
        found = _check_pyramid(answer, x, levels)
        kept = sum(float(band.square().sum()) for band in _flat(found))
        if abs(kept / float(x.square().sum()) - 1) > 1e-6:
            share = kept / float(x.square().sum())
            raise NotYet(f"the bands have {share:.3f} times the energy of the map: keep every band once, LL only last")


@levels_of_bands.part("odd sides come back after several levels", points=1)
def _(answer, rng):
    for shape, levels in (((1, 2, 19, 13), 3), ((1, 1, 5, 22), 4), ((2, 1, 7, 7), 1)):
        _check_pyramid(answer, normal(rng, *shape), levels)


@levels_of_bands.part("the list is [LL, (LH, HL, HH) of the coarsest level, ..., of the finest]", points=1)
def _(answer, rng):
    pyramid, _ = functions(answer, "pyramid and collapse")
    x = normal(rng, 1, 2, 24, 16)
    got, right = _levels(pyramid(x.clone(), 3), 3), wavedec2(x, 3)
    for name, mine, theirs in zip(("LL", "entry 1", "entry 2", "entry 3"), got, right, strict=True):
        for a, b in zip(_flat([mine]), _flat([theirs]), strict=True):
            if a.shape != b.shape or not torch.allclose(a, b, atol=EXACT):
                same = "other values than LH, HL, HH of that level"
                sizes = same if a.shape == b.shape else f"{_size(a)} where {_size(b)} is expected"
                raise NotYet(f"{name} holds {sizes}: put new details in front of those you have")


def _check_pyramid(answer, x: Tensor, levels: int) -> list:
    """Take a map apart and put it together; give the pyramid. Raises NotYet where it does not come back."""
    pyramid, collapse = functions(answer, "pyramid and collapse")
    found = _levels(pyramid(x.clone(), levels), levels)
    said = f"{_size(x)} and {levels} level{'s' if levels > 1 else ''}"
    if found[0].shape != wavedec2(x, levels)[0].shape:
        raise NotYet(f"{said}: LL is {_size(found[0])}; take the bands of LL, again and again")
    back = tensor(collapse(found, tuple(x.shape[-2:])), f"collapse of {said}", x.shape, x.dtype)
    if (off := float((back - x).abs().max())) > EXACT:
        raise NotYet(f"{said}: the map comes back with errors of {off:.2g}; each level needs the size it had before")
    return found


def _levels(found, levels: int) -> list:
    """A pyramid as a list of LL and one triple a level."""
    found = list(found) if isinstance(found, list | tuple) else [found]
    triples = [entry for entry in found[1:] if isinstance(entry, list | tuple) and len(entry) == 3]
    if len(found) != levels + 1 or len(triples) != levels or not all(isinstance(b, Tensor) for b in _flat(found)):
        raise NotYet(
            f"{levels} levels give a list of {levels + 1} entries: a tensor LL, and one triple of tensors each"
        )
    return [found[0], *map(tuple, triples)]


def _flat(found: list) -> list:
    return [band for entry in found for band in (entry if isinstance(entry, tuple | list) else (entry,))]


# ---- A3.3 ------------------------------------------------------------------------------------------------------------

gates_against_noise = Task("A3.3", "Gates that tell a picture from noise")

FULL_OF_DETAIL = ("coffee",)  # its own details in HH can be a third of such noise: no median tells them from it
TOO_GOOD = 15.0
"""Decibels: gates that know every clean coefficient, averaged over 16 shifts, gain 12.6 at most in 75 pictures."""


@gates_against_noise.part("the noise of a picture is estimated within 15 percent", points=1)
def _(answer, rng):
    level, _ = functions(answer, "noise_level and denoise")
    for sigma in rng.uniform(0.06, 0.1, 2):
        for name, (_, noisy) in noisy_pictures(rng, sigma).items():
            if name in FULL_OF_DETAIL:
                continue
            got = number(level(noisy.clone()), "noise_level")
            if not abs(got / sigma - 1) < 0.15:
                raise NotYet(
                    f"{name} with noise of {sigma:.3f} gave {got:.3f}: in HH there is little picture, and of "
                    "noise the median magnitude is 0.6745 standard deviations"
                )


@gates_against_noise.part("middling noise: 2 dB are gained on average", points=1)
def _(answer, rng):
    mend = "on several levels, set small details to zero and move the others a little towards it"
    gained, _, said = _plausible_gains(answer, rng, (0.045, 0.055))
    if not np.mean(gained) >= 2:
        raise NotYet(f"{said}: {mend}")


@gates_against_noise.part("middling noise: 0.4 dB more are gained than by one threshold for all details", points=1)
def _(answer, rng):
    gained, plain, said = _plausible_gains(answer, rng, (0.045, 0.055))
    if not np.mean(gained) >= np.mean(plain) + 0.4:
        mend = "let the gate of a detail look at its neighbours: where they are strong, it is no noise"
        raise NotYet(f"{said}, one threshold {np.mean(plain):+.2f} dB: {mend}")


@gates_against_noise.part("faint noise: something is gained on every picture", points=1)
def _(answer, rng):
    gained, _, said = _plausible_gains(answer, rng, (0.01, 0.015))
    if not min(gained) >= 0.1:
        mend = "where a detail and its neighbours are far stronger than noise, leave it nearly as it is"
        raise NotYet(f"{said}, at worst {min(gained):+.2f} dB: {mend}")


def _plausible_gains(answer, rng, noise: tuple[float, float]) -> tuple[list[float], list[float], str]:
    """What `gains` gives; raises NotYet for decibels that only somebody with the clean picture can gain."""
    gained, plain, said = gains(answer, rng, noise)
    if max(gained) > TOO_GOOD:
        raise NotYet(
            f"{max(gained):.1f} dB on one picture are more than noise lets anybody gain: work from the noisy one alone"
        )
    return gained, plain, said


# ---- A3.4 and A3.5 ---------------------------------------------------------------------------------------------------

channel_term = Task("A3.4", "The channel term of the attention")
spatial_term = Task("A3.5", "The spatial term of the attention")


def _declare(task: Task, term: str) -> None:
    """Both terms are held against the library's in the same three ways."""

    @task.part("one map with even sides has the library's numbers", points=1)
    def _(answer, rng):
        _check_term(answer, rng, term, (1, 6, 8, 12))

    @task.part("each map of a batch is judged by itself, at odd sides too", points=1)
    def _(answer, rng):
        _check_term(answer, rng, term, (3, 4, 7, 9))

    @task.part("gradients reach the map and all weights of this term", points=1)
    def _(answer, rng):
        _check_term_gradients(answer, rng, term)


_declare(channel_term, "channel")
_declare(spatial_term, "spatial")

HINTS = {
    "channel": "means of |LL|, |LH|, |HL|, |HH| side by side, a linear layer, ReLU, a linear layer",
    "spatial": "softmax over the four bands, depthwise 3 x 3, 1 x 1, PReLU, 1 x 1, twice as large (bilinear), cropped",
}


def _check_term(answer, rng, term: str, shape: tuple[int, ...]) -> None:
    """Hold one term of the attention against the library's, for weights drawn at random."""
    attention, x = _attention(rng, shape[1]), normal(rng, *shape)
    with torch.no_grad():
        right = _term(attention, x, term)
        got = tensor(answer(x.clone(), _weights(attention)), f"{term}_term of {tuple(shape)}", right.shape)
        if torch.allclose(got.double(), right, atol=1e-6):
            return
        if term == "channel":
            bands = torch.stack(dwt2(x), dim=1)
            _refuse(got, attention.channel(bands.mean((-2, -1)).flatten(1)), "that is the mean; magnitudes first")
            batch = bands.abs().mean((0, -2, -1)).flatten()[None].expand(len(x), -1)
            _refuse(got, attention.channel(batch), "the mean runs over the batch as well; every picture has its own")
    off = float((got - right).abs().max())
    raise NotYet(f"maps of {tuple(shape)} give numbers that are off by {off:.2g}: {HINTS[term]}")


def _check_term_gradients(answer, rng, term: str) -> None:
    attention, x = _attention(rng, 4), normal(rng, 2, 4, 6, 5)
    names = [name for name, _ in attention.named_parameters() if (term == "channel") == name.startswith("channel")]
    right = _term(attention, x.requires_grad_(), term)
    pull = normal(rng, *right.shape)
    held = [x, *(dict(attention.named_parameters())[name] for name in names)]
    wanted = torch.autograd.grad((right * pull).sum(), held)
    got = tensor(answer(x, dict(attention.named_parameters())), f"{term}_term", right.shape)
    if not got.requires_grad:
        raise NotYet("no gradient reaches anything: stay with torch, and detach nothing")
    found = torch.autograd.grad((got * pull).sum(), held, allow_unused=True)
    for name, mine, theirs in zip(("the map", *names), found, wanted, strict=True):
        if mine is None:
            raise NotYet(f"no gradient reaches {name}: stay with torch, and detach nothing")
        if not torch.allclose(mine.double(), theirs, atol=1e-6):
            raise NotYet(f"the gradient of {name} is off by {float((mine - theirs).abs().max()):.2g}: {HINTS[term]}")


def _refuse(got: Tensor, wrong: Tensor, hint: str) -> None:
    if torch.allclose(got.double(), wrong, atol=1e-6):
        raise NotYet(hint)


def _term(attention: DWAN, x: Tensor, term: str) -> Tensor:
    """The library's channel term (b, c) or spatial term (b, c, h, w)."""
    seen = attention.look(x)
    return seen.channel[:, :, 0, 0] if term == "channel" else seen.spatial


def _attention(rng, channels: int) -> DWAN:
    """The library's block with weights drawn at random, in float64."""
    attention = DWAN(channels, hidden=5).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(0.6 * normal(rng, *parameter.shape))
    return attention


def _weights(attention: DWAN) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in attention.named_parameters()}


# ---- A3.6 ------------------------------------------------------------------------------------------------------------

gate_in_codec = Task("A3.6", "The gate, in the place of the one of a trained codec", seconds=60)


@gate_in_codec.part("the gate of any map is the library's, between 0.3 and 1, for large values too", points=1)
def _(answer, rng):
    for shape, size in (((2, 4, 6, 8), 1.0), ((1, 4, 5, 7), 300.0)):
        attention, x = _attention(rng, shape[1]), size * normal(rng, *shape)
        with torch.no_grad():
            right = attention.look(x).gate
            got = tensor(answer(x.clone(), _weights(attention)), f"gate of {tuple(shape)}", shape)
        if not torch.isfinite(got).all():
            raise NotYet(f"values around {size:g} give NaN or infinity: torch.sigmoid does not overflow, exp does")
        if not 0.2999 <= float(got.min()) <= float(got.max()) <= 1.0001:
            raise NotYet(f"gates run from {got.min():.3f} to {got.max():.3f}: 0.3 + 0.7 sigmoid(...), no more")
        if not torch.allclose(got.float(), right.float(), atol=1e-5):
            raise NotYet(f"gates are off by {float((got - right).abs().max()):.2g}: add both terms, then the sigmoid")


@gate_in_codec.part("files of asymmetric written with it hold the same symbols as those of the library", points=2)
def _(answer, rng):
    model, rate = load_weights(weights_path("asymmetric")), 8.0  # as it was trained, whatever was done to a loaded one
    for name in rng.permutation(PICTURES)[:2]:
        height, width = (int(n) for n in rng.integers(160, 256, 2))
        x = image_to_tensor(crop(rng, bundled_images()[name], height, width))
        with torch.no_grad(), forced_gate(model, "off"):
            y = model.analyse(x)
            gate = tensor(answer(y.clone(), _weights(model.attention)), "gate", y.shape)
            mine = model.compress(x, rate, y=y * gate.to(y.dtype))
        theirs = model.compress(x, rate)
        if mine == theirs:
            continue
        values = [model.decode_latent(data)[1] for data in (mine, theirs)]
        apart = int(((values[0] - values[1]).abs() > 0.5).sum())  # one other symbol moves the means of many by a little
        if apart > STRAY:
            said = f"{name}, {width} x {height}: {len(mine):,} bytes instead of {len(theirs):,}"
            raise NotYet(f"{said}, {apart:,} symbols differ: see whether the gate is right for float32 maps, too")


def _size(x: Tensor) -> str:
    return f"{x.shape[-2]} x {x.shape[-1]}"
