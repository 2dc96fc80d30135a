"""Serial contexts: every position may look at all positions before it, so it has to wait for them.

Training cannot wait. What is decoded before a position depends on the means predicted there, position after position,
and such a chain is as slow as decoding, so one parallel pass reads the latent with uniform noise in place of rounding.
Everywhere else, also for estimates in evaluation, the chain is walked and the context reads what the decoder holds.
Source of the stand-in: Minnen, Balle, Toderici, "Joint autoregressive and hierarchical priors", NeurIPS 2018, Sec. 2.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lic_lab.blocks.exact import ExactLayerNorm, ExactLinear
from lic_lab.blocks.ssm import SelectiveSSM
from lic_lab.entropy.wires import Estimate, Wire
from lic_lab.errors import LicLabError
from lic_lab.ops.rounding import add_noise
from lic_lab.types import Map, Tokens


class RasterContext(nn.Module):
    """Code positions in raster order, each from its decoded neighbours above and to the left and from hyper features.

    Shapes: y (b, latent, h, w) or None on the decoder; hyper (b, features, h, w) -> y_hat like y.
    kernel: side of the window, odd; what is decoded in it are its k^2 // 2 sites before the middle one (mask A).
    Positions of one wavefront are coded at once (`fronts`): 141 steps for 32 x 48 positions, not 1536.
    Source: Minnen, Balle, Toderici, NeurIPS 2018, Table 1. Ours: wavefronts, exact layers, one hidden layer. (BiMamba's
    code stacks three masks of kind A, which hides the nearest neighbours, and adds what others fuse.)
    """

    def __init__(self, latent: int, features: int, *, hidden: int, kernel: int = 5):
        super().__init__()
        if kernel < 3 or kernel % 2 == 0:
            raise LicLabError(f"a raster context of kernel {kernel} has no middle or no past: use 3, 5 or 7")
        self.kernel, self.latent = kernel, latent
        self.near = ExactLinear(latent * (kernel**2 // 2), hidden)  # the half of a convolution that is not masked
        self.params = mean_scale_net(hidden + features, hidden, latent)

    def forward(self, y: Map | None, hyper: Map, wire: Wire) -> Map:
        if is_training(wire):
            return wire.gaussian(y, *_maps(self._predict(self._all_near(add_noise(y)), _tokens(hyper)), y))
        (b, _, h, w), reach = hyper.shape, self.kernel // 2
        canvas = hyper.new_zeros(b, self.latent, h + reach, w + 2 * reach).flatten(2)  # zeros around what is decoded
        hyper, y = _tokens(hyper), None if y is None else y.flatten(2)
        for sites in fronts(h, w, self.kernel):
            place, past = self._on_canvas(sites.to(hyper.device), w)
            near = canvas[..., past].transpose(1, 2).flatten(2)  # (b, sites, latent * taps)
            mean, scale = self._predict(self.near(near), hyper[:, sites]).transpose(1, 2).chunk(2, dim=1)
            canvas[..., place] = wire.gaussian(None if y is None else y[..., sites], mean, scale)
        return canvas.unflatten(2, (h + reach, -1))[..., reach:, reach : reach + w]

    def _predict(self, near: Tokens, hyper: Tokens) -> Tokens:
        """Give means and scales, (b, l, 2 latent), of l sites from what is near them and from their hyper features."""
        return self.params(torch.cat([F.leaky_relu(near), hyper], dim=-1))

    def _all_near(self, y: Map) -> Tokens:
        """Give `near` of every position at once: (b, latent, h, w) -> (b, l, hidden)."""
        k, reach = self.kernel, self.kernel // 2
        weight = self.near.weight.unflatten(1, (self.latent, -1))  # (hidden, latent, taps)
        weight = F.pad(weight, (0, k - reach)).unflatten(2, (reach + 1, k))  # nothing at and after the middle
        return _tokens(F.conv2d(F.pad(y, (reach, reach, reach, 0)), weight, self.near.bias))

    def _on_canvas(self, sites: Tensor, w: int) -> tuple[Tensor, Tensor]:
        """Say where sites (s,) of a map w wide lie on the canvas, (s,), and their taps, (s, k^2 // 2)."""
        k, reach = self.kernel, self.kernel // 2
        width, taps = w + 2 * reach, torch.arange(k**2 // 2, device=sites.device)
        place = (sites // w + reach) * width + sites % w + reach
        return place, place[:, None] + (taps // k - reach) * width + taps % k - reach


def fronts(h: int, w: int, kernel: int) -> list[Tensor]:
    """Give the sites (row * w + column) of each wavefront, in coding order: int64 (sites,) each, together h * w.

    column + (kernel // 2 + 1) * row is constant along a front; then no site lies in the causal window of another one,
    and all that lies in its own is on earlier fronts.
    """
    row, column = np.divmod(np.arange(h * w), w)
    front = column + (kernel // 2 + 1) * row
    order = np.argsort(front, kind="stable")
    return [torch.from_numpy(sites) for sites in np.split(order, np.flatnonzero(np.diff(front[order])) + 1)]


class ScanRasterContext(nn.Module):
    """Code positions in raster order, each from the state that a selective SSM is in after all positions before it.

    Shapes: y (b, latent, h, w) or None on the decoder; hyper (b, features, h, w) -> y_hat like y.
    Token t holds the hyper features of position t and the decoded latent of position t - 1; what the SSM says of it
    gives mean and scale of position t. When coding, memory is the same at every step: a state of expand * width * state
    numbers and three inputs of a convolution.   width: of the tokens.
    Source: the recurrence of Mamba, arXiv 2312.00752, Algorithm 2, where Asymmetric's code has no state. Ours.
    """

    def __init__(self, latent: int, features: int, *, width: int, state: int = 16, expand: int = 2):
        super().__init__()
        self.latent = latent
        self.embed, self.norm = ExactLinear(latent + features, width), ExactLayerNorm(width)
        self.ssm = SelectiveSSM(width, state=state, expand=expand)
        self.params = mean_scale_net(width, width, latent)

    def forward(self, y: Map | None, hyper: Map, wire: Wire) -> Map:
        size, hyper = hyper.shape[-2:], _tokens(hyper)
        if is_training(wire):
            past = F.pad(_tokens(add_noise(y)), (0, 0, 1, -1))  # the latent of the position before
            tokens = self.embed(torch.cat([past, hyper], dim=-1))
            return wire.gaussian(y, *_maps(self.params(tokens + self.ssm(self.norm(tokens))), y))
        y = None if y is None else y.flatten(2)
        last, memory, known = hyper.new_zeros(len(hyper), 1, self.latent), None, []
        for t in range(hyper.shape[1]):
            token = self.embed(torch.cat([last, hyper[:, t, None]], dim=-1))  # (b, 1, width)
            read, memory = self.ssm.resume(self.norm(token), memory)
            mean, scale = self.params(token + read).transpose(1, 2).chunk(2, dim=1)  # each (b, latent, 1)
            known.append(wire.gaussian(None if y is None else y[..., t, None], mean, scale))
            last = known[-1].transpose(1, 2)
        return torch.cat(known, dim=-1).unflatten(2, size)


def mean_scale_net(inputs: int, hidden: int, latent: int) -> nn.Sequential:
    """Make two linear layers that say mean and scale: (b, l, inputs) -> (b, l, 2 latent).

    Means start near zero and scales near one, as in `entropy.slices.mean_scale`.
    """
    last = ExactLinear(hidden, 2 * latent)
    with torch.no_grad():
        last.weight *= 0.1
    nn.init.constant_(last.bias[latent:], 1.0)
    return nn.Sequential(ExactLinear(inputs, hidden), nn.LeakyReLU(), last)


def is_training(wire: Wire) -> bool:
    """Whether noise stands for rounding on this wire, so that no chain need be walked."""
    return isinstance(wire, Estimate) and wire.training


def _tokens(x: Map) -> Tokens:
    return x.flatten(2).transpose(1, 2)  # (b, c, h, w) -> (b, l, c), row by row


def _maps(params: Tokens, y: Map) -> tuple[Map, Map]:
    return params.transpose(1, 2).unflatten(2, y.shape[-2:]).chunk(2, dim=1)  # mean and scale, each like y
