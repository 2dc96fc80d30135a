"""The exercises of chapter 00: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import numpy as np
import pytest

from lic_lab.check import check
from lic_lab.metrics.quality import psnr


def bits_per_pixel(file, image):
    return 8 * file.stat().st_size / (image.shape[0] * image.shape[1])


def my_psnr(a, b):
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return 10 * np.log10(255**2 / error)


def with_the_librarys_search(codec, image, db):
    return codec.compress(image, psnr=db)


def with_a_loop(codec, image, db):
    files = [codec.encode(image, quality) for quality in map(codec.ladder.quality, range(codec.ladder.count))]
    return min((file for file in files if psnr(image, codec.decode(file)) >= db), key=len)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("00.1", bits_per_pixel),
        ("00.1", lambda file, image: 8 * len(file.read_bytes()) / image[:, :, 0].size),
        ("00.2", my_psnr),
        ("00.2", psnr),
        ("00.3", with_the_librarys_search),
        ("00.3", with_a_loop),
    ],
)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("00.1", lambda file, image: bits_per_pixel(file, image) / 8, "a byte has 8 bits"),
        ("00.1", lambda file, image: 8 * file.stat().st_size / image.size, "three values"),
        ("00.1", lambda file, image: file.stat().st_size, "divided by height times width"),
        ("00.2", lambda a, b: 10 * np.log10(255**2 / np.mean((a - b) ** 2)), "wraps around"),
        ("00.2", lambda a, b: 10 * np.log10(255**2 / np.mean((a - b).astype(float) ** 2)), "wraps around"),
        ("00.2", lambda a, b: my_psnr(a, b) / 2, "ratio of squares"),
        ("00.2", lambda a, b: my_psnr(a[..., 0], b[..., 0]), "all three channels"),
        ("00.3", lambda codec, image, db: codec.encode(image, codec.ladder.ends[0]), "not good enough"),
        ("00.3", lambda codec, image, db: codec.encode(image, codec.ladder.ends[1]), "reaches that too"),
        ("00.3", lambda codec, image, db: codec.compress(image, psnr=35), "reaches that too"),
        ("00.3", lambda codec, image, db: len(codec.compress(image, psnr=db)), "give back the bytes"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
