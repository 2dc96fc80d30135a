"""Errors that a person can mend: one line, what is wrong and what to do."""


class LicLabError(ValueError):
    """Raised for bad input anywhere in the package; the command line prints it as one line and exits with code 2."""


class DivergedError(LicLabError):
    """Raised where a training's loss or gradient, or what trained weights compute, is no number any more."""


class CorruptStreamError(LicLabError):
    """Raised when bytes cannot be the file they claim to be: truncated, extended, flipped, or not ours at all."""
