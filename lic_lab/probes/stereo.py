"""What two views share: the bits that a look at the other view saves, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lic_lab.errors import LicLabError
from lic_lab.metrics.bd import bd_rate, rising_points
from lic_lab.models.base import Codec
from lic_lab.probes.bitmaps import bit_map
from lic_lab.types import Image


@dataclass(frozen=True)
class JointCoding:
    """A pair in one file, beside the same views coded with a partner that has nothing to tell.

    joint, separate: bits at each position of each view, (2, h/stride, w/stride), of the symbols in real files; those of
    the side latent are spread evenly.   joint_psnr_db, separate_psnr_db: of each view, (2,), of pictures clamped to
    [0, 1].   stride: pixels to a position.
    """

    joint: Tensor
    separate: Tensor
    joint_psnr_db: Tensor
    separate_psnr_db: Tensor
    stride: int

    @property
    def saved(self) -> float:
        """The share of bits saved at this rate point, both views together; PSNR differs too, see `joint_bd_rate`."""
        return 1 - float(self.joint.sum() / self.separate.sum())

    @property
    def saved_by_view(self) -> list[float]:
        """The same for the left and for the right view."""
        return (1 - self.joint.sum((1, 2)) / self.separate.sum((1, 2))).tolist()


@torch.no_grad()
def joint_coding(
    model: Codec, x: Image, rate: float | None = None, *, watch: Callable[[str], object] | None = None
) -> JointCoding:
    """Code a pair (1, 2, 3, h, w) jointly, and each of its views beside the other one turned by 180 degrees.

    A turned view has the same statistics and shows the same scene, but nothing at the place where a stereo codec would
    look for it. At one rate point, by the same weights. What is saved is what the true partner gives *and* what the
    turned one spoils: a model that cannot ignore its partner may be a few percent worse beside any stranger, and
    `coded_pair` beside others (a mirrored view, plain grey) tells how much that is.
    watch: called with a few words after each of the three files.   Raises LicLabError for a model of single pictures.
    """
    if model.views != 2:
        raise LicLabError(f"{type(model).__name__} codes single pictures: joint coding needs a stereo model")
    left, right = x[:, 0], x[:, 1]
    alone = (torch.stack([left, right.flip(-1, -2)], dim=1), torch.stack([left.flip(-1, -2), right], dim=1))
    coded = []
    for pair, what in zip((x, *alone), ("both views", "left view", "right view"), strict=True):
        coded.append(coded_pair(model, pair, rate))
        if watch:
            watch(what)
    (joint, joint_db), *apart = coded
    separate, separate_db = (torch.stack([apart[view][what][view] for view in (0, 1)]) for what in (0, 1))
    return JointCoding(joint, separate, joint_db, separate_db, model.stride)


@torch.no_grad()
def coded_pair(model: Codec, x: Image, rate: float | None = None) -> tuple[Tensor, Tensor]:
    """Write a pair (1, 2, 3, h, w) to a file and read it: bits by position (2, h/stride, w/stride), PSNR by view (2,).

    Bits of the symbols, as in `bit_map`; PSNR in dB of pictures clamped to [0, 1].
    """
    data = model.compress(x, rate)
    error = (model.decompress(data) - x).square().mean(dim=(0, 2, 3, 4))
    return bit_map(model, data).positions, -10 * torch.log10(error.double())


def joint_bd_rate(model: Codec, x: Image, rates: Sequence[float] | None = None) -> float:
    """Give the bits that joint coding takes more than separate coding, in percent at equal PSNR; negative is fewer.

    x: one pair (1, 2, 3, h, w).   rates: at least four rate points, by default all rungs of the ladder. The BD-rate of
    two curves, the mean PSNR of both views over real symbols of real files; separate as in `joint_coding`.
    Raises LicLabError for a model of single pictures, for fewer than four rates, and where the curves share no PSNR.
    """
    found = [joint_coding(model, x, rate) for rate in (rates or range(model.rates))]
    joint = [(float(f.joint.sum()), float(f.joint_psnr_db.mean())) for f in found]
    separate = [(float(f.separate.sum()), float(f.separate_psnr_db.mean())) for f in found]
    anchor, curve = (rising_points(*zip(*points, strict=True)) for points in (separate, joint))
    return bd_rate(*anchor, *curve)
