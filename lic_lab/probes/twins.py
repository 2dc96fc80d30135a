"""The control of every look into trained weights: the same network as it was born."""

from __future__ import annotations

import torch

from lic_lab.models.base import Codec
from lic_lab.models.presets import build


def untrained(name: str, preset: str = "lab", *, seed: int = 0, **switches) -> Codec:
    """Make a model with fresh weights, the same ones for the same seed, in evaluation mode; no random state moves.

    switches: see `presets.build`. A model with `shortcut="dct"` is born with a last layer of zeros, so that training
    begins as a DCT codec: give shortcut=None where that layer is to be looked at. One on a `trunk` is born with blocks
    that add nothing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(name, preset, **switches)
