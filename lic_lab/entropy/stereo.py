"""The cross-dimensional context: channels, neighbours and the other view all say what to expect of a latent.

Pairs are neighbours in the batch (see `blocks.stereo`), so a step codes both views at once, and none waits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from lic_lab.blocks.exact import ExactLinear, exact_conv
from lic_lab.blocks.stereo import Layer
from lic_lab.entropy.raster import code_along_fronts
from lic_lab.entropy.slices import SliceContext, corrected, residual_network, stacked
from lic_lab.entropy.wires import Wire
from lic_lab.errors import LicLabError
from lic_lab.ops.checkerboard import merge, split
from lic_lab.ops.windows import Window, causal_taps, checkerboard_taps
from lic_lab.types import Map, Tokens


class StereoContext(SliceContext):
    """Code the latents of both views in channel slices, from hyper features, earlier slices, neighbours and each other.

    Shapes: y (2b, sum(slices), h, w) or None on the decoder; hyper (2b, features, h, w), half of the features for the
    means and half for the scales -> y_hat like y.
    mix: a module (2b, width, h, w) -> same that looks across the views, one for all slices; None where earlier slices
    shall not be read.   channel: widths of the layers that read earlier slices; the last is `width`.   places: makes
    what codes a slice, `ByPosition` or one of its kind: places(size, inputs).   residual: see `residual_network`.
    Source: BiSIC, arXiv 2407.10632. Its code estimates with contexts of round(y), which no decoder has; ours
    reads what the wire gives back, and has softsign for tanh and LeakyReLU for GELU, which are equal on every device.
    """

    def __init__(
        self, slices: tuple[int, ...], features: int, *, mix: nn.Module | None, channel: tuple[int, ...],
        places: Callable[[int, int], nn.Module], residual: tuple[int, ...] | None,
    ):  # fmt: skip
        mix = mix if len(slices) > 1 else None
        step = partial(StereoStep, features=features, mix=mix, channel=channel, places=places, residual=residual)
        super().__init__(slices, features, step)
        self.mix = mix


class StereoStep(nn.Module):
    """Code one slice of both views; then guess its rounding error.

    Shapes: y (2b, size, h, w) or None on the decoder; seen (2b, inputs, h, w), hyper features and then what is known of
    earlier slices -> (2b, size, h, w). Arguments otherwise as `StereoContext`.
    """

    def __init__(
        self, inputs: int, size: int, *, features: int, mix: nn.Module | None, channel: tuple[int, ...],
        places: Callable[[int, int], nn.Module], residual: tuple[int, ...] | None,
    ):  # fmt: skip
        super().__init__()
        reads = mix is not None and inputs > features
        self.features, self.mix = features, (mix,)  # in a tuple: the context owns it, and its weights count once
        self.channel = stacked(partial(exact_conv, kernel=1), inputs - features, *channel) if reads else None
        width = features // 2 + (channel[-1] if reads else 0)
        self.places = places(size, width)
        self.residual = residual_network(width, size, 1, residual)

    def forward(self, y: Map | None, seen: Map, wire: Wire) -> Map:
        means, scales = seen[:, : self.features].chunk(2, dim=1)  # features for each, (2b, features / 2, h, w)
        if self.channel:
            told = self.mix[0](self.channel(seen[:, self.features :]))
            means, scales = (torch.cat([x, told], dim=1) for x in (means, scales))
        y_hat = self.places(y, means, scales, wire)
        return corrected(self.residual, means, y_hat)


class MeansAndScales(nn.Module):
    """Say mean and scale of some positions by two networks of linear layers.

    Shapes: means, scales (2b, l, inputs) -> mean and scale, each (2b, size, l).
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], size: int):
        super().__init__()
        self.mean, self.scale = (stacked(ExactLinear, inputs, *hidden, size) for _ in range(2))
        with torch.no_grad():
            for network, start in ((self.mean, 0.0), (self.scale, 1.0)):  # as `entropy.slices.mean_scale`
                network[-1].weight *= 0.1
                network[-1].bias.fill_(start)

    def forward(self, means: Tokens, scales: Tokens) -> tuple[Tensor, Tensor]:
        return self.mean(means).transpose(1, 2), self.scale(scales).transpose(1, 2)


