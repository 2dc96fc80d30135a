"""Pictures in and out: whatever a person has becomes a uint8 array (h, w, 3), and back to a file without loss."""

import io
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from lic_lab.errors import LicLabError
from lic_lab.files import write_bytes
from lic_lab.limits import check_pixels, pillow_without_limit

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2", ".avif")
LOSSLESS = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF", ".ppm": "PPM"}

SIXTEEN_IN_32 = ("PPM", "PNG")  # what Pillow opens as 32-bit integers that hold 16-bit levels; a 32-bit TIFF is none

ORIENTATION = 0x0112  # of EXIF: 1 is upright

# A float picture may overshoot [0, 1] by half an 8-bit level (a resampling filter does); it is clipped then.
OVERSHOOT = 0.5 / 255


def read_image(source) -> np.ndarray:
    """Read a picture from almost anything into 8-bit RGB.

    source: a path; a PIL image; an array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4); a tensor (c, h, w) or (1, c, h, w)
    with c = 3, 1 or 4. Numbers: uint8, uint16 (65535 is white), bool, floats in [0, 1], other integers in 0..255.
    Returns a new uint8 array (h, w, 3). EXIF rotation is applied. Transparency is composited on white, and of several
    frames the first is taken, each with a warning. Grey becomes three equal channels; CMYK is converted as Pillow does;
    ICC profiles are ignored. Pillow itself keeps only the upper byte of 16-bit *colour* PNGs.
    Raises LicLabError for a missing, unreadable or empty picture, one above `max_pixels()`, and numbers out of range.
    """
    if isinstance(source, (str, os.PathLike)):
        return _from_path(Path(source))
    if isinstance(source, Image.Image):
        return from_pil(source, "the picture")
    if isinstance(source, torch.Tensor):
        return _from_array(_channels_last(source))
    if isinstance(source, np.ndarray):
        return _from_array(source)
    raise LicLabError(f"cannot read a picture from {type(source).__name__}: give a path, PIL image, array or tensor")


def write_image(path, image) -> None:
    """Write a picture (anything `read_image` takes) without loss, as PNG, BMP, TIFF or PPM by the suffix of `path`.

    The file appears whole or not at all (see `files.write_whole`). Raises LicLabError for another suffix: lossy files
    are what codecs are for.
    """
    form, buffer = lossless_format(path), io.BytesIO()
    Image.fromarray(read_image(image)).save(buffer, format=form)
    write_bytes(path, buffer.getvalue())


def lossless_format(path) -> str:
    """Give what Pillow calls the format in which `write_image` writes this name; raises LicLabError as it does."""
    suffix = Path(path).suffix.lower()
    if suffix not in LOSSLESS:
        raise LicLabError(f"cannot write {str(path)!r} without loss: end its name in one of {', '.join(LOSSLESS)}")
    return LOSSLESS[suffix]


def image_size(path) -> tuple[int, int]:
    """Give (rows, columns) of a picture as `read_image` would read it; raises LicLabError.

    From its head alone, but for a PNG, which may say behind its pixels how it is turned.
    """
    try:
        with pillow_without_limit(), Image.open(path) as picture:
            turned = picture.getexif().get(ORIENTATION, 1) >= 5  # 5 to 8 exchange rows and columns
            tiff = picture.format == "TIFF"  # whose sides Pillow may have exchanged already
            columns, rows = (picture.tag_v2[256], picture.tag_v2[257]) if tiff else picture.size
            return (columns, rows) if turned else (rows, columns)
    except Exception as error:  # parsers of foreign bytes raise almost anything
        raise LicLabError(f"cannot read {str(path)!r}: {error}") from error


