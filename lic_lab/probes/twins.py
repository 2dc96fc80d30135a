"""The control of every look into trained weights: the same network as it was born."""

from __future__ import annotations

import torch

from lic_lab.models.base import Codec
from lic_lab.models.presets import build


def untrained(name: str, preset: str = "lab", *, seed: int = 0, awake: bool = False, **switches) -> Codec:
    """Make a model with fresh weights, the same ones for the same seed, in evaluation mode; no random state moves.

    switches: see `presets.build`. A model with `shortcut="dct"` is born with a last layer of zeros, so that training
    begins as a DCT codec: give shortcut=None where that layer is to be looked at.   awake: a model on a `trunk` is born
    with blocks that add nothing (`blocks.graft`); True gives their last layers the weights that they would have without
    a trunk, where what random blocks do is to be looked at.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(name, preset, **switches)
        if awake:
            _wake(model)
    return model


def _wake(model: Codec) -> None:
    """Undo `blocks.graft.as_identity` in all blocks of a model."""
    for layer in (layer for block in model.modules() for layer in getattr(block, "last", ())):
        if not any(parameter.any() for parameter in layer.parameters()):
            layer.reset_parameters()
