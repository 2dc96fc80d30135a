"""States of the whole process: changed for as long as any thread needs it, and put back by the last one."""

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Lock


def for_all_threads(change: Callable[[], AbstractContextManager]) -> Callable[[], AbstractContextManager]:
    """Let blocks that make the same change to the process overlap, nested or in threads: the first makes it.

    Otherwise the second would remember as "before" what the first had changed, and leave it so for good.
    """
    lock, running, undo = Lock(), [0], ExitStack()

    @functools.wraps(change)
    @contextmanager
    def block() -> Iterator[None]:
        with lock:
            if not running[0]:
                undo.enter_context(change())
            running[0] += 1
        try:
            yield
        finally:
            with lock:
                running[0] -= 1
                if not running[0]:
                    undo.close()

    return block


@for_all_threads
@contextmanager
def without_remarks_of_pillow() -> Iterator[None]:
    """Say nothing of the odd metadata that Pillow and its plug-ins meet in strangers' files."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL|pillow_heif")
        yield
