"""Other people's learned codecs: any model with CompressAI's compress, decompress and update becomes one of ours.

CompressAI's `compress` gives strings and a shape, not a file; what its papers count is the strings alone. Here both are
packed into real bytes behind a .lic header (codec 255, the weights' fingerprint, size, quality), and all of it counts.
Their tables are made from floats, so a file promises to decode only where the same weights give the same floats: the
level of such files is 3, and a mismatch can go unnoticed.
"""

from __future__ import annotations

import hashlib
import inspect
import zlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import numpy as np
import torch
from torch import nn

from lic_lab.codecs import rate
from lic_lab.codecs.base import ImageCodec
from lic_lab.coding import container
from lic_lab.coding.container import Header
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.ops.color import image_to_tensor, tensor_to_image
from lic_lab.ops.geometry import crop_to, pad_to_multiple

CODEC = 255  # of the .lic header: a foreign model
LEVEL = 3  # see container.LEVELS
QUALITIES = {"cheng2020-anchor": 6, "cheng2020-attn": 6}  # the other architectures of CompressAI's zoo have 8
METRICS = ("mse", "ms-ssim")  # what the zoo's weights were trained for
PREFIX = "compressai:"
MOST_CHANNELS = 1024  # some models' shapes name channels too
LEAST_STRIDE = 4  # of any latent: those of the zoo have 16 and 64


