"""A whole 768 x 512 picture, uint8 array to bytes of a file and back, by our models and by CompressAI's."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np

from lic_lab.codecs import learned, zoo
from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.bundled import bundled_images, kodak
from lic_lab.datasets.images import read_image
from lic_lab.evaluation.bench import Row, contest

HEIGHT, WIDTH = 512, 768
PEERS = (("mbt2018-mean", 4), ("mbt2018-mean", 8), ("bmshj2018-hyperprior", 4), ("bmshj2018-hyperprior", 8))
SLOW_PEERS = (("cheng2020-anchor", 3), ("mbt2018", 4))  # their context walks pixel by pixel: ten seconds each way


def picture() -> np.ndarray:
    """A Kodak picture where there is one, else the largest bundled one, repeated and cut: uint8 (512, 768, 3)."""
    if landscape := [p for path in kodak()[:5] if (p := read_image(path)).shape[:2] == (HEIGHT, WIDTH)]:
        return landscape[0]
    largest = max(bundled_images().values(), key=lambda image: image.size)
    repeats = [-(-n // size) for n, size in zip((HEIGHT, WIDTH), largest.shape, strict=False)]
    return np.ascontiguousarray(np.tile(largest, (*repeats, 1))[:HEIGHT, :WIDTH])


def groups(quick: bool) -> Iterator[list[Row]]:
    """Encoding and decoding at the middle of each codec's range; who has no trained weights is timed untrained."""
    codecs, notes = ours(1, quick)
    peers, missing = compressai(quick)
    notes |= {who: "untrained weights" for who in peers}
    yield from there_and_back("pictures", picture(), codecs | peers, notes, missing)


def there_and_back(
    section: str, image: np.ndarray, codecs: dict[str, ImageCodec], notes: dict[str, str], missing: dict[str, str]
) -> Iterator[list[Row]]:
    """Time encoding, then decoding, of one picture or pair; files of who has trained weights show their size."""
    files = {who: codec.encode(image, codec.default_quality) for who, codec in codecs.items()}

    def figures(who: str, timing) -> dict[str, float]:
        return {"bytes": len(files[who])} if who in notes and "untrained" not in notes[who] else {}

    what = f"{'2 x ' if image.ndim == 4 else ''}{WIDTH}x{HEIGHT}"
    how = {"missing": missing, "notes": notes, "figures": figures}
    encode = {who: lambda codec=codec: codec.encode(image, codec.default_quality) for who, codec in codecs.items()}
    yield contest(section, f"encode {what}", encode, **how)
    decode = {who: lambda who=who: codecs[who].decode(files[who]) for who in codecs}
    yield contest(section, f"decode {what}", decode, **how)


def ours(views: int, quick: bool) -> tuple[dict[str, ImageCodec], dict[str, str]]:
    """Every model of pictures (1 view) or pairs (2), with the shipped weights where there are some; notes.

    Sizes for a laptop first, then those of the papers. The first codec is what the others are compared with.
    """
    from lic_lab.models.checkpoints import load_model, shipped
    from lic_lab.models.presets import PRESETS, build

    codecs, notes = {}, {}
    for size in ("lab",) if quick else ("lab", "paper"):
        for name in sorted(PRESETS, key=lambda name: name != "charm"):
            for preset in (p for p in PRESETS[name] if p.startswith(size) and learned.views(name) == views):
                trained = preset == "lab" and name in shipped()
                who = f"lic_lab {name} {preset}"
                codecs[who] = learned.wrap(load_model(name) if trained else build(name, preset), name, preset)
                notes[who] = "shipped weights" if trained else "untrained weights"
    return codecs, notes


def compressai(quick: bool) -> tuple[dict[str, ImageCodec], dict[str, str]]:
    """CompressAI's architectures without weights, and who is missing."""
    wanted = PEERS[:1] if quick else PEERS + SLOW_PEERS
    names = {f"CompressAI {name}, q{quality}": (name, quality) for name, quality in wanted}
    if not find_spec("compressai"):
        return {}, dict.fromkeys(names, "not installed")
    from compressai.zoo import image_models

    models = {who: image_models[name](quality=quality, pretrained=False) for who, (name, quality) in names.items()}
    return {who: zoo.wrap(model, who) for who, model in models.items()}, {}
