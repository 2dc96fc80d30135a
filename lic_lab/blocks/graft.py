"""New blocks in a trained network: they begin as the identity, so that it goes on working while they learn."""

from __future__ import annotations

from torch import nn


def as_identity(block: nn.Module) -> nn.Module:
    """Set what a residual block ends in, its layers `last`, to zero, and give the block: x + last(...) is then x.

    The gradient reaches these layers at once, and what lies before them from the second step on.
    Source: zero-started residual branches, as in Goyal et al., arXiv 1706.02677, Sec. 5.1.
    """
    for layer in block.last:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
    return block
