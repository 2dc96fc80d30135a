"""Serial contexts: every position may look at all positions before it, so it has to wait for them.

Training cannot wait. What is decoded before a position depends on the means predicted there, position after position,
and such a chain is as slow as decoding, so one parallel pass reads the latent with uniform noise in place of rounding.
Everywhere else, also for estimates in evaluation, the chain is walked and the context reads what the decoder holds.
Source of the stand-in: Minnen, Balle, Toderici, "Joint autoregressive and hierarchical priors", NeurIPS 2018, Sec. 2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lic_lab.blocks.exact import ExactLayerNorm, ExactLinear
from lic_lab.blocks.ssm import SelectiveSSM
from lic_lab.entropy.wires import Estimate, Wire
from lic_lab.ops.rounding import add_noise
from lic_lab.ops.windows import Window, causal_taps
from lic_lab.types import Map, Tokens

Predict = Callable[[Tokens, Tensor], Tokens]
"""predict(past, sites): from what is decoded around sites (s,), (b, s, latent * taps), their means and scales,
(b, s, 2 latent)."""


def code_along_fronts(y: Map | None, hyper: Map, wire: Wire, predict: Predict, *, latent: int, kernel: int) -> Map:
    """Code a latent front by front, each position from its decoded neighbours above and to the left.

    Shapes: y (b, latent, h, w) or None on the decoder; hyper, only looked at for b, h, w -> y_hat (b, latent, h, w).
    kernel: side of the window, odd; what is decoded in it are its kernel^2 // 2 sites before the middle one.
    Positions of one wavefront are coded at once (`fronts`): 141 steps for 32 x 48 positions, not 1536.
    A wire that says it is `blind`, for it only counts, is given the same steps without waiting for any.
    """
    h, w = hyper.shape[-2:]
    window, y = Window(causal_taps(kernel), h, w, hyper.device), None if y is None else y.flatten(2)
    canvas = window.canvas(hyper, latent)  # zeros around what is decoded
    if is_training(wire):
        sites = torch.arange(h * w, device=hyper.device)
        canvas[..., window.places(sites)] = add_noise(y).to(canvas.dtype)
        mean, scale = predict(window.around(canvas, sites), sites).transpose(1, 2).chunk(2, dim=1)
        return wire.gaussian(y, mean, scale).unflatten(2, (h, w))
    if blind := getattr(wire, "blind", False):  # nothing is ever decoded, so all positions can be computed at once
        sites = torch.arange(h * w, device=hyper.device)
        everywhere = predict(window.around(canvas, sites), sites)
    for sites in fronts(h, w, kernel):
        sites = sites.to(hyper.device)
        params = everywhere[:, sites] if blind else predict(window.around(canvas, sites), sites)
        mean, scale = params.transpose(1, 2).chunk(2, dim=1)
        canvas[..., window.places(sites)] = wire.gaussian(None if y is None else y[..., sites], mean, scale)
    return window.inside(canvas)


class RasterContext(nn.Module):
    """Code positions in raster order, each from its decoded neighbours above and to the left and from hyper features.

    Shapes: y (b, latent, h, w) or None on the decoder; hyper (b, features, h, w) -> y_hat like y.
    kernel: see `code_along_fronts`.
    Source: Minnen, Balle, Toderici, NeurIPS 2018, Table 1. Ours: wavefronts, exact layers, one hidden layer. (BiMamba's
    code stacks three masks of kind A, which hides the nearest neighbours, and adds what others fuse.)
    """

    def __init__(self, latent: int, features: int, *, hidden: int, kernel: int = 5):
        super().__init__()
        self.kernel, self.latent = kernel, latent
        self.near = ExactLinear(latent * len(causal_taps(kernel)), hidden)  # the half of a kernel that is not masked
        self.params = mean_scale_net(hidden + features, hidden, latent)

    def forward(self, y: Map | None, hyper: Map, wire: Wire) -> Map:
        tokens = _tokens(hyper)

        def predict(past: Tokens, sites: Tensor) -> Tokens:
            return self.params(torch.cat([F.leaky_relu(self.near(past)), tokens[:, sites]], dim=-1))

        return code_along_fronts(y, hyper, wire, predict, latent=self.latent, kernel=self.kernel)


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
