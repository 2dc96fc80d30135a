"""Pause, resume and stop a training that runs: from another thread, or by Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Control:
    """The buttons of a training; every method may be called from another thread than the one that trains.

    A stopped training ends after the step it is in, saves its state and gives its weights so far.
    """

    def __init__(self):
        self._going, self._stop = threading.Event(), threading.Event()
        self._going.set()

    def pause(self) -> None:
        """Let the training wait after the step it is in."""
        self._going.clear()

    def resume(self) -> None:
        """Let a paused training go on."""
        self._going.set()

    def stop(self) -> None:
        """Let the training end after the step it is in, paused or not."""
        self._stop.set()
        self._going.set()

    @property
    def paused(self) -> bool:
        """Whether the training waits, or will after this step."""
        return not self._going.is_set()

    @property
    def stopped(self) -> bool:
        """Whether the training ends, or will after this step."""
        return self._stop.is_set()

    def wait(self, signalled: threading.Event | None = None) -> float:
        """Wait while paused, and no longer than until a signal came (`patient_signals`); give the seconds that took."""
        began = time.monotonic()
        while not self._going.wait(0.1) and not (signalled and signalled.is_set()):
            pass
        return time.monotonic() - began


@contextmanager
def patient_signals() -> Iterator[threading.Event]:
    """Let Ctrl-C, and the SIGTERM of a batch system, wait to be asked for; a second one of a kind acts at once.

    Gives an event that is set once one came; torchrun sends its processes one of each. Where signals cannot be caught,
    outside the main thread, it never is.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, _) -> None:
        asked.set()
        signal.signal(number, before[number])

    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
