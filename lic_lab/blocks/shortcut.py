"""A linear way past the deep transform, started as a block DCT, so that training begins with a working codec."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lic_lab.types import Map

BLOCK = 16


def dct_matrix(n: int) -> Tensor:
    """Give the orthonormal DCT-II as an (n, n) matrix, one basis vector a row."""
    k, t = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(n, dtype=torch.float64)[None]
    basis = torch.cos(math.pi * (t + 0.5) * k / n) * math.sqrt(2 / n)
    basis[0] /= math.sqrt(2)
    return basis.float()


def color_dct_basis(channels: int, block: int = BLOCK) -> Tensor:
    """Give the `channels` first vectors of a 3-D DCT over colour, rows and columns: (channels, 3, block, block).

    Two thirds of the channels are luma, the rest is shared by the two chroma axes; within each the lowest spatial
    frequencies come first, and the three kinds are interleaved in proportion so that early slices hold the energy.
    Raises ValueError where the block has fewer than `channels` basis vectors to give.
    """
    if channels > 3 * block * block:
        raise ValueError(f"a {block}x{block} colour block has only {3 * block * block} coefficients, not {channels}")
    dct, color = dct_matrix(block), dct_matrix(3)
    zigzag = sorted(((i, j) for i in range(block) for j in range(block)), key=lambda ij: (ij[0] ** 2 + ij[1] ** 2, ij))
    chroma = min(max(channels // 6, channels // 2 - block * block // 2), block * block)
    counts = (channels - 2 * chroma, chroma, chroma)
    picks = sorted(((rank / n, axis, rank) for axis, n in enumerate(counts) for rank in range(n)))
    return torch.stack([torch.einsum("c,i,j->cij", color[a], *(dct[f] for f in zigzag[r])) for _, a, r in picks])


def moved_dct(channels: int, pixels: int, block: int = BLOCK) -> tuple[Tensor, Tensor]:
    """Give what a camera moved to the right by so many pixels makes of `color_dct_basis`: two (channels, channels).

    y_moved[c] = y[c] @ here + y[c + 1] @ beyond, rows being inputs; 0 <= pixels <= block. It is exact for pictures that
    the `channels` coefficients hold.
    """
    basis = color_dct_basis(channels, block)
    here, beyond = torch.zeros_like(basis), torch.zeros_like(basis)  # each vector, seen through the moved block
    here[..., : block - pixels] = basis[..., pixels:]
    beyond[..., block - pixels :] = basis[..., :pixels]
    return torch.einsum("icxy,ocxy->io", here, basis), torch.einsum("icxy,ocxy->io", beyond, basis)


class DCTShortcut(nn.Module):
    """Add a trainable linear transform, started as a block DCT, to a deep one that starts at zero.

    Analysis: (b, 3, h, w) -> (b, latent, h/16, w/16); synthesis (`inverse=True`) the other way round.
    Step 0 of training is therefore the DCT codec of chapter 01. Ours; related: AuxT (Li et al., ICLR 2025).
    """

    def __init__(self, deep: nn.Sequential, latent: int, *, inverse: bool = False):
        super().__init__()
        kind = nn.ConvTranspose2d if inverse else nn.Conv2d
        ends = (latent, 3) if inverse else (3, latent)
        self.deep, self.linear = deep, kind(*ends, BLOCK, stride=BLOCK)
        basis = color_dct_basis(latent)
        with torch.no_grad():
            self.linear.weight.copy_(basis)  # both kinds store (latent, 3, 16, 16)
            self.linear.bias.copy_(torch.full((3,), 0.5) if inverse else -0.5 * basis.sum(dim=(1, 2, 3)))
            for parameter in deep[-1].parameters():
                parameter.zero_()

    def forward(self, x: Map) -> Map:
        with torch.autocast(x.device.type, enabled=False):  # a latent of 100 has no room in eight bits of mantissa
            straight = self.linear(x.float())
        return straight + self.deep(x)
