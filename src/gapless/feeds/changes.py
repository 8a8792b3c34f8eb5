"""A word as soon as something changes in a directory, where the system gives one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path


class Changes:
    """Calls `told` after changes in these directories, on a thread of its own.

    It needs watchfiles (`pip install watchfiles`); without it nothing is ever told, and who looks now
    and then sees everything all the same, a little later.
    """

    def __init__(self, directories: Collection[Path], told: Callable[[], object]) -> None:
        self._stop = threading.Event()
        try:
            from watchfiles import watch
        except ImportError:
            return
        if not directories:
            return

        def run() -> None:
            try:
                for _ in watch(
                    *directories,
                    stop_event=self._stop,
                    recursive=False,
                    debounce=50,
                    step=10,
                    raise_interrupt=False,
                ):
                    told()
            except (OSError, RuntimeError):
                pass  # no more watches, or the directory is gone: looking now and then remains

        threading.Thread(target=run, name="changes", daemon=True).start()

    def close(self) -> None:
        """Tell of nothing any more."""
        self._stop.set()
