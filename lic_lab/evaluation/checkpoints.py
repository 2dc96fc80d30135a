"""Weight files as codecs with telling names; several of one model, each trained for one lambda, make one curve."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import count
from pathlib import Path

import numpy as np

from lic_lab.codecs import learned, rate
from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.learned import LearnedCodec, LearnedPairCodec
from lic_lab.coding import container
from lic_lab.errors import LicLabError


class _OneRate:
    """A fixed-rate model as one point of a curve: its quality number is the lambda it was trained for.

    rung: what a person calls it, the name of the folder its weights are in.
    """

    rung = ""

    @property
    def settings(self) -> str:
        return f"{super().settings}, lambda {self.default_quality:g}"

    def encoder_for(self, image: np.ndarray) -> Callable[[float], bytes]:
        return lambda quality: self.encode(image, quality)

    def quality_for_lambda(self, lmbda: float) -> float:
        if lmbda != self.default_quality:
            raise LicLabError(f"{self.name} was trained for lambda {self.default_quality:g} only, not {lmbda:g}")
        return lmbda

    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        return super()._encode(image, 0.0)


class OneRateCodec(_OneRate, LearnedCodec):
    """A fixed-rate model of pictures, see `load_checkpoints`."""


class OneRatePairCodec(_OneRate, LearnedPairCodec):
    """A fixed-rate model of stereo pairs, see `load_checkpoints`."""


def is_checkpoint(name: str) -> bool:
    """Say whether a codec's name is a file for `load_checkpoints`; "pair:" before one makes it another codec."""
    return name.endswith(".safetensors") and not name.startswith("pair:")


def load_checkpoints(paths: Iterable[str | Path], taken: Collection[str] = ()) -> list[ImageCodec]:
    """Load .safetensors files of trained weights, each called by the name of the folder it is in.

    Fixed-rate weights of one model, trained for several lambdas, are all called by the model and form one curve, on
    which the quality is the lambda; the folder's name stays as `rung`. A second file of a folder is called by its own
    name too, and whatever still has a name of `taken`, or of another, gets a number: no two curves share a name.
    Raises LicLabError for files that are none.
    """
    paths = list({Path(path).resolve(): Path(path) for path in paths}.values())
    codecs = [learned.load(str(_weights(path))) for path in paths]
    used = set(taken)
    for path, codec in zip(paths, codecs, strict=True):
        label = path.resolve().parent.name or path.stem
        codec.name = codec.label = _free(f"{label}/{path.stem}" if label in used else label, used)
    ladders: dict[tuple, list[LearnedCodec]] = {}
    for codec in codecs:
        if codec.model.rates == 1:
            ladders.setdefault((type(codec.model).__name__.lower(), codec.preset), []).append(codec)
    fixed = {}
    for (model, _), rungs in ladders.items():
        one_curve = len({rung.model.lambdas[0] for rung in rungs}) == len(rungs) > 1
        name = _free(model, used) if one_curve else ""
        fixed |= {rung: _one_rate(rung, name or rung.name) for rung in rungs}
    return [fixed.get(codec, codec) for codec in codecs]


def _free(name: str, used: set[str]) -> str:
    """Take a name that nobody has, with a number behind it where it must be."""
    free = next(new for number in count(1) if (new := f"{name}-{number}" if number > 1 else name) not in used)
    used.add(free)
    return free


class Rungs:
    """Fixed-rate models of one curve together: encodes at any of their lambdas and decodes any of their files."""

    def __init__(self, rungs: Iterable[_OneRate]):
        self.rungs = list(rungs)

    def encode(self, image: np.ndarray, quality: float) -> bytes:
        """Encode a picture, or a pair, with the model that was trained for the lambda `quality`."""
        rungs = {rung.default_quality: rung for rung in self.rungs}
        if quality not in rungs:
            known = ", ".join(f"{lmbda:g}" for lmbda in sorted(rungs))
            raise LicLabError(
                f"{self.rungs[0].name} has weights for lambda {known}, not {quality:g}: name one of those"
            )
        return rungs[quality].encode(image, quality)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode with the model whose weights the file names; the first one says what is wrong where there is none."""
        header, *_ = container.unpack(data)
        mine = (rung for rung in self.rungs if rung.model.fingerprint() == header.fingerprint)
        return next(mine, self.rungs[0]).decode(data)


def by_name(codecs: Iterable[ImageCodec]) -> dict[str, ImageCodec | Rungs]:
    """Give codecs by name; those of one curve, see `load_checkpoints`, as `Rungs`.

    Raises LicLabError where others share a name: their rows could not be told apart.
    """
    named: dict[str, list] = {}
    for codec in codecs:
        named.setdefault(codec.name, []).append(codec)
    for name, found in named.items():
        lambdas = {codec.default_quality for codec in found}
        if len(found) > 1 and not (all(isinstance(codec, _OneRate) for codec in found) and len(lambdas) == len(found)):
            raise LicLabError(f"{len(found)} codecs are called {name!r}: give each a name of its own")
    return {name: found[0] if len(found) == 1 else Rungs(found) for name, found in named.items()}


def _weights(path: Path) -> Path:
    if path.suffix != ".safetensors":
        raise LicLabError(f"{str(path)!r} is no .safetensors file: lic-lab train writes weights as such")
    return path


def _one_rate(codec: LearnedCodec, name: str) -> LearnedCodec:
    kind = OneRateCodec if codec.views == 1 else OneRatePairCodec
    found, lmbda = kind(codec.model, name, preset=codec.preset), float(codec.model.lambdas[0])
    found.ladder, found.default_quality, found.rung = rate.steps(lmbda, lmbda), lmbda, codec.name
    return found
