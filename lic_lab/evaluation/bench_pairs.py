"""A whole stereo pair of 768 x 512 pixels, uint8 array to bytes of a file and back, by our models and by others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lic_lab import codecs as registry
from lic_lab.errors import LicLabError
from lic_lab.evaluation.bench import Row
from lic_lab.evaluation.bench_pictures import ours, picture, there_and_back

PEERS = ("pair:charm", "hevc-pair", "pair:avif")
SHIFT = 16  # pixels between the views: times do not depend on what they show, files do a little


def groups(quick: bool) -> Iterator[list[Row]]:
    """Encoding and decoding at the middle of each codec's range; who has no trained weights is timed untrained."""
    codecs, notes = ours(2, quick)
    missing = {}
    for name in PEERS:
        try:
            codecs[name] = registry.load(name)
        except LicLabError as reason:
            missing[name] = str(reason)
    left = picture()
    yield from there_and_back("pairs", np.stack([left, np.roll(left, -SHIFT, axis=1)]), codecs, notes, missing)
