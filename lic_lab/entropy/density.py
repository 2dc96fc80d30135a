"""A learned density for each channel of the side latent z, with nothing to condition on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lic_lab.coding.tables import Tables
from lic_lab.ops.rounding import lower_bound
from lic_lab.types import Map

LIKELIHOOD_FLOOR = 1e-9  # nothing costs more than 30 bits in the estimate
_REACH = 1024  # integers looked at on each side of the median when tables are made
_TAIL = 2.0**-18  # probability left to the escape on each side


class FactorizedDensity(nn.Module):
    """Give each channel its own cumulative distribution, a small monotone network of one variable.

    Legend: c channels; each layer k maps r_k to r_{k+1} values, 1 -> 3 -> 3 -> 3 -> 3 -> 1.
    Source: Balle et al., "Variational image compression with a scale hyperprior", ICLR 2018, Appendix 6.1.
    Ours: values are rounded around a stored `median` that stays 0 unless weights bring their own.
    """

    def __init__(self, channels: int, *, widths: tuple[int, ...] = (3, 3, 3, 3), init_scale: float = 10.0):
        super().__init__()
        sizes = (1, *widths, 1)
        scale = init_scale ** (1 / (len(widths) + 1))
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(sizes):
            start = float(np.log(np.expm1(1 / scale / outputs)))
            self.matrices.append(torch.full((channels, outputs, inputs), start))
            self.biases.append(torch.empty(channels, outputs, 1).uniform_(-0.5, 0.5))
        for outputs in widths:
            self.factors.append(torch.zeros(channels, outputs, 1))
        self.register_buffer("median", torch.zeros(channels))
        self._tables: Tables | None = None

    def logits(self, values: Tensor) -> Tensor:
        """Give the logit of the cumulative distribution at `values` (c, 1, n): same shape."""
        x = values
        for k, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            x = F.softplus(matrix) @ x + bias  # (c, r, n); positive weights keep it monotone
            if k < len(self.factors):
                x = x + torch.tanh(self.factors[k]) * torch.tanh(x)
        return x

    def likelihood(self, z: Map) -> Map:
        """Give the probability of the unit interval around each value of z: (b, c, h, w) -> same, in [1e-9, 1]."""
        b, c, h, w = z.shape
        values = z.float().transpose(0, 1).reshape(c, 1, -1)
        lower, upper = self.logits(values - 0.5), self.logits(values + 0.5)
        sign = -torch.sign(lower + upper).detach()  # the tail where sigmoid differences keep their digits
        p = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        return lower_bound(p, LIKELIHOOD_FLOOR).reshape(c, b, h, w).transpose(0, 1)

    @property
    def tables(self) -> Tables:
        """Give the integer tables of all channels, stored with trained weights and made once otherwise."""
        if self._tables is None:
            self._tables = self._make_tables()
        return self._tables

    @tables.setter
    def tables(self, tables: Tables | None) -> None:
        self._tables = tables

    @torch.no_grad()
    def _make_tables(self) -> Tables:
        reach = torch.arange(-_REACH, _REACH + 1, dtype=torch.float32, device=self.median.device)
        values = reach + self.median[:, None]  # (c, n)
        p = self.likelihood(values.t()[:, :, None, None])[:, :, 0, 0].t().double().cpu().numpy()
        pmfs, offsets = [], []
        for row in p:
            mass = np.cumsum(row)
            first = min(int(np.searchsorted(mass, _TAIL)), _REACH)
            last = max(int(np.searchsorted(mass, mass[-1] - _TAIL)), _REACH)
            pmfs.append(row[first : last + 1])
            offsets.append(first - _REACH)
        return Tables.from_pmfs(pmfs, offsets)

    def _load_from_state_dict(self, *state, **how) -> None:
        """Forget the tables when other weights come, too."""
        super()._load_from_state_dict(*state, **how)
        self._tables = None

    def train(self, mode: bool = True) -> FactorizedDensity:
        """Forget the tables when training begins, since they would no longer be true."""
        if mode:
            self._tables = None
        return super().train(mode)
