"""What an entropy model's contexts are worth to it: the same file written with one of them kept silent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from lic_lab.blocks.scan2d import BiScanBlock, VSSBlock
from lic_lab.entropy.checkerboard import AddNeighbours, LocalGlobal
from lic_lab.entropy.raster import RasterContext
from lic_lab.entropy.slices import SliceContext
from lic_lab.entropy.stereo import StereoCheckerboard, StereoRaster
from lic_lab.entropy.twins import TwinSearch
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec

CONTEXTS = {
    "slices": "the channel slices before",
    "neighbours": "positions of the same slice that are decoded",
    "scan": "what a scan over all positions tells",
    "other view": "what a `TwinSearch` finds in the other view of a pair",
}
"""What can be withheld, by name."""


def contexts_of(model: Codec) -> tuple[str, ...]:
    """Name the contexts that the entropy model of a codec has, of `CONTEXTS`."""
    return tuple(name for name in CONTEXTS if list(_handles(model, name)))


@contextmanager
def withheld(model: Codec, *names: str) -> Iterator[Codec]:
    """Keep contexts of a model silent within a `with` block: every step that would hear them hears zeros.

    Encoder and decoder do so alike, so files that are written inside decode inside, and only there. The picture changes
    too, because what is heard also corrects rounding errors: compare at equal quality. The weights were trained with
    the context, so what a file then grows by is the most that the context can be worth, not what a model trained
    without it would need. Raises LicLabError for a context that the model has not.
    """
    have = contexts_of(model)
    for name in names:
        if name not in have:
            raise LicLabError(
                f"{type(model).__name__} has no context {name!r} to withhold: it has {', '.join(have) or 'none'}"
            )
    with ExitStack() as stack:
        for name in names:
            for module, hook, before in _handles(model, name):
                put = module.register_forward_pre_hook if before else module.register_forward_hook
                stack.callback(put(hook).remove)
        yield model


def _handles(model: Codec, name: str) -> Iterator[tuple[nn.Module, object, bool]]:
    """Give (module, hook, whether it comes before the module) for everything that lets a context be heard."""
    for module in model.latent.context.modules():
        if name == "slices" and isinstance(module, SliceContext) and len(module.slices) > 1:
            for number, step in enumerate(module.steps[1:], start=1):
                yield step, _silent_slices(sum(module.slices[:number])), True
        elif name == "neighbours" and isinstance(module, (LocalGlobal, AddNeighbours)):
            yield module, _silent_known, True
        elif name == "neighbours" and isinstance(module, (RasterContext, StereoCheckerboard, StereoRaster)):
            yield module.near, _silent, False
        elif name == "other view" and isinstance(module, TwinSearch):
            yield module, _silent, False
        elif name == "scan" and isinstance(module, VSSBlock):
            yield module.ss2d, _silent, False
        elif name == "scan" and isinstance(module, BiScanBlock):
            yield module.settle, _silent, False


def _silent_slices(channels: int):
    """Make a hook that silences the last `channels` maps of what a step sees: those of the slices before."""

    def hook(module: nn.Module, inputs: tuple) -> tuple:
        y, seen, wire = inputs
        heard = seen.shape[1] - channels
        return y, torch.cat([seen[:, :heard], torch.zeros_like(seen[:, heard:])], dim=1), wire

    return hook


def _silent_known(module: nn.Module, inputs: tuple) -> tuple:
    seen, known = inputs
    return seen, torch.zeros_like(known)


def _silent(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
    return torch.zeros_like(output)
