"""For what would else take for ever: an alarm that interrupts also a regular expression."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from .until import DEADLINE


@contextmanager
def not_for_ever() -> Iterator[None]:
    """Raises TimeoutError in the block when it takes minutes; in the main thread only."""

    def too_long(*signalled: object) -> None:
        raise TimeoutError(f"it took longer than {DEADLINE} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
