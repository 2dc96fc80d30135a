"""From a picture to its latent and back: stages at halves of the size, with whatever blocks a model puts between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from torch import nn

from lic_lab.blocks.conv import down, up
from lic_lab.blocks.gdn import GDN
from lic_lab.blocks.graft import as_identity
from lic_lab.blocks.shortcut import DCTShortcut
from lic_lab.errors import LicLabError

Stage = Callable[[int, int], Iterable[nn.Module]]
"""Gives the blocks of one stage: stage(i, width) at 1/2**(i + 1) of the size, each (b, width, h, w) -> same."""


def staged_analysis(widths: tuple[int, ...], latent: int, stage: Stage, *, shortcut: str | None = None) -> nn.Module:
    """Map a picture to its latent, down by two before every stage and after the last.

    Shapes: (b, 3, h, w) -> (b, latent, h/16, w/16) for three widths.   shortcut: "dct" adds `DCTShortcut`.
    """
    steps: list[nn.Module] = [down(3, widths[0])]
    for i, (inputs, outputs) in enumerate(pairwise((*widths, latent))):
        steps += [*stage(i, inputs), down(inputs, outputs)]
    return with_shortcut(nn.Sequential(*steps), latent, shortcut, inverse=False)


def staged_synthesis(widths: tuple[int, ...], latent: int, stage: Stage, *, shortcut: str | None = None) -> nn.Module:
    """Map a latent to a picture, the mirror of `staged_analysis`: (b, latent, h/16, w/16) -> (b, 3, h, w)."""
    steps: list[nn.Module] = []
    for i, (outputs, inputs) in reversed(list(enumerate(pairwise((*widths, latent))))):
        steps += [up(inputs, outputs), *stage(i, outputs)]
    return with_shortcut(nn.Sequential(*steps, up(widths[0], 3)), latent, shortcut, inverse=True)


def conv_analysis(widths: tuple[int, ...], latent: int, *, shortcut: str | None = None) -> nn.Module:
    """Map a picture to its latent by strided 5x5 convolutions with GDN between.

    Shapes: (b, 3, h, w) -> (b, latent, h/16, w/16) for three widths. Source: Balle et al. 2018, Fig. 4 (left).
    """
    return staged_analysis(widths, latent, lambda _, width: [GDN(width)], shortcut=shortcut)


def conv_synthesis(widths: tuple[int, ...], latent: int, *, shortcut: str | None = None) -> nn.Module:
    """Map a latent to a picture, the mirror of `conv_analysis`: (b, latent, h/16, w/16) -> (b, 3, h, w)."""
    return staged_synthesis(widths, latent, lambda _, width: [GDN(width, inverse=True)], shortcut=shortcut)


def grafted(stage: Stage, *, inverse: bool = False) -> Stage:
    """Put the blocks of a stage behind GDN, as the identity at first.

    A staged transform of these begins as `conv_analysis` or, `inverse`, as `conv_synthesis` of the same widths.
    """
    return lambda i, width: [GDN(width, inverse=inverse), *map(as_identity, stage(i, width))]


def with_shortcut(deep: nn.Sequential, latent: int, shortcut: str | None, *, inverse: bool) -> nn.Module:
    """Give the transform itself, or with the linear way past it that `shortcut="dct"` asks for."""
    if shortcut not in (None, "dct"):
        raise LicLabError(f"unknown shortcut {shortcut!r}: use 'dct' or None")
    return DCTShortcut(deep, latent, inverse=inverse) if shortcut else deep
