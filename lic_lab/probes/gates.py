"""What the parts that choose have chosen: gates of wavelet attention, and which channels a partition sends where."""

from __future__ import annotations

import torch
from torch import Tensor

from lic_lab.blocks.partition import AdaptiveChannelPartition, watched_choices
from lic_lab.blocks.wavelet import DWAN, Attention
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.types import Image


@torch.no_grad()
def wavelet_attention(model: Codec, x: Image) -> dict[str, Attention]:
    """Give what every wavelet attention of a model thinks of pictures (b, 3, h, w): path -> gates and their terms.

    Gates are (b, latent, h/16, w/16) in [0.3, 1], see `blocks.wavelet.Attention`. Raises LicLabError for a model that
    has none.
    """
    gates = {path: module for path, module in model.named_modules() if isinstance(module, DWAN)}
    if not gates:
        raise LicLabError(f"{type(model).__name__} has no wavelet attention: use asymmetric with attention=True")
    seen: dict[str, Attention] = {}
    hooks = [
        module.register_forward_pre_hook(lambda module, args, path=path: seen.update({path: module.look(args[0])}))
        for path, module in gates.items()
    ]
    try:
        model.analyse(x)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


@torch.no_grad()
def partitions(model: Codec, x: Image) -> dict[str, Tensor]:
    """Say which channels every partition of the analysis sends to the convolutions: path -> bool (b, channels).

    The others go to the scan. x: (b, 3, h, w) in [0, 1]. Raises LicLabError for a model that has no partition.
    """
    paths = [
        f"analysis.{path}"
        for path, part in model.analysis.named_modules()
        if isinstance(part, AdaptiveChannelPartition)
    ]
    if not paths:
        raise LicLabError(f"{type(model).__name__} has no channel partition: use csm")
    whole = model.analysis
    with watched_choices(whole) as choices:
        model.analyse(x)
    found = {}
    for path, choice in zip(paths, choices, strict=True):
        near = torch.zeros(choice.score.shape, dtype=torch.bool, device=choice.score.device)
        found[path] = near.scatter_(1, choice.near, True).cpu()
    return found
