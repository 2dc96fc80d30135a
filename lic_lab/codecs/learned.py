"""The door between our models and everybody else's codecs: a model becomes an ImageCodec, charged by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.pair import PairCodec
from lic_lab.codecs.rate import Ladder
from lic_lab.errors import LicLabError
from lic_lab.models.base import RATE_STEPS
from lic_lab.models.outside import models, origin_of
from lic_lab.models.plain import plain_torch
from lic_lab.ops.color import image_to_tensor, tensor_to_image


class LearnedCodec(ImageCodec):
    """A model of `lic_lab.models` as a codec; its knob is the continuous rate point, in steps of 1/4096 rung.

    model: has compress(x, rate), decompress(data), rates, rate_for_lambda(lmbda) and fingerprint(), as
    `models.base.Codec` does, and is in evaluation mode. Where it also has analyse(x) and takes compress(x, rate, y=),
    a search analyses the picture once; where it has efforts, it takes compress(x, rate, effort=, progress=).
    quality: rate point, 0 to model.rates - 1; a fixed-rate model has only 0.
    """

    kind, suffix = "learned", ".lic"
    _taken: Mapping = MappingProxyType({})  # what `compress` of the model is told beside picture and rate

    def __init__(self, model: torch.nn.Module, name: str, *, label: str = "", preset: str = ""):
        self.model, self.name, self.label, self.preset = model, name, label or name, preset
        self.origin = origin_of(model)
        self.ladder = Ladder((model.rates - 1) * RATE_STEPS + 1, _rate_point)
        self.default_quality = (model.rates - 1) / 2

    @property
    def settings(self) -> str:
        what = f"{self.name} {self.preset}".strip()
        parameters = sum(p.numel() for p in self.model.parameters())
        where = f", {self.origin}" if self.origin else ""  # the same weights in changed code give other files
        return f"{what}, weights {self.model.fingerprint().hex()}, {parameters / 1e6:.2f} M parameters{where}"

    def quality_for_lambda(self, lmbda: float) -> float:
        return self.model.rate_for_lambda(lmbda)

    def with_effort(self, effort: int, watch: Callable[[int, int, str], None] | None = None) -> LearnedCodec:
        efforts = getattr(self.model, "efforts", 1)
        if isinstance(effort, bool) or effort not in range(efforts):
            raise LicLabError(f"effort of {self.name} is a whole number from 0 to {efforts - 1}, got {effort!r}")
        quick = self.quick or self
        if not effort:
            return quick
        codec = copy(quick)
        codec.quick, codec.name, codec.label = quick, f"{quick.name}@effort{effort}", f"{quick.label}, effort {effort}"
        codec._taken = {"effort": int(effort), "progress": watch}
        return codec

    @plain_torch()
    @torch.no_grad()
    def encoder_for(self, image: np.ndarray) -> Callable[[float], bytes]:
        if not hasattr(self.model, "analyse"):
            return super().encoder_for(image)
        self._check_picture(image)
        with self._in_words(image):
            x = self._tensor(image)
            y = self.model.analyse(x)

        def encode(quality: float) -> bytes:
            with self._in_words(image):
                return self.model.compress(x, quality, y=y, **self._taken)

        return encode

    @torch.no_grad()
    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        return self.model.compress(self._tensor(image), float(quality), **self._taken)

    @torch.no_grad()
    def _decode(self, data: bytes) -> np.ndarray:
        return tensor_to_image(self.model.decompress(data))

    def _tensor(self, image: np.ndarray) -> Tensor:
        """(h, w, 3) uint8 -> (1, 3, h, w) in [0, 1], where the model is."""
        return image_to_tensor(image).to(next(self.model.parameters()).device)


class LearnedPairCodec(PairCodec, LearnedCodec):
    """A stereo model of `lic_lab.models` as a codec of pairs; otherwise as `LearnedCodec`."""

    @torch.no_grad()
    def _decode(self, data: bytes) -> np.ndarray:
        return np.stack([tensor_to_image(view) for view in self.model.decompress(data)[0]])

    def _tensor(self, image: np.ndarray) -> Tensor:
        """(2, h, w, 3) uint8 -> (1, 2, 3, h, w) in [0, 1], where the model is."""
        views = [LearnedCodec._tensor(self, view) for view in image]
        return torch.stack(views, dim=1)


def _rate_point(position: int) -> float:
    return position / RATE_STEPS


def names() -> dict[str, str]:
    """Name -> why it cannot be loaded ("" where it can) of every model that has presets."""
    from lic_lab.models.checkpoints import shipped
    from lic_lab.models.presets import list_presets

    have = shipped()
    return {
        name: "" if name in have else f"no trained weights come with it yet: train it with lic-lab train {name}"
        for name in list_presets()
    }


def origins() -> dict[str, str]:
    """Name -> file and checksum of every model from outside the package."""
    return {name: source.origin for name, source in models().sources.items()}


def faults() -> list[tuple[str, str]]:
    """Say of every model from outside that could not be taken: (file, why and the mend)."""
    return [(source.name, fault) for source, fault in models().faults]


def views(name: str) -> int:
    """Say how many views a model codes, 1 or 2, without building it."""
    from lic_lab.models.presets import known

    return next(iter(known()[name].values())).func.views


def name_of_code(code: int) -> str:
    """Name the model whose files have this number, "codec 99" where none is known here."""
    from lic_lab.models.presets import name_of

    return name_of(code)


def views_of_code(code: int) -> int:
    """Say how many views a file of codec number `code` holds; 1 for a number that is not known here."""
    from lic_lab.models.presets import known

    name = name_of_code(code)
    return views(name) if name in known() else 1


def load(name: str) -> LearnedCodec:
    """Give the codec of a model with its shipped weights, or with those of a .safetensors file of `save_model`.

    Stereo models give a `LearnedPairCodec`.

    Raises LicLabError where there are no weights, or weights of something else.
    """
    from lic_lab.models.checkpoints import load_model, load_weights

    path = Path(name)
    model, called = (load_weights(path), path.stem) if path.suffix == ".safetensors" else (load_model(name), name)
    return wrap(model, called, getattr(model, "preset", ""))


def wrap(model: torch.nn.Module, name: str, preset: str = "") -> LearnedCodec:
    """Make a codec of pictures, or of pairs, of a model in evaluation mode."""
    kind = LearnedCodec if model.views == 1 else LearnedPairCodec
    return kind(model, name, preset=preset)
