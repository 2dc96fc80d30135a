"""Errors that a person can mend, and how they are told from faults of ours."""

import pytest

from lic_lab.errors import lack


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
            "not enough memory",
        ),
        (OSError(28, "No space left on device"), "the disk is full"),
        (RuntimeError("shapes differ"), ""),
        (OSError(5, "Input/output error"), ""),
        (ValueError("out of memory"), ""),
    ],
)
def test_what_a_machine_ran_out_of_is_told_from_other_errors(error, said):
    assert lack(error).startswith(said) and bool(lack(error)) == bool(said)
