"""Names for shapes, and the few records that travel between rooms.

Legend used everywhere: b batch, c channels, h w rows and columns, l tokens, d inner channels, n state size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor

Image: TypeAlias = Tensor  # (b, 3, h, w), RGB in [0, 1]; of a stereo codec (b, 2, 3, h, w), left before right
Map: TypeAlias = Tensor  # (b, c, h, w), a feature map
Tokens: TypeAlias = Tensor  # (b, l, d), a feature map read in some order


@dataclass
class Output:
    """What one pass of a codec gives: the reconstruction and what it costs.

    x_hat: (b, 3, h, w), or (b, 2, 3, h, w) of a stereo codec, RGB in [0, 1] up to the model's own error.
    parts: bits per picture, or per pair, (b,), named by what they code ("z", "y").
    extra: what a model adds to the objective in training, per picture (b,), by name.
    """

    x_hat: Image
    parts: dict[str, Tensor] = field(default_factory=dict)
    extra: dict[str, Tensor] = field(default_factory=dict)

    @property
    def bits(self) -> Tensor:
        """Estimated bits of each picture, all parts together: (b,)."""
        return sum(self.parts.values())

    @property
    def bpp(self) -> Tensor:
        """Estimated bits per pixel of each picture, or of both of a pair: (b,)."""
        return self.bits / (self.x_hat[0].numel() // 3)
