"""Two sets of numbers are the same when no place differs by more than is allowed; the first that does is named."""

import math

import numpy as np
import pytest
import torch

from lic_lab.check import check_same


def test_the_largest_difference_and_the_count_are_printed(capsys):
    check_same(np.zeros((37, 1)), np.full((37, 1), 3.1e-7))
    assert capsys.readouterr().out == "largest difference 3.1e-07 over 37 numbers: the same\n"


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (0.1 + 0.2, 0.3),
        (3, torch.tensor(3.0)),
        ([1.0, 2.0], torch.tensor([1.0, 2.0], requires_grad=True)),
        ([torch.tensor(1.0), 2], np.array([1, 2])),
        (torch.ones(2, dtype=torch.bfloat16), np.ones(2)),
        (np.array([math.nan, math.inf]), [math.nan, math.inf]),
        (np.array([True, False]), [1, 0]),
        (1 + 2j, np.complex64(1 + 2j)),
        (b"abc", bytearray(b"abc")),
        ("0110", "0110"),
    ],
)
def test_numbers_of_any_kind_and_bytes_are_compared(mine, theirs, capsys):
    check_same(mine, theirs)
    assert capsys.readouterr().out.endswith(": the same\n")


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ([1.0, 2.0, 3.5], [1.0, 2.0, 3.0], r"1 of 3 .* at most by 0.5; first at \[2\]: mine 3.5, theirs 3"),
        (np.eye(2), np.zeros((2, 2)), r"2 of 4 .* first at \[0, 0\]: mine 1, theirs 0"),
        (1.0, 2.0, "1 of 1 numbers differ by more than 1e-05, at most by 1; first mine 1, theirs 2"),
        (np.zeros(3), np.zeros((3, 1)), r"shapes differ: mine \(3,\), theirs \(3, 1\)"),
        (1.0, np.ones(5), "shapes differ"),
        (np.uint8(0), np.uint8(255), "at most by 2.6e.02"),
        (np.int8(-128), np.int8(127), "at most by 2.6e.02"),
        ([math.nan], [1.0], "at most by inf"),
        ([math.inf], [-math.inf], "at most by inf"),
        ([], [], "nothing to compare"),
        (["a"], ["a"], "no numbers"),
        (b"abc", b"abd", "byte 2 differs: mine 99, theirs 100"),
        (b"ab", b"abc", "lengths differ: mine 2 bytes, theirs 3"),
        (b"", b"", "nothing to compare"),
        (b"ab", "ab", "mine is bytes, theirs is str"),
        (b"\x01", [1], "mine is bytes, theirs is list"),
    ],
)
def test_what_differs_is_an_error_that_names_the_place(mine, theirs, said, capsys):
    with pytest.raises(AssertionError, match=said):
        check_same(mine, theirs)
    assert not capsys.readouterr().out


def test_the_tolerance_is_absolute_and_zero_asks_for_equality():
    check_same([1000.0], [1000.4], tol=0.5)
    check_same([3], [3], tol=0)
    with pytest.raises(AssertionError):
        check_same([1000.0], [1000.4], tol=0.3)
    with pytest.raises(AssertionError, match="more than 0, at most by"):
        check_same([1.0], [1.0 + 1e-12], tol=0)
