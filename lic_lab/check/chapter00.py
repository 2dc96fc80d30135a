"""Exercises of chapter 00: rate and quality by hand, and the smallest file that is good enough."""

import tempfile
from pathlib import Path

import numpy as np

from lic_lab.check.exercises import NotYet, exercise
from lic_lab.codecs import load
from lic_lab.datasets.bundled import bundled_images
from lic_lab.metrics.quality import psnr


@exercise("00.1", "The rate of a file on the disk, in bits per pixel")
def _(answer):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.bin"
        for size, image in ((750, np.zeros((20, 30, 3), np.uint8)), (4096, np.zeros((64, 32, 3), np.uint8))):
            file.write_bytes(bytes(size))
            got, height, width = answer(file, image), *image.shape[:2]
            if abs(got - 8 * size / (height * width)) < 1e-9:
                continue
            said = f"{size} bytes for {width} x {height} pixels gave {got:.4g}"
            if abs(got - size / (height * width)) < 1e-9:
                raise NotYet(f"{said}, which is bytes per pixel: a byte has 8 bits")
            if abs(got - 8 * size / image.size) < 1e-9:
                raise NotYet(f"{said}: divide by the pixels, each of which has three values")
            raise NotYet(f"{said}: 8 times the bytes of the file, divided by height times width")


@exercise("00.2", "PSNR from the pixels of two pictures, in dB")
def _(answer):
    a = bundled_images()["astronaut"][::8, ::8]
    for b in (a[::-1].copy(), np.clip(a.astype(int) + 9, 0, 255).astype(np.uint8)):
        got, right = answer(a.copy(), b), psnr(a, b)
        if abs(got - right) < 1e-3:
            continue
        said = f"{got:.2f} dB where {right:.2f} dB are right"
        difference = a - b  # as uint8 on purpose: the mistake that is made most often
        wrapped = 10 * np.log10(255**2 / np.mean(difference.astype(float) ** 2))
        squared = 10 * np.log10(255**2 / np.mean((difference * difference).astype(float)))
        if min(abs(got - wrapped), abs(got - squared)) < 1e-3:
            raise NotYet(f"{said}: uint8 has no 3 - 5 = -2, it wraps around to 254; convert the pictures first")
        if abs(got - right / 2) < 1e-3 or abs(got - 2 * right) < 1e-3:
            raise NotYet(f"{said}: 10 times the logarithm of a ratio of squares, or 20 times that of the ratio itself")
        raise NotYet(f"{said}: 10 log10(255² / MSE), with the mean over rows, columns and all three channels")


@exercise("00.3", "The smallest file of a codec with at least so many dB")
def _(answer):
    image = bundled_images()["astronaut"][60:188, 160:288]
    for name, db in (("jpeg", 35.0), ("webp", 33.0), ("jpeg", 30.0)):
        codec = load(name)
        data = answer(codec, image, db)
        if not isinstance(data, bytes | bytearray):
            raise NotYet(f"give back the bytes of the file, not {type(data).__name__}")
        reached, best = psnr(image, codec.decode(bytes(data))), len(codec.compress(image, psnr=db))
        said = f"{len(data):,} bytes of {codec.label} with {reached:.2f} dB where {db:g} dB were asked for"
        if reached < db:
            raise NotYet(f"{said}: that is not good enough, however small")
        if len(data) > 1.02 * best:
            raise NotYet(f"{said}: a file of {best:,} bytes reaches that too")