class ByPosition(nn.Module):
    """Code a slice of both views without a look at neighbours, in one pass (ablation).

    Shapes: y (2b, size, h, w) or None on the decoder; means, scales (2b, inputs, h, w) -> y_hat (2b, size, h, w).
    hidden: widths of the two networks that say mean and scale.
    """

    def __init__(self, size: int, inputs: int, *, hidden: tuple[int, ...]):
        super().__init__()
        self.params = MeansAndScales(inputs, hidden, size)

    def forward(self, y: Map | None, means: Map, scales: Map, wire: Wire) -> Map:
        mean, scale = self.params(*(x.flatten(2).transpose(1, 2) for x in (means, scales)))
        return wire.gaussian(y, *(p.unflatten(2, means.shape[-2:]) for p in (mean, scale)))


class StereoCheckerboard(nn.Module):
    """Code a slice of both views in two passes: anchors first, then the others, who know the anchors of both views.

    Shapes and arguments as `ByPosition`.   layer: makes what gathers the neighbours, so that it can reach across.
    kernel: side of the window of neighbours.
    Source: He et al., CVPR 2021, Sec. 3, and BiSIC-Fast, arXiv 2407.10632. Ours: only the taps that can hold an
    anchor have weights, and each pass computes its own half of the positions. In training the others see the anchors
    rounded, with a straight-through gradient: what the wire gives back.
    """

    def __init__(self, size: int, inputs: int, *, hidden: tuple[int, ...], layer: Layer, kernel: int = 5):
        super().__init__()
        self.size, self.taps = size, checkerboard_taps(kernel)
        self.first = MeansAndScales(inputs, hidden, size)
        self.near = layer(ExactLinear, size * len(self.taps), 2 * size)
        self.second = MeansAndScales(inputs + 2 * size, hidden, size)

    def forward(self, y: Map | None, means: Map, scales: Map, wire: Wire) -> Map:
        h, w = means.shape[-2:]
        y_anchors, y_others = (None, None) if y is None else split(y)  # each (2b, size, positions)
        first, second = zip(*(split(x) for x in (means, scales)), strict=True)
        anchors = wire.gaussian(y_anchors, *self.first(*(x.transpose(1, 2) for x in first)))

        at_anchors, at_others = split(torch.arange(h * w, device=means.device).unflatten(0, (h, w)))
        window = Window(self.taps, h, w, means.device)
        canvas = window.canvas(anchors, self.size)
        canvas[..., window.places(at_anchors)] = anchors
        near = self.near(window.around(canvas, at_others))  # (2b, positions, 2 size)
        features = (torch.cat([x.transpose(1, 2), near], dim=-1) for x in second)
        return merge(anchors, wire.gaussian(y_others, *self.second(*features)), (h, w))


class StereoRaster(nn.Module):
    """Code a slice of both views along wavefronts, each position from what is decoded around it in both views.

    Shapes and arguments as `StereoCheckerboard`. The symbol of the other view at the same place is not waited for.
    In training all positions see their neighbours with noise, see `code_along_fronts`.
    Source: BiSIC, arXiv 2407.10632. Ours: wavefronts, so 141 steps for 32 x 48 positions, and weights for the 12 of 25
    taps that are decoded.
    """

    def __init__(self, size: int, inputs: int, *, hidden: tuple[int, ...], layer: Layer, kernel: int = 5):
        super().__init__()
        self.size, self.kernel = size, kernel
        self.near = layer(ExactLinear, size * len(causal_taps(kernel)), 2 * size)
        self.params = MeansAndScales(inputs + 2 * size, hidden, size)

    def forward(self, y: Map | None, means: Map, scales: Map, wire: Wire) -> Map:
        features = [x.flatten(2).transpose(1, 2) for x in (means, scales)]  # each (2b, l, inputs)

        def predict(past: Tokens, sites: Tensor) -> Tokens:
            near = self.near(past)  # (2b, s, 2 size)
            params = self.params(*(torch.cat([x[:, sites], near], dim=-1) for x in features))
            return torch.cat(params, dim=1).transpose(1, 2)

        return code_along_fronts(y, means, wire, predict, latent=self.size, kernel=self.kernel)


SPATIAL = {"checkerboard": StereoCheckerboard, "raster": StereoRaster, "none": ByPosition}
"""Contexts of neighbours by name."""


def spatial(name: str, *, hidden: tuple[int, ...], layer: Layer, kernel: int) -> Callable[[int, int], nn.Module]:
    """Give the maker of what codes a slice, of `SPATIAL`; raises LicLabError for a name that is not there."""
    if name not in SPATIAL:
        raise LicLabError(f"unknown spatial context {name!r}: use {', '.join(SPATIAL)}")
    sizes = {} if name == "none" else {"layer": layer, "kernel": kernel}
    return partial(SPATIAL[name], hidden=hidden, **sizes)
