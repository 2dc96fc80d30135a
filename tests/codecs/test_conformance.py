"""The examination itself: it passes what is sound, and says of each fault what is wrong and what to try."""

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
        return data + bytes([self.calls % 256]) if self.fault == "chance" else data

    def _decode(self, data):
        if self.fault == "careless" and len(data) < 2000:
            data = self.inner.encode(conformance.sample(), 50)
        image = self.inner._decode(data) if self.fault == "large" else self.inner.decode(data)
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
    ],
)
def test_each_fault_breaks_its_promise_and_is_told_what_to_try(fault, claim, words):
    (wrong,) = [wrong for says, wrong in broken(fault).items() if says.startswith(claim)]
    assert words in wrong and "\n" not in wrong.replace("\\n", "")


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
