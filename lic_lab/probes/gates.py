"""What the parts that choose have chosen: gates of wavelet attention, and which channels a partition sends where.

Also how to overrule them: another gate, or no post-quantisation filter, for as long as a block runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from lic_lab.blocks.partition import AdaptiveChannelPartition, watched_choices
from lic_lab.blocks.wavelet import DWAN, Attention
from lic_lab.entropy.wires import Estimate
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.types import Image, Map

GATES = ("trained", "mean", "off")


class FilterErrors(NamedTuple):
    """How far a latent is from what it was before rounding, in quantisation steps, each (b, latent, h/16, w/16).

    before: y_hat - y.   after: f - y, where f is what the post-quantisation filter makes of y_hat.
    """

    before: Map
    after: Map


@torch.no_grad()
def wavelet_attention(model: Codec, x: Image) -> dict[str, Attention]:
    """Give what every wavelet attention of a model thinks of pictures (b, 3, h, w): path -> gates and their terms.

    Gates are (b, latent, h/16, w/16) in [0.3, 1], see `blocks.wavelet.Attention`. Raises LicLabError for a model that
    has none.
    """
    gates = _attentions(model)
    seen: dict[str, Attention] = {}
    hooks = [
        module.register_forward_pre_hook(lambda module, args, path=path: seen.update({path: module.look(args[0])}))
        for path, module in gates.items()
    ]
    try:
        model.analyse(x)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


@contextmanager
def forced_gate(model: Codec, gate: str | float | Tensor) -> Iterator[None]:
    """Let every wavelet attention of a model multiply by another gate for as long as the block runs.

    gate: one of `GATES`, where "trained" changes nothing, "mean" gives each channel of a picture the mean of its gate
    over all positions, and "off" is 1 everywhere; or the gate itself, a number or a tensor that broadcasts to
    (b, latent, h/16, w/16). Only an encoder computes a gate: a file that is written in the block is read outside it.
    Raises LicLabError for a model without wavelet attention, an unknown word, or a gate of another shape.
    """
    gates = _attentions(model)
    if isinstance(gate, str) and gate not in GATES:
        raise LicLabError(f"no gate {gate!r}: use one of {', '.join(GATES)}, a number, or a tensor")
    forced = {} if isinstance(gate, str) and gate == "trained" else gates
    hooks = [module.register_forward_hook(_gating(gate)) for module in forced.values()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _attentions(model: Codec) -> dict[str, DWAN]:
    """Path -> wavelet attention of a model; raises LicLabError where it has none."""
    gates = {path: module for path, module in model.named_modules() if isinstance(module, DWAN)}
    if not gates:
        raise LicLabError(f"{type(model).__name__} has no wavelet attention: use asymmetric with attention=True")
    return gates


def _gating(gate: str | float | Tensor):
    """The hook that replaces what a wavelet attention gives."""

    def replace(module: DWAN, args: tuple[Map], out: Map) -> Map:
        (y,) = args
        if isinstance(gate, str) and gate == "mean":
            return y * module.look(y).gate.mean((-2, -1), keepdim=True)
        forced = torch.as_tensor(1.0 if isinstance(gate, str) else gate, dtype=y.dtype, device=y.device)
        try:
            return y * forced.expand_as(y)
        except RuntimeError as error:
            raise LicLabError(
                f"a gate of shape {tuple(forced.shape)} does not fit a latent {tuple(y.shape)}"
            ) from error

    return replace


@torch.no_grad()
def used_gate(model: Codec, x: Image, gate: str = "trained") -> Tensor:
    """Give the gate that `forced_gate` lets pictures (b, 3, h, w) be multiplied by, for one of its words.

    (b, latent, h/16, w/16), of the first wavelet attention of the model. Raises what `forced_gate` raises.
    """
    with forced_gate(model, gate):
        trained = next(iter(wavelet_attention(model, x).values())).gate
    if gate == "mean":
        return trained.mean((-2, -1), keepdim=True).expand_as(trained)
    return torch.ones_like(trained) if gate == "off" else trained


@contextmanager
def without_post_filter(model: Codec) -> Iterator[None]:
    """Hand y_hat to the synthesis as it was decoded for as long as the block runs; no byte of a file depends on it.

    Raises LicLabError for a model without a post-quantisation filter.
    """
    hook = _post_filter(model).register_forward_hook(lambda module, args, out: args[0])
    try:
        yield
    finally:
        hook.remove()


@torch.no_grad()
def filter_errors(model: Codec, x: Image, rate: float, *, thrifty: bool = True) -> FilterErrors:
    """Measure the rounding error of the latent of pictures (b, 3, h, w) before and after the post-quantisation filter.

    thrifty: round as files are written (`entropy.gaussian.thrifty_round`), else to the nearest, which errs by half a
    step at most. Raises LicLabError for a model without the filter.
    """
    mend = _post_filter(model)
    y = model.analyse(x)
    if model.gain:
        y = y * model.gain(torch.full((len(y),), float(rate), device=y.device))[0]
    wire = Estimate(training=False, error_price=model.error_price if thrifty else None)
    y_hat = model.walk(y, wire, (len(y), *y.shape[-2:]))
    return FilterErrors(y_hat - y, mend(y_hat) - y)


def _post_filter(model: Codec) -> torch.nn.Module:
    if model.post_filter is None:
        raise LicLabError(
            f"{type(model).__name__} has no post-quantisation filter: use asymmetric with post_filter=True"
        )
    return model.post_filter


@torch.no_grad()
def partitions(model: Codec, x: Image) -> dict[str, Tensor]:
    """Say which channels every partition of the analysis sends to the convolutions: path -> bool (b, channels).

    The others go to the scan. x: (b, 3, h, w) in [0, 1]. Raises LicLabError for a model that has no partition.
    """
    paths = [
        f"analysis.{path}"
        for path, part in model.analysis.named_modules()
        if isinstance(part, AdaptiveChannelPartition)
    ]
    if not paths:
        raise LicLabError(f"{type(model).__name__} has no channel partition: use csm")
    whole = model.analysis
    with watched_choices(whole) as choices:
        model.analyse(x)
    found = {}
    for path, choice in zip(paths, choices, strict=True):
        near = torch.zeros(choice.score.shape, dtype=torch.bool, device=choice.score.device)
        found[path] = near.scatter_(1, choice.near, True).cpu()
    return found