def list_images(folder) -> list[Path]:
    """List the pictures of a folder (not of its subfolders), sorted by name, hidden files left out.

    Raises LicLabError where there is no such folder; a folder without pictures gives an empty list.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise LicLabError(f"no such folder: {str(folder)!r}")
    files = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in files if path.is_file())


def _from_path(path: Path) -> np.ndarray:
    if not os.path.exists(path):  # false, not an error, where a folder may not be entered
        raise LicLabError(f"no such picture: {str(path)!r}")
    if os.path.isdir(path):
        raise LicLabError(f"{str(path)!r} is a folder, not a picture: list_images(folder) names the pictures in it")
    return from_file(path, str(path))


def from_file(file, name: str) -> np.ndarray:
    """Give what `read_image` gives of a path, or of a file open for reading, which errors and remarks call `name`."""
    try:
        with pillow_without_limit():
            picture = Image.open(file)
            frames = getattr(picture, "n_frames", 1)
    except Image.UnidentifiedImageError as error:
        raise LicLabError(f"{name!r} is not a picture that Pillow can read: convert it to PNG") from error
    except Exception as error:  # parsers of foreign bytes raise almost anything
        raise LicLabError(f"cannot read {name!r}: {error}") from error
    if frames > 1:
        warnings.warn(f"{name!r} has {frames} frames: only the first is read", stacklevel=4)
    with picture:
        return from_pil(picture, repr(name))


def from_pil(picture: Image.Image, name: str) -> np.ndarray:
    """Give what `read_image` gives of a PIL picture, which errors and remarks call `name`."""
    _check_size(picture.height, picture.width, name)  # before anything is decoded
    deep = picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in SIXTEEN_IN_32)
    if deep or any(";16" in str(tile) for tile in getattr(picture, "tile", ())):
        warnings.warn(f"{name} has 16 bits a channel: it was rounded to 8", stacklevel=4)
    see_through = _transparent_level(picture)
    try:
        picture.load()  # PNG says behind its pixels how it is turned
        if picture.getexif().get(ORIENTATION, 1) != 1:
            picture = ImageOps.exif_transpose(picture)
        if see_through != picture.info.get("transparency"):
            picture = picture.copy()
            picture.info["transparency"] = see_through
        if deep or picture.mode in ("I", "F"):
            values = np.asarray(picture)
            levels = _to_levels(values.astype(np.uint16) if deep else values, name)
            if see_through is None:
                return _from_array(levels, name)
            alpha = np.where(values == see_through, 0, 255).astype(
                np.uint8
            )  # Pillow's conversion cuts levels off at 255
            return _from_array(np.dstack([levels, levels, levels, alpha]), name)
        if picture.has_transparency_data:
            return _from_array(np.asarray(picture.convert("RGBA")), name)
        return np.array(picture.convert("RGB"))
    except (LicLabError, MemoryError):
        raise
    except Exception as error:  # a truncated or damaged file shows only when it is decoded
        raise LicLabError(f"cannot read {name}: {error}") from error


def _transparent_level(picture: Image.Image):
    """The colour that a picture without an alpha channel calls transparent, None where it has none.

    PNG says it in the file's own levels, and Pillow leaves it so where it scales grey of 2 or 4 bits up to 8, or keeps
    the upper bytes of 16-bit colours; here it becomes what `convert` will look for.
    """
    level, tiles = picture.info.get("transparency"), getattr(picture, "tile", ())
    stored = tiles[0][3] if picture.format == "PNG" and tiles else None
    if stored in ("L;2", "L;4") and isinstance(level, int):
        level *= {"L;2": 85, "L;4": 17}[stored]
    elif stored == "RGB;16B" and isinstance(level, tuple):
        level = tuple(part >> 8 for part in level)
    return level


def _channels_last(x: torch.Tensor) -> np.ndarray:
    if x.ndim == 4 and x.shape[0] == 1:
        x = x[0]
    if x.ndim == 3 and x.shape[0] in (1, 3, 4):
        x = x.permute(1, 2, 0)
    elif x.ndim != 2:
        raise LicLabError(f"a picture as tensor is (3, h, w) or (1, 3, h, w), got {tuple(x.shape)}")
    kind = f"{x.dtype} on {x.device}"
    try:
        x = x.detach().cpu().to_dense().resolve_conj()
        return (x.float() if x.is_floating_point() and x.dtype != torch.float64 else x).numpy()
    except (RuntimeError, TypeError) as error:  # those without values, and whatever kinds are to come
        raise LicLabError(f"cannot read a picture from a tensor of {kind}: give an array, or floats") from error


def _from_array(values: np.ndarray, name: str = "the picture") -> np.ndarray:
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        raise LicLabError(f"a picture as array is (h, w), (h, w, 3) or (h, w, 4), got {values.shape}")
    _check_size(*values.shape[:2], name)
    levels = _to_levels(values, name)
    if levels.shape[2] == 4:
        return _on_white(levels, name)
    return np.array(np.broadcast_to(levels, (*levels.shape[:2], 3)))


def _to_levels(values: np.ndarray, name: str) -> np.ndarray:
    """Any number format -> uint8 levels of the same shape."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values * np.uint8(255)
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)  # nearest level; 65535 = 255 * 257
    if values.dtype.kind not in "iuf":
        raise LicLabError(f"{name} holds {values.dtype} values: give numbers, uint8 or floats in [0, 1]")
    low, high = values.min(), values.max()
    if values.dtype.kind in "iu" and 0 <= low and high <= 255:
        return values.astype(np.uint8)
    if values.dtype.kind == "f" and -OVERSHOOT <= low and high <= 1 + OVERSHOOT:  # false for NaN
        return np.rint(values.clip(0, 1) * 255.0).astype(np.uint8)
    expected = "0..255" if values.dtype.kind in "iu" else "[0, 1]"
    raise LicLabError(f"{name} holds {values.dtype} values from {low} to {high}: scale them to {expected}")


def _on_white(levels: np.ndarray, name: str) -> np.ndarray:
    color, alpha = levels[..., :3].astype(np.uint32), levels[..., 3:].astype(np.uint32)
    if alpha.min() < 255:
        warnings.warn(f"{name} is transparent in places: it was composited on white", stacklevel=3)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _check_size(height: int, width: int, name: str) -> None:
    check_pixels(height, width, name, mend="scale it down, or set LIC_LAB_MAX_PIXELS")
