"""Visual comparison at matched rates: the original beside codecs, each at its rate nearest to the first one's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from lic_lab import codecs as registry
from lic_lab.codecs.base import ImageCodec
from lic_lab.errors import LicLabError
from lic_lab.plots.grid import picture_grid

QUALITIES = {"ssim": "SSIM", "ms_ssim": "MS-SSIM", "lpips": "LPIPS"}
TOLERANCE = 0.15  # of the rate: outside of it, a match says that it is none


@dataclass
class Panel:
    """One codec's column of a strip: the row that was measured, what it decodes to, and how far its rate is off.

    row: as measured.   reconstruction: uint8, of the original's shape.   ratio: its rate over the first codec's.
    """

    row: Mapping
    reconstruction: np.ndarray
    ratio: float

    @property
    def codec(self) -> str:
        """The codec's name."""
        return self.row["codec"]

    def caption(self) -> list[str]:
        """How well the rate matches, size and ratio to the uncompressed picture, rate, and every measured quality."""
        row, raw = self.row, self.reconstruction.nbytes
        match = f"{'matched' if matched(self.ratio) else 'unmatched'} (x{self.ratio:.2f})"
        lines = [match, f"{row['bytes']:,.0f} bytes, 1 : {raw / row['bytes']:.0f}"]
        lines.append(f"{row['bpp']:.3f} bpp · {row['psnr_db']:.2f} dB")
        return lines + [f"{label} {row[name]:.4f}" for name, label in QUALITIES.items() if _there(row, name)]


def matched(ratio: float) -> bool:
    """Whether two rates are near enough to compare pictures: at most 15 % more or less."""
    return abs(ratio - 1) < TOLERANCE + 1e-9


def matched_rows(rows: Iterable[Mapping], codecs: Sequence[str] = (), bpp: float = 0.25) -> list[Mapping]:
    """Choose one row per codec among those of one picture: the first codec's nearest to `bpp`, the others' to that one.

    codecs: names in their order, by default all there are. Raises LicLabError for codecs without a row.
    """
    rows = list(rows)
    codecs = list(codecs) or list(dict.fromkeys(row["codec"] for row in rows))
    by_codec = {codec: [row for row in rows if row["codec"] == codec] for codec in codecs}
    if missing := [codec for codec, found in by_codec.items() if not found]:
        known = ", ".join(dict.fromkeys(row["codec"] for row in rows))
        raise LicLabError(f"no measured file of {missing[0]} on this picture: there are {known or 'none at all'}")
    chosen: list[Mapping] = []
    for found in by_codec.values():
        target = float(chosen[0]["bpp"]) if chosen else bpp
        chosen.append(min(found, key=lambda row, target=target: abs(np.log(float(row["bpp"]) / target))))
    return chosen


def strips(
    image: np.ndarray,
    rows: Iterable,
    *,
    codecs: Sequence[str] = (),
    bpp: float = 0.25,
    loaded: Mapping[str, ImageCodec] | None = None,
    **options,
) -> Pillow.Image:
    """Draw the original beside each codec at a matched rate, above a magnified detail and the numbers.

    image: uint8 (h, w, 3), or (2, h, w, 3) of a pair.   rows: of this picture, as measured; where they have a
    `reconstruction` it is used, else the picture is coded anew.   codecs: which, the first one sets the rate; by
    default all.   bpp: where the first one is looked at.   loaded: codecs by name, for names that the registry does not
    know.   options: as for `picture_grid`. A rate more than 15 % off is marked "unmatched (x1.4)". Raises LicLabError
    for codecs without a row, and where a codec of today writes another file than was measured.
    """
    chosen = matched_rows([_as_mapping(row) for row in rows], codecs, bpp)
    first, panels = float(chosen[0]["bpp"]), []
    for row in chosen:
        decoded = row.get("reconstruction")
        decoded = decode_again(row, image, loaded) if decoded is None else decoded
        panels.append(Panel(row, decoded, float(row["bpp"]) / first))
    note = options.pop("note", f"Each codec at its measured rate nearest to {first:.3f} bpp.")
    return picture_grid(image, panels, captions=[panel.caption() for panel in panels], note=note, **options)


def decode_again(row: Mapping, image: np.ndarray, loaded: Mapping[str, ImageCodec] | None = None) -> np.ndarray:
    """Encode and decode a picture as a row says it was, and check that the file has as many bytes as then.

    Raises LicLabError where the codec is not here, or where it writes another size now (other version, other settings).
    """
    name = row["codec"]
    codec = loaded[name] if loaded and name in loaded else registry.load(name)
    data = codec.encode(image, row["quality"])
    if abs(len(data) - row["bytes"]) > 0.005 * row["bytes"]:
        sizes = f"{len(data):,} bytes now and wrote {row['bytes']:,.0f} when it was measured"
        raise LicLabError(f"{name} writes {sizes}: measure it again")
    return codec.decode(data)


def _as_mapping(row) -> Mapping:
    return row if isinstance(row, Mapping) else {name: getattr(row, name) for name in _names(row)}


def _names(row) -> list[str]:
    names = ("codec", "image", "quality", "bytes", "bpp", "psnr_db", "ssim", "ms_ssim", "lpips", "reconstruction")
    return [name for name in names if hasattr(row, name)]


def _there(row: Mapping, name: str) -> bool:
    return row.get(name) is not None and row[name] == row[name]
