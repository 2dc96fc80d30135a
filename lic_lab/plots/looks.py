"""Looks into a model: each gives the numbers and the figures of what one probe finds on some pictures.

`LOOKS` names them. `lic-lab probe` writes what they give into a folder; a notebook shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.ops.color import image_to_tensor
from lic_lab.ops.geometry import inside, pad_to_multiple
from lic_lab.plots.bitmaps import bits_figure
from lic_lab.plots.correlation import correlation_figure
from lic_lab.plots.gates import gates_figure, partition_figure
from lic_lab.plots.receptive_field import field_figure
from lic_lab.plots.spectrum import amplitude_figure, hybrid_blocks, paths_figure, spectrum_figure
from lic_lab.plots.stereo import attention_figure, disparity_figure
from lic_lab.probes.attention import attention_disparity, attention_paths, cross_attention, score_disparity
from lic_lab.probes.bitmaps import bit_map, bits_by_group
from lic_lab.probes.correlation import latent_correlation
from lic_lab.probes.gates import partitions, wavelet_attention
from lic_lab.probes.receptive_field import effective_side, gradient_map, receptive_field
from lic_lab.probes.spectrum import BlockSpectrum, centre, model_spectra

LARGEST = 512  # pixels: side of the square that gradients are followed through

Progress = Callable[[int, int, str], None]


@dataclass
class Subject:
    """What is looked at: a model in evaluation mode, called `name`, on pictures by name (uint8, or pairs of views).

    rate: rate point, None for the middle of the ladder.   rule, side: of spectra, see `probes.spectrum.model_spectra`.
    """

    model: Codec
    name: str
    images: Mapping[str, np.ndarray]
    rate: float | None = None
    rule: str = "square"
    side: int | None = None
    progress: Progress = lambda done, total, doing: None

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """Give the pictures as tensors (1, 3, h, w), or pairs (1, 2, 3, h, w), one after the other, with progress."""
        for number, (name, picture) in enumerate(self.images.items()):
            self.progress(number, len(self.images), name)
            views = [image_to_tensor(view) for view in picture.reshape(-1, *picture.shape[-3:])]
            yield name, views[0] if picture.ndim == 3 else torch.stack(views, dim=1)

    @property
    def codec(self) -> str:
        """The first word of the name, by which the palette knows its colour."""
        return self.name.split(",")[0]

    def over(self, what: str) -> str:
        """A title: what is shown, and that it is a mean."""
        return f"{self.name}: {what}, mean of {len(self.images)} pictures"


@dataclass
class Look:
    """What one probe found: numbers for a file, lines for a person, and matplotlib figures by name."""

    numbers: dict
    said: list[str]
    figures: dict = field(default_factory=dict)


def spectrum(subject: Subject) -> Look:
    """Which frequencies every block of the analysis keeps."""
    names = list(subject.images)
    found = model_spectra(
        subject.model, list(subject.images.values()), rule=subject.rule, side=subject.side, insides=True,
        progress=lambda done, total: subject.progress(done, total, names[done]),
    )  # fmt: skip
    blocks = [
        {
            "path": one.path,
            "name": one.name,
            "inside": one.block,
            "delta": one.delta,
            "spread": one.spread,
            "deltas": dict(zip(subject.images, one.deltas, strict=True)),
            "tilts": dict(zip(subject.images, [tilt if tilt == tilt else None for tilt in one.tilts], strict=True)),
            "frequencies": one.frequencies.tolist(),
            "log_amplitude": one.absolute.tolist(),
        }
        for one in found
    ]
    title = subject.over("spectrum")
    figures = {"spectrum": spectrum_figure(found, name=subject.codec, title=title)}
    if found[0].amplitude is not None:
        figures["spectrum_maps"] = amplitude_figure([one for one in found if not one.block], title=title)
    if hybrid_blocks(found):
        figures["spectrum_paths"] = paths_figure(found, title=title)
    said = [_said(one) for one in found]
    return Look({"rule": subject.rule, "blocks": blocks}, said, figures)


def _said(one: BlockSpectrum) -> str:
    """One line of numbers; what is inside of a block stands further to the right."""
    spread = f" +- {one.spread:.3f} over pictures" if len(one.deltas) > 1 else ""
    note = ", silent: its maps are all but zero" if one.silent else ""
    return f"{'  ' * bool(one.block) + one.name:26} delta log amplitude {one.delta:+.3f}{spread}{note}"


def correlation(subject: Subject) -> Look:
    """What neighbours in the normalised latent still know of each other."""
    found = latent_correlation(subject.model, (x for _, x in subject), subject.rate)
    middle = len(found) // 2
    said = [
        f"one column apart {found[middle, middle + 1]:+.4f}, one row apart {found[middle + 1, middle]:+.4f}, "
        f"mean of |r| over all shifts {(found.abs().sum() - 1) / (found.numel() - 1):.4f}"
    ]
    figure = correlation_figure(found.numpy(), title=subject.over("normalised latent"))
    return Look({"rate": subject.rate, "correlation": found.tolist()}, said, {"correlation": figure})


def bits(subject: Subject) -> Look:
    """Where the bits of each file go: positions, channels, and slices of channels."""
    look = Look({"rate": subject.rate, "files": {}}, [])
    for name, x in subject:
        data = subject.model.compress(x, subject.rate)
        found = bit_map(subject.model, data)
        look.numbers["files"][name] = {
            "bytes": len(data),
            "side_bits": found.side.tolist(),
            "channel_bits": found.channels.tolist(),
            "position_bits": found.positions.tolist(),
            "group_bits": bits_by_group(subject.model, found),
        }
        picture, stride = subject.images[name], subject.model.stride
        look.figures[f"bits_{name}"] = bits_figure(
            picture, found, stride=stride, codec=subject.codec, title=f"{subject.name}, {name}"
        )
        look.said.append(f"{name}: {len(data):,} bytes, {found.side.sum() / 8:,.0f} of them for the side latent")
    groups = Counter()
    for file in look.numbers["files"].values():
        groups.update(file["group_bits"])
    shares = (f"{'side latent' if name == 'side' else f'channels {name}'} {many / groups.total():.1%}"
              for name, many in groups.items())  # fmt: skip
    look.said.append(f"of all bits: {', '.join(shares)}")
    return look


def receptive(subject: Subject) -> Look:
    """Which pixels the middle of the latent depends on, and how much."""
    model, sides = subject.model, [min(picture.shape[-3:-1]) for picture in subject.images.values()]
    side = min(LARGEST, min(sides) // model.multiple * model.multiple)
    squares = {name: centre(picture, side) for name, picture in subject.images.items()}
    square = Subject(model, subject.name, squares, progress=subject.progress)
    maps = [gradient_map(model.analysis, pad_to_multiple(x.flatten(0, -4), model.multiple)) for _, x in square]
    mean, reach = torch.stack(maps).mean(0), receptive_field(model.analysis)
    within = {share: effective_side(mean, share) for share in (0.5, 0.9, 0.99)}
    said = [f"theoretical: {reach}"]
    said += [f"{share:.0%} of the gradient is within {n} x {n} pixels around its peak" for share, n in within.items()]
    numbers = {"theoretical": str(reach), "effective_sides": {str(k): v for k, v in within.items()}, "side": side}
    return Look(numbers, said, {"field": field_figure(mean, title=subject.over("middle of the latent"))})


def attention(subject: Subject) -> Look:
    """What attention attends to: gates of wavelet attention, or what one view asks of the other."""
    look = Look({"rate": subject.rate, "files": {}}, [])
    for name, x in subject:
        if subject.model.views == 2:
            height, width = x.shape[-2:]
            for path in attention_paths(subject.model):
                found = cross_attention(subject.model, x, path, rate=subject.rate)
                at = (height // 2, width // 2)
                figure = attention_figure(subject.images[name], found, at)
                look.figures[f"attention_{name}_{path}"] = figure
                weights = found.map(0, at[0] // found.stride, at[1] // found.stride).mean(0)
                look.numbers["files"].setdefault(name, {})[path] = weights.tolist()
            look.said.append(f"{name}: what the middle of the left view gets from the right one, by block")
            continue
        gates = wavelet_attention(subject.model, x)
        title, stride = f"{subject.name}, {name}", subject.model.stride
        look.figures[f"attention_{name}"] = gates_figure(subject.images[name], gates, stride=stride, title=title)
        for path, found in gates.items():
            shares = found.bands.mean(1).tolist()  # of ll, lh, hl, hh
            gate = inside(found.gate[0], *x.shape[-2:], stride)  # (c, h/16, w/16)
            mean, least = float(gate.mean()), float(gate.min())
            look.numbers["files"].setdefault(name, {})[path] = {
                "mean_gate": gate.mean(0).tolist(),
                "channel_gates": gate.mean((1, 2)).tolist(),
                "band_shares": dict(zip(("ll", "lh", "hl", "hh"), shares, strict=True)),
            }
            look.said.append(f"{name}, {path}: gates from {least:.2f}, {mean:.2f} on average")
    return look


def partition(subject: Subject) -> Look:
    """Which channels of each stage go to the convolutions, picture by picture."""
    chosen: dict[str, list[Tensor]] = {}
    for _, x in subject:
        for path, near in partitions(subject.model, x).items():
            chosen.setdefault(path, []).append(near[0])
    near = {path: torch.stack(rows) for path, rows in chosen.items()}  # (pictures, channels) each
    said = []
    for path, rows in near.items():
        changing = int((rows.any(0) & ~rows.all(0)).sum())
        said.append(f"{path}: {int(rows[0].sum())} of {rows.shape[1]} channels look near, {changing} change by picture")
    numbers = {"near": {path: rows.int().tolist() for path, rows in near.items()}}
    return Look(numbers, said, {"partition": partition_figure(near, list(subject.images), title=subject.name)})


def disparity(subject: Subject) -> Look:
    """How far apart the views are by mutual attention, beside the truth of the Motorcycle pair."""
    pair = motorcycle()
    picture = np.stack([pair.left, pair.right])
    own = Subject(subject.model, subject.name, {"motorcycle": picture}, subject.rate, progress=subject.progress)
    ((_, x),) = own
    look = Look({"rate": subject.rate, "blocks": {}}, [])
    for path in attention_paths(subject.model):
        found = cross_attention(subject.model, x, path, rate=subject.rate)
        read = attention_disparity(found, float(np.nanmax(pair.disparity)))
        score = score_disparity(read, pair.disparity, found.stride)
        look.numbers["blocks"][path] = vars(score) | {"disparity": read.tolist()}
        look.said.append(
            f"{path}: median error {score.median_error:.1f} pixels, of a constant {score.constant_error:.1f}"
        )
        look.figures[f"disparity_{path}"] = disparity_figure(
            picture, read, pair.disparity, found.stride, title=f"read from {path}"
        )
    return look


LOOKS: dict[str, Callable[[Subject], Look]] = {
    "spectrum": spectrum,
    "correlation": correlation,
    "bits": bits,
    "field": receptive,
    "attention": attention,
    "partition": partition,
    "disparity": disparity,
}


def look_into(what: str, subject: Subject) -> Look:
    """Take one of `LOOKS`. Raises LicLabError for another name, and for a model that has nothing of the kind."""
    if what not in LOOKS:
        raise LicLabError(f"no look is called {what!r}: there are {', '.join(LOOKS)}")
    look = LOOKS[what](subject)
    look.numbers = {"model": subject.name, "pictures": list(subject.images), **look.numbers, "said": look.said}
    return look
