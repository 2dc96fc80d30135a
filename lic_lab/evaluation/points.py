"""Which points of its knob a codec is measured at: one quality for all pictures, as the field does."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import median_low

import numpy as np

from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.rate import Trials, ceiling_in_bytes, largest_within
from lic_lab.errors import LicLabError
from lic_lab.evaluation.curves import TARGETS

PROBES = 3  # pictures that settle which quality comes near a target

Qualities = Sequence[float] | Mapping[str, Sequence[float]] | None


def given_points(codec: ImageCodec, qualities: Qualities = None, lambdas: Sequence[float] = ()) -> list[float]:
    """The qualities that a person named for this codec; [] where none was, so that rates decide.

    qualities: for all codecs, or codec's name -> its own ("" -> all others).   lambdas: trade-offs of learned codecs.
    Raises LicLabError for a quality outside the codec's range and a lambda outside the ladder it was trained on.
    """
    if isinstance(qualities, Mapping):
        qualities = qualities.get(codec.name, qualities.get("", ()))
    if lambdas and codec.kind == "learned":
        qualities = [codec.quality_for_lambda(value) for value in lambdas]
    low, high = codec.quality_range
    for quality in qualities or ():
        if not low <= quality <= high:
            raise LicLabError(
                f"quality of {codec.name} runs from {low:g} to {high:g}, got {quality:g}: give each codec its own, "
                f"as in --qualities {codec.name}={low:g},{high:g}"
            )
    return list(dict.fromkeys(qualities or ()))


def check_names(qualities: Qualities, names: Collection[str]) -> None:
    """Raise LicLabError where qualities are given to a codec that is not among these."""
    given = qualities if isinstance(qualities, Mapping) else ()
    if strange := [name for name in given if name and name not in names]:
        raise LicLabError(
            f"qualities are given for {strange[0]!r}, which is not measured here: the codecs are {', '.join(names)}"
        )


def check_targets(targets: Sequence[float]) -> None:
    """Raise LicLabError where targets are no rates."""
    if not targets:
        raise LicLabError("there are no target rates: give some bits per pixel, as in --targets 0.25,0.5,1")
    if wrong := [target for target in targets if not 0 < target < math.inf]:
        raise LicLabError(f"a target rate is a positive number of bits per pixel, got {wrong[0]:g}")


def points_near(codec: ImageCodec, images: Sequence[np.ndarray], targets: Sequence[float] = TARGETS) -> list[float]:
    """The qualities that come nearest below each target (bpp of the whole file) on the first pictures.

    A knob with no more positions than there are targets (the weights of one lambda) is measured at all of them.
    A picture that the codec cannot code at all does not count. Raises LicLabError where no target is reached.
    """
    if codec.ladder.count <= len(targets):
        return [codec.ladder.quality(position) for position in range(codec.ladder.count)]
    probes = list(images)[:PROBES]
    reason = None
    for chosen in (probes, *([image] for image in probes)):  # one at a time only where together nothing is reached
        found, reason = _near(codec, chosen, targets)
        if found:
            return found
    raise LicLabError(f"{codec.name} reaches none of these rates: {reason}")


def _near(codec: ImageCodec, images: Sequence[np.ndarray], targets: Sequence[float]) -> tuple[list[float], object]:
    found, last = [], None
    try:
        tried = [Trials(image, codec.ladder, codec.encoder_for(image)) for image in images]  # one target helps the next
    except LicLabError as reason:
        return [], reason
    for target in sorted(targets):
        try:
            ceilings = [max(ceiling_in_bytes(target, *image.shape[-3:-1], codec.views), 1) for image in images]
            best = [largest_within(trials, most, codec.name) for trials, most in zip(tried, ceilings, strict=True)]
            found.append(median_low(trial.quality for trial in best))
        except LicLabError as reason:  # JPEG knows no 0.1 bpp; the curve starts where the codec does
            last = reason
    return list(dict.fromkeys(found)), last
