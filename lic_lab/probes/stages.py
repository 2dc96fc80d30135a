"""A model taken apart: the stages of its data flow, the transforms opened once more, and what people call them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from lic_lab.blocks.shortcut import DCTShortcut
from lic_lab.blocks.stereo import AcrossViews
from lic_lab.models.base import Codec

NAMES = {
    "latent.analysis": "hyper analysis",
    "latent.synthesis": "hyper synthesis",
    "latent.density": "density of z",
}
"""What people call the stages of a latent; every other one is called by its own name."""

OPENED = ("analysis", "synthesis")
"""The stages that are shown part by part."""

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
"""Modules that only hold others: within an opened stage they are opened too; every other module is a part."""


@dataclass(frozen=True)
class Piece:
    """A stage or a part of one: where it is in the model, what it is called, and whether it runs beside its siblings.

    beside: true for a shortcut past the other parts.   parts: of an opened stage, in the order of definition.
    """

    path: str
    module: nn.Module
    name: str
    beside: bool = False
    parts: tuple[Piece, ...] = ()


def split(model: Codec) -> list[Piece]:
    """Give the children of the model, with those of `latent` instead of the latent itself; transforms have parts."""
    children = {path: module for path, module in model.named_children() if path != "latent"}
    children |= {f"latent.{path}": module for path, module in model.latent.named_children()}
    return [
        Piece(path, module, stage_name(path), parts=tuple(_parts(path, module)) if path in OPENED else ())
        for path, module in children.items()
    ]


def stage_name(path: str) -> str:
    """Give what people call a stage: "hyper analysis" for latent.analysis, "post filter" for post_filter."""
    return NAMES.get(path, path.removeprefix("latent.").replace("_", " "))


def _parts(path: str, module: nn.Module) -> Iterator[Piece]:
    for own, child in module.named_children():
        inner = f"{path}.{own}"
        if type(child) in CONTAINERS:
            yield from _parts(inner, child)
        elif isinstance(module, DCTShortcut) and child is module.linear:
            yield Piece(inner, child, "DCT shortcut", beside=True)
        else:
            yield Piece(inner, child, kind(child) if own.isdigit() else f"{own}: {kind(child)}")


def kind(module: nn.Module) -> str:
    """Say what a layer is in a few letters: "conv 5x5 s2", "conv 3x3 across", "IGDN"; other modules by their class."""
    if isinstance(module, AcrossViews):
        return f"{kind(module.own)} across"
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        word = "deconv" if isinstance(module, nn.ConvTranspose2d) else "conv"
        depthwise = "depthwise " if module.groups == module.in_channels > 1 else ""
        stride = f" s{module.stride[0]}" if max(module.stride) > 1 else ""
        return f"{depthwise}{word} {'x'.join(map(str, module.kernel_size))}{stride}"
    inverse = "I" if getattr(module, "inverse", False) is True else ""  # as papers write IGDN
    return inverse + type(module).__name__
