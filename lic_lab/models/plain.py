"""Torch as weights and files expect it, whatever the script around has told it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lic_lab.shared import for_all_threads


@contextmanager
def plain_torch() -> Iterator[None]:
    """Within, new tensors are float32, and may have gradients: no other default, no `torch.inference_mode()`.

    A model that is built in float64, or under `inference_mode`, is another one for good: its fingerprint differs, or
    cannot be taken.
    """
    with _float32(), torch.inference_mode(False):
        yield


@for_all_threads
@contextmanager
def _float32() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
