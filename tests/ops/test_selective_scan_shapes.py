"""The selective scan of tensors without numbers: shapes as they would be, and nobody computes."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from lic_lab.ops.selective_scan import BACKENDS, backends, selective_scan


def arguments(device, dtype=torch.float32):
    u, n = torch.empty(2, 6, 9, device=device, dtype=dtype), 4
    A, B = torch.empty(6, n, device=device), torch.empty(2, 3, n, 9, device=device, dtype=dtype)
    return {"u": u, "delta": u, "A": A, "B": B, "C": B, "z": u, "D": torch.empty(6, device=device)}


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_meta_tensors_give_meta_tensors_whoever_is_named(backend, dtype):
    y, last = selective_scan(**arguments("meta", dtype), return_last_state=True, backend=backend)
    assert y.is_meta and last.is_meta
    assert y.shape == (2, 6, 9) and y.dtype == dtype
    assert last.shape == (2, 6, 4) and last.dtype == torch.promote_types(dtype, torch.float32)


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fake_tensors_give_fake_tensors_whoever_is_named(backend, dtype):
    with FakeTensorMode():
        y, last = selective_scan(**arguments("cpu", dtype), return_last_state=True, backend=backend)
    assert isinstance(y, FakeTensor) and y.shape == (2, 6, 9) and y.dtype == dtype
    assert isinstance(last, FakeTensor) and last.shape == (2, 6, 4)


def test_fake_parameters_that_ask_for_gradients_are_no_obstacle():
    with FakeTensorMode():
        y = selective_scan(**{name: x.requires_grad_() for name, x in arguments("cpu").items()})
    assert y.shape == (2, 6, 9)


def test_autocast_is_no_obstacle_either():
    with torch.autocast("cpu", dtype=torch.bfloat16), FakeTensorMode():
        assert selective_scan(**arguments("cpu")).dtype == torch.float32


def test_an_empty_sequence_of_meta_tensors_is_one():
    u = torch.empty(2, 6, 0, device="meta")
    B = torch.empty(2, 4, 0, device="meta")
    assert selective_scan(u, u, torch.empty(6, 4, device="meta"), B, B).shape == (2, 6, 0)


def test_only_shapes_runs_on_meta_tensors_and_never_on_numbers():
    assert backends("meta")["shapes"] == ""
    assert "computes nothing" in backends("cpu")["shapes"]
