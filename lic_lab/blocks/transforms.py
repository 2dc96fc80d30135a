"""The transforms of the first learned codecs: strided 5x5 convolutions with GDN between them."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from lic_lab.blocks.conv import down, up
from lic_lab.blocks.gdn import GDN
from lic_lab.blocks.shortcut import DCTShortcut
from lic_lab.errors import LicLabError


def conv_analysis(widths: tuple[int, ...], latent: int, *, shortcut: str | None = None) -> nn.Module:
    """Map a picture to its latent: (b, 3, h, w) -> (b, latent, h/16, w/16) for three widths.

    Source: Balle et al. 2018, Fig. 4 (left); `shortcut="dct"` adds `blocks.shortcut.DCTShortcut`.
    """
    steps: list[nn.Module] = [down(3, widths[0])]
    for inputs, outputs in pairwise((*widths, latent)):
        steps += [GDN(inputs), down(inputs, outputs)]
    return _with_shortcut(nn.Sequential(*steps), latent, shortcut, inverse=False)


def conv_synthesis(widths: tuple[int, ...], latent: int, *, shortcut: str | None = None) -> nn.Module:
    """Map a latent to a picture, the mirror of `conv_analysis`: (b, latent, h/16, w/16) -> (b, 3, h, w)."""
    steps: list[nn.Module] = []
    for inputs, outputs in pairwise((latent, *reversed(widths))):
        steps += [up(inputs, outputs), GDN(outputs, inverse=True)]
    return _with_shortcut(nn.Sequential(*steps, up(widths[0], 3)), latent, shortcut, inverse=True)


def _with_shortcut(deep: nn.Sequential, latent: int, shortcut: str | None, *, inverse: bool) -> nn.Module:
    if shortcut not in (None, "dct"):
        raise LicLabError(f"unknown shortcut {shortcut!r}: use 'dct' or None")
    return DCTShortcut(deep, latent, inverse=inverse) if shortcut else deep
