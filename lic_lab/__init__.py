"""lic_lab: understand, teach and honestly compare learned image compression with state-space models.

    codec = lic_lab.load("charm")                     # trained weights; or "jpeg", "avif", ...
    data = codec.compress("photo.png", bpp=0.25)      # the bytes of a whole file
    image = codec.decompress(data)                    # uint8, (h, w, 3)
    model = lic_lab.build("charm", preset="tiny")     # the untrained nn.Module

    codec = lic_lab.load("bisic")                     # stereo codecs take and give (left, right)
    data = codec.compress(("left.png", "right.png"), bpp=0.25)
    left, right = codec.decompress(data)

Nothing heavier than PyTorch is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lic_lab.errors import CorruptStreamError, LicLabError

if TYPE_CHECKING:
    from lic_lab.codecs.base import ImageCodec
    from lic_lab.models.base import Codec

__version__ = "0.1.0"
__all__ = ["CorruptStreamError", "LicLabError", "build", "list_codecs", "list_presets", "load"]


def list_codecs() -> list:
    """List every codec, learned and classical: rows with name, kind, available, and the reason where it is not."""
    from lic_lab import codecs

    return codecs.list_codecs()


def load(name: str) -> ImageCodec:
    """Give a codec ready to use: a learned one with its shipped weights, or a classical one.

    Raises LicLabError for an unknown name (with the near ones) and for a codec that cannot run here (with the reason).
    """
    from lic_lab import codecs

    return codecs.load(name)


def list_presets() -> dict[str, list[str]]:
    """Give the preset names of every model: {"charm": ["tiny", "lab", "paper"], ...}."""
    from lic_lab.models import presets

    return presets.list_presets()


def build(name: str, preset: str = "tiny", **switches) -> Codec:
    """Make an untrained model, an nn.Module in evaluation mode.

    switches: arguments of the model's constructor, instead of the preset's. Raises LicLabError for unknown names.
    """
    from lic_lab.models import presets

    return presets.build(name, preset, **switches)
