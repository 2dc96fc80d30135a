"""The feature maps of an analysis: what every block gives, and what goes on inside the blocks of two paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from lic_lab.blocks.hybrid import ContentAdaptive
from lic_lab.blocks.partition import StateSpaceResidualBlock
from lic_lab.blocks.scan2d import BiScanBlock
from lic_lab.models.base import Codec
from lic_lab.ops.color import image_to_tensor
from lic_lab.ops.geometry import pad_to_multiple
from lic_lab.probes.stages import split
from lic_lab.types import Map

Pick = Callable[[tuple, Tensor], Map]
"""Takes a map out of what a module was given and what it answered: pick(inputs, output)."""


@dataclass(frozen=True)
class Features:
    """What a block gives, or what is said inside of one.

    path, name: of the block in the model, or of the place inside it.   block: path of the block that this is inside of,
    "" for a block itself.   maps: (b, c, h, w), one b for each view.
    """

    path: str
    name: str
    block: str = ""
    maps: Map = field(default=None, repr=False)


@torch.no_grad()
def block_features(model: Codec, picture: np.ndarray, *, insides: bool = False) -> list[Features]:
    """Give what every block of a model's analysis makes of a picture, in the order of the data flow.

    picture: uint8 (h, w, 3), or a pair (2, h, w, 3); padded as for coding.   insides: true for the paths inside hybrid
    blocks too, each before the block that holds it, see `inside`.
    Where a shortcut goes past the blocks, the last entry is their sum, the latent.
    """
    views = picture.reshape(-1, *picture.shape[-3:])
    x = torch.cat([image_to_tensor(np.ascontiguousarray(view)) for view in views])
    stage = next(piece for piece in split(model) if piece.path == "analysis")
    seen: dict[str, Features] = {}
    hooks = []
    for part in (part for part in stage.parts if not part.beside):
        places = inside(part.module) if insides else {}
        for own, (module, pick, name) in places.items():  # before the block's own hook: the order of the data flow
            hooks.append(_listen(module, pick, Features(f"{part.path}.{own}", name, part.path), seen))
        hooks.append(_listen(part.module, _given, Features(part.path, part.name), seen))
    try:
        y = model.analysis(pad_to_multiple(x.to(next(model.parameters()).device), model.multiple))
    finally:
        for hook in hooks:
            hook.remove()
    if any(part.beside for part in stage.parts):
        seen["analysis"] = Features("analysis", "latent, with its shortcut", maps=y.cpu())
    return list(seen.values())


def inside(block: nn.Module) -> dict[str, tuple[nn.Module, Pick, str]]:
    """Say what can be heard inside a hybrid block: own path -> module to listen to, what of it, name; {} for others.

    `ContentAdaptive`: both paths with and without the x that each adds to, their mix, its projection.
    `StateSpaceResidualBlock`: the channels for convolutions and those for the scan, before and after, and what is
    added.   `BiScanBlock`: what is added.
    """
    if isinstance(block, ContentAdaptive):
        return _two_paths(block)
    if isinstance(block, StateSpaceResidualBlock):
        return _two_parts(block)
    if isinstance(block, BiScanBlock):
        return {"settle": (block, lambda inputs, output: output - inputs[0], "SSM adds")}
    return {}


def _two_paths(block: ContentAdaptive) -> dict[str, tuple[nn.Module, Pick, str]]:
    found = {}
    if block.ssm:
        found |= {"ssm.ss2d": (block.ssm.ss2d, _given, "SSM adds"), "ssm": (block.ssm, _given, "SSM path")}
    if block.cnn:
        found |= {"cnn.body": (block.cnn.body, _given, "CNN adds"), "cnn": (block.cnn, _given, "CNN path")}
    mixed = {"mixed": (block.project, _taken, "fusion")} if block.ssm and block.cnn else {}
    return found | mixed | {"project": (block.project, _given, "block adds")}


def _two_parts(block: StateSpaceResidualBlock) -> dict[str, tuple[nn.Module, Pick, str]]:
    near, far = block.partition.sizes
    found = {}
    if far:
        found["partition.far"] = (block.partition, lambda inputs, output: output[1], "before the SSM")
        found["far"] = (block.far, _given, "SSM adds")
    if near:
        found["partition.near"] = (block.partition, lambda inputs, output: output[0], "before the CNN")
        found["near"] = (block.near, _given, "CNN adds")
    return found | {"fuse": (block.fuse, _given, "block adds")}


def _given(inputs: tuple, output: Tensor) -> Map:
    return output


def _taken(inputs: tuple, output: Tensor) -> Map:
    return inputs[0]


def _listen(module: nn.Module, pick: Pick, place: Features, seen: dict[str, Features]):
    """Note under its path what passes; gives the handle that ends it."""

    def note(module, inputs, output):
        seen[place.path] = Features(place.path, place.name, place.block, pick(inputs, output).cpu())

    return module.register_forward_hook(note)
