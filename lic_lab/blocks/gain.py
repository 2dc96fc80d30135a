"""One set of weights for every rate: scale the latent before rounding, and back after it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Gain(nn.Module):
    """Multiply each latent channel by a learned gain that depends on the rate point.

    A rate point is a position on the ladder of lambdas, 0 <= rate <= len(lambdas) - 1; between two rungs
    the gain is interpolated geometrically, so lambda is a continuous knob.
    Source: Cui et al., "Asymmetric gained deep image compression with continuous rate adaptation", CVPR 2021,
    Sec. 3.2-3.3. Ours: gains start from theory. For an orthonormal transform of pictures in [0, 1] the step that
    minimises R + lambda 255^2 MSE at high rate is about sqrt(4e-4 / lambda).
    """

    def __init__(self, channels: int, lambdas: list[float]):
        super().__init__()
        start = 0.5 * torch.log(torch.tensor(lambdas, dtype=torch.float64) / 4e-4).float()
        self.log_gain = nn.Parameter(start[:, None].repeat(1, channels))  # (rungs, channels)
        self.log_inverse = nn.Parameter(-start[:, None].repeat(1, channels))

    def forward(self, rate: Tensor) -> tuple[Tensor, Tensor]:
        """Give gain and inverse gain, each (b, channels, 1, 1), for rate points (b,)."""
        below = rate.floor().clamp(0, len(self.log_gain) - 2).long()
        t = (rate - below)[:, None]

        def at(logs: Tensor) -> Tensor:
            return torch.exp(torch.lerp(logs[below], logs[below + 1], t))[:, :, None, None]

        return at(self.log_gain), at(self.log_inverse)
