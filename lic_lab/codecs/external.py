"""Codecs that are programs of their own: found on the PATH, run in a temporary folder, never through a shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from lic_lab.codecs.base import ImageCodec

TIMEOUT = 3600  # seconds for one picture: VTM takes minutes on a large one


class ExternalCodec(ImageCodec):
    """A codec made of two programs, an encoder and a decoder.

    encoders, decoders: names under which the programs go, the first found is taken.   mend: where to get them.
    """

    encoders: tuple[str, ...]
    decoders: tuple[str, ...]
    mend: str

    def missing(self) -> str:
        lost = [names[0] for names in (self.encoders, self.decoders) if not find(names)]
        return f"{' and '.join(lost)} not found on the PATH: {self.mend}" if lost else ""

    @property
    def encoder(self) -> str:
        """Where the encoder is, "" where it is not."""
        return find(self.encoders)

    @property
    def decoder(self) -> str:
        """Where the decoder is, "" where it is not."""
        return find(self.decoders)

    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        with tempfile.TemporaryDirectory(prefix="lic_lab_") as folder:
            return self.write(image, int(quality), Path(folder))

    def _decode(self, data: bytes) -> np.ndarray:
        with tempfile.TemporaryDirectory(prefix="lic_lab_") as folder:
            return self.read(data, Path(folder))

    def write(self, image: np.ndarray, quality: int, folder: Path) -> bytes:
        """Run the encoder on uint8 (h, w, 3), with all files in `folder`; gives the bytes of the file."""
        raise NotImplementedError

    def read(self, data: bytes, folder: Path) -> np.ndarray:
        """Run the decoder on the bytes of a file, with all files in `folder`; gives uint8 (h, w, 3)."""
        raise NotImplementedError


def find(names: tuple[str, ...]) -> str:
    """Give the path of the first of these programs that is on the PATH, "" where none is."""
    return next((path for path in map(shutil.which, names) if path), "")


def run(program: str, *arguments) -> None:
    """Run a program to its end; raises RuntimeError with its last words where it fails."""
    command = [program, *map(str, arguments)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT
    )
    if done.returncode:
        words = done.stdout.decode(errors="replace").strip().splitlines()
        last = words[-1].strip() if words else "it said nothing"
        raise RuntimeError(f"{Path(program).name} failed with exit code {done.returncode}: {last}")


def said_version(program: str, *arguments: str) -> str:
    """Give the version number that a program prints, "of unknown version" where it prints none."""
    return _said_version(program, os.path.getmtime(program), *arguments) if program else "of unknown version"


@cache
def _said_version(program: str, _modified: float, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "of unknown version"
    match = re.search(r"version\s*:?\s*\[?v?(\d[\w.\-]*)", done.stdout.decode(errors="replace"), re.IGNORECASE)
    return match[1] if match else "of unknown version"
