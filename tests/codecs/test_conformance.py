"""The examination itself: it passes what is sound, and says of each fault what is wrong and what to try."""

import numpy as np
import pytest
from click.testing import CliRunner

from lic_lab import cli, codecs
from lic_lab.codecs import conformance
from lic_lab.codecs.base import ImageCodec
from lic_lab.errors import LicLabError


class Faulty(ImageCodec):
    """JPEG with one promise broken: `fault` says how."""

    name = label = "faulty"
    suffix = ".jpg"

    def __init__(self, fault: str):
        self.fault, self.inner, self.calls = fault, codecs.load("jpeg"), 0
        self.ladder, self.default_quality = self.inner.ladder, self.inner.default_quality

    @property
    def settings(self):
        return "two\nlines" if self.fault == "settings" else self.inner.settings

    def _encode(self, image, quality):
        self.calls += 1
        if self.fault == "ladder":
            low, high = self.quality_range
            quality = low + high - quality
        data = self.inner.encode(image, quality)
        if self.fault == "in place":
            image[..., :2, :2, :] ^= 1
        return data + {"chance": bytes([self.calls % 256]), "tail": b"\0"}.get(self.fault, b"")

    def _decode(self, data):
        if self.fault == "tail":
            data = data.removesuffix(b"\0")
        if self.fault == "careless" and len(data) < 2000:
            data = self.inner.encode(conformance.sample(), 50)
        image = self.inner._decode(data) if self.fault == "large" else self.inner.decode(data)
        if self.fault == "worse" and len(data) > 4000:
            image = image // 2
        if self.fault == "wraps" and image.min() > 250:
            image = image + np.uint8(9)
        return image[:, :-1] if self.fault == "size" and image.shape[1] > 1 else image


def broken(fault: str) -> dict[str, str]:
    return {claim.says: claim.wrong for claim in conformance.examine(Faulty(fault)) if claim.wrong}


@pytest.mark.parametrize("name", ["jpeg", "webp", "pair:jpeg", "charm"])
def test_codecs_of_the_package_keep_every_promise(name):
    claims = list(conformance.examine(codecs.load(name)))
    assert len(claims) == len(conformance.CLAIMS) and [claim for claim in claims if claim.wrong] == []


@pytest.mark.parametrize(
    ("fault", "claim", "words"),
    [
        ("size", "a picture of any size", "cut off"),
        ("chance", "the same picture gives the same file", "chance"),
        ("ladder", "file and PSNR grow", "from the smallest file"),
        ("settings", "settings are one line", "one line"),
        ("careless", "bytes of something else", "checksum"),
        ("tail", "a file that is cut off", "checksum"),
        ("worse", "file and PSNR grow", "must not be worse"),
        ("wraps", "black stays black", "clip"),
        ("in place", "the same picture gives the same file", "work on a copy"),
    ],
)
def test_each_fault_breaks_its_promise_and_is_told_what_to_try(fault, claim, words):
    (wrong,) = [wrong for says, wrong in broken(fault).items() if says.startswith(claim)]
    assert words in wrong and "\n" not in wrong.replace("\\n", "")


def test_an_error_is_told_with_the_line_of_the_codec_s_own_file(monkeypatch):
    monkeypatch.setattr(Faulty, "_encode", lambda self, image, quality: self.nothing)
    line = test_an_error_is_told_with_the_line_of_the_codec_s_own_file.__code__.co_firstlineno + 1
    wrong = next(conformance.examine(Faulty(""))).wrong
    assert f"in line {line}: faulty cannot encode this 1 x 1 picture" in wrong


def test_a_codec_that_cannot_run_is_not_examined(monkeypatch):
    codec = Faulty("")
    monkeypatch.setattr(Faulty, "missing", lambda self: "its program is not there")
    with pytest.raises(LicLabError, match="its program is not there"):
        next(conformance.examine(codec))


def test_the_command_prints_every_promise_and_its_exit_code_tells(monkeypatch):
    good = CliRunner().invoke(cli.main, ["list", "--check", "jpeg"])
    assert good.exit_code == 0 and good.stdout.count("yes  ") == len(conformance.CLAIMS)
    monkeypatch.setattr("lic_lab.load", lambda name: Faulty("settings"))
    bad = CliRunner().invoke(cli.main, ["list", "--check", "faulty"])
    assert bad.exit_code == 1 and "NO   settings are one line" in bad.stdout
