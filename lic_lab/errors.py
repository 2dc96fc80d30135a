"""Errors that a person can mend: one line, what is wrong and what to do."""

import errno


class LicLabError(ValueError):
    """Raised for bad input anywhere in the package; the command line prints it as one line and exits with code 2."""


class DivergedError(LicLabError):
    """Raised where a training's loss or gradient, or what trained weights compute, is no number any more."""


class CorruptStreamError(LicLabError):
    """Raised when bytes cannot be the file they claim to be: truncated, extended, flipped, or not ours at all."""


def lack(error: BaseException) -> str:
    """Say what this machine ran out of, and the mend; "" where an error is about something else.

    torch says in the words of a RuntimeError that there is no memory; a full disk is an OSError.
    """
    said = str(error) if isinstance(error, RuntimeError) else ""
    if isinstance(error, MemoryError) or "allocate memory" in said or "out of memory" in said:
        return "not enough memory: use a smaller picture"
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "the disk is full: free some space and try again" if full else ""