class ZooCodec(ImageCodec):
    """A family of foreign models, one per quality, as one codec.

    model_for: quality -> model, called once per quality. qualities: 1 ... this number, rate ascending.
    multiple: pictures are padded to this by repeating their last row and column; None asks the model's
    `downsampling_factor`, or takes 64. about: what the settings say.
    """

    kind, suffix = "learned", ".lic"

    def __init__(
        self,
        name: str,
        model_for: Callable[[int], nn.Module],
        *,
        qualities: int = 1,
        label: str = "",
        about: str = "",
        multiple: int | None = None,
    ):
        self.name, self.label, self.about, self.multiple = name, label or name, about or name, multiple
        self.ladder = rate.steps(1, qualities)
        self.default_quality = (qualities + 1) // 2
        self.model = cache(lambda quality: _ready(model_for(quality)))  # quality -> model
        self._named = cache(lambda quality: fingerprint(self._tuned(quality)))

    def missing(self) -> str:
        return "" if find_spec("compressai") else "CompressAI is not installed: pip install compressai"

    @property
    def settings(self) -> str:
        return f"{self.about}, strings and shape in one .lic file"

    @torch.no_grad()
    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        name, model = self._named(int(quality)), self._tuned(int(quality))
        x = image_to_tensor(image).to(next(model.parameters()))  # where the model is, and as precise
        out = model.compress(pad_to_multiple(x, self._multiple(model)), **_rung(model, quality))
        payload = pack([out["strings"], out["shape"]])
        height, width = image.shape[:2]
        header = Header(CODEC, name, width, height, int(quality), LEVEL)
        return container.pack(header, payload, zlib.crc32(payload))

    @torch.no_grad()
    def _decode(self, data: bytes) -> np.ndarray:
        header, payload, checksum = container.unpack(data)
        container.verify(header, checksum, zlib.crc32(payload))
        if header.codec != CODEC or not 1 <= header.rate <= self.ladder.count:
            raise LicLabError(f"this .lic file was not written by {self.name}: decode it with the codec that wrote it")
        if header.fingerprint != self._named(header.rate):
            raise LicLabError(
                f"this file was written with weights {header.fingerprint.hex()}, {self.name} at quality {header.rate} "
                f"has {self._named(header.rate).hex()}: load the weights that wrote it"
            )
        strings, shape, model = *unpack(payload), self._tuned(header.rate)
        multiple = self._multiple(model)
        _check_shape(shape, *(-(-side // multiple) * multiple for side in (header.height, header.width)))
        x_hat = model.decompress(strings, shape, **_rung(model, header.rate))["x_hat"]
        return tensor_to_image(crop_to(x_hat, header.height, header.width).float().clamp(0, 1))

    def _tuned(self, quality: int) -> nn.Module:
        """The model of a quality, its tables made for it: some variable-rate models have others at every rate."""
        model = self.model(quality)
        if hasattr(model, "gayn2zqstep"):  # as eval_model does before each rate
            model.update(force=True, scale=model.Gain[quality - 1].detach())
        return model

    def _multiple(self, model: nn.Module) -> int:
        return self.multiple or int(getattr(model, "downsampling_factor", 64))


def wrap(model: nn.Module, name: str, *, label: str = "", multiple: int | None = None) -> ZooCodec:
    """Make a codec of one model that has CompressAI's compress(x), decompress(strings, shape) and update().

    The model is put into evaluation mode, its tables are made anew, and it must not change any more: wrap it again
    after training on. (From a checkpoint: `zoo_files.checkpoint`.) quality: 1, or 1 ... levels of a variable-rate
    model. Raises LicLabError for other models.
    """
    for method in ("compress", "decompress", "update"):
        if not callable(getattr(model, method, None)):
            raise LicLabError(
                f"{type(model).__name__} has no {method}(): a codec needs compress, decompress and update"
            )
    about = f"{type(model).__name__}, weights {fingerprint(fresh(model)).hex()}"
    return ZooCodec(name, lambda quality: model, qualities=levels(model), label=label, about=about, multiple=multiple)


def pretrained(architecture: str, *, metric: str = "mse") -> ZooCodec:
    """Make a codec of an architecture of CompressAI's zoo ("mbt2018-mean") with its published weights.

    metric: "mse" or "ms-ssim", what they were trained for. Weights of a quality are fetched on first use by CompressAI
    itself and kept in torch's cache. Raises LicLabError for unknown names.
    """
    if not find_spec("compressai"):
        raise LicLabError("CompressAI is not installed: pip install compressai")
    from compressai.zoo import image_models

    if metric not in METRICS:
        raise LicLabError(f"CompressAI's models were trained for mse or ms-ssim, not {metric!r}")
    if architecture not in image_models:
        raise LicLabError(f"CompressAI has no {architecture!r}: there are {', '.join(sorted(image_models))}")

    @cache
    def fetch(quality: int) -> nn.Module:
        try:
            return image_models[architecture](quality=quality, metric=metric, pretrained=True)
        except OSError as error:  # what urllib raises without a network, and torch without a cache
            raise LicLabError(
                f"the weights of {architecture} at quality {quality} cannot be fetched ({error}): connect once, or put "
                f"them into {torch.hub.get_dir()}/checkpoints"
            ) from error

    name = f"{PREFIX}{architecture}" + ("" if metric == "mse" else f"@{metric}")
    about = f"CompressAI {architecture}, trained for {metric}"
    model_for = (lambda quality: fetch(0)) if architecture.endswith("-vbr") else fetch
    return ZooCodec(name, model_for, qualities=QUALITIES.get(architecture, 8), label=architecture, about=about)


def fingerprint(model: nn.Module) -> bytes:
    """Give 4 bytes that name a model's weights and tables."""
    digest = hashlib.sha256(type(model).__name__.encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.digest()[:4]


def levels(model: nn.Module) -> int:
    """How many rates a model has: more than 1 for CompressAI's variable-rate models."""
    return int(getattr(model, "levels", 1)) if hasattr(model, "Gain") else 1


def fresh(model: nn.Module) -> nn.Module:
    """Give the model ready to code, its tables made anew: those it was saved with may be older than its weights."""
    if "force" in inspect.signature(model.update).parameters:
        model.update(force=True)
    return _ready(model)


def _rung(model: nn.Module, quality: float) -> dict:
    """The argument by which CompressAI's variable-rate models are told the rate."""
    return {"s": int(quality) - 1} if levels(model) > 1 else {}


def _ready(model: nn.Module) -> nn.Module:
    model = model.eval()
    model.update()  # makes the tables unless they came with the weights
    return model


def _check_shape(shape, height: int, width: int) -> None:
    """No file may ask for a latent larger than its picture of that padded size; raises CorruptStreamError."""
    values = list(shape.values()) if isinstance(shape, dict) else shape if isinstance(shape, (list, tuple)) else [shape]
    most = [max(height, width, MOST_CHANNELS)] * len(values)
    if len(values) == 2 and not isinstance(shape, dict):  # rows and columns
        most = [max(side // LEAST_STRIDE, 1) for side in (height, width)]
    for value, limit in zip(values, most, strict=True):
        if isinstance(value, (dict, list, tuple)):
            _check_shape(value, height, width)
        elif not isinstance(value, int) or value > limit:
            raise CorruptStreamError("this file asks for a latent larger than its picture")


_KINDS = (list, tuple, dict, int, bytes, str)


def pack(value) -> bytes:
    """Write nested lists, tuples, dicts, integers >= 0, bytes and strings: a head of kind and length, then the body."""
    kind = next((i for i, k in enumerate(_KINDS) if isinstance(value, k)), None)
    if kind is None or (isinstance(value, int) and value < 0):
        raise LicLabError(
            f"a model's strings and shape hold {type(value).__name__} {value!r:.40}, which has no bytes here"
        )
    value = value.encode() if isinstance(value, str) else value
    number = value if isinstance(value, int) else len(value)
    width = (number.bit_length() + 7) // 8
    head = bytes([kind << 4 | width]) + number.to_bytes(width, "little")
    if isinstance(value, bytes):
        return head + value
    parts = (
        [x for item in value.items() for x in item]
        if isinstance(value, dict)
        else ()
        if isinstance(value, int)
        else value
    )
    return head + b"".join(map(pack, parts))


def unpack(data: bytes):
    """Read what `pack` wrote; raises CorruptStreamError unless the bytes are used up exactly."""
    value, at = _unpack(data, 0)
    if at != len(data):
        raise CorruptStreamError("this file has bytes after its last string")
    return value


def _unpack(data: bytes, at: int):
    if at >= len(data) or data[at] >> 4 >= len(_KINDS):
        raise CorruptStreamError("this file's list of strings is broken")
    kind, width = _KINDS[data[at] >> 4], data[at] & 15
    at += 1 + width
    number = int.from_bytes(data[at - width : at], "little")
    if kind is int:
        return number, at
    if number > len(data) - at:  # every item takes at least a byte
        raise CorruptStreamError("this file's list of strings ends early")
    if kind in (bytes, str):
        body = data[at : at + number]
        return body if kind is bytes else body.decode(), at + number
    items = []
    for _ in range(2 * number if kind is dict else number):
        item, at = _unpack(data, at)
        items.append(item)
    return dict(zip(items[::2], items[1::2], strict=True)) if kind is dict else kind(items), at
