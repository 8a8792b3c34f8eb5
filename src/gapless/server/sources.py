"""The sources of an application: which of its files has changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

PAUSE_SECONDS = 0.25
"""Between two looks. A look at a thousand files takes a few milliseconds."""

_ELSEWHERE = {"__pycache__", "node_modules", "site-packages"}


class Sources:
    """The Python files below a folder, without those of environments and hidden ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = dict(self._look())

    async def change(self) -> str:
        """Wait for a change, and say which file it was: the first of them by name."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            found = dict(self._look())
            changed = {
                path for path in found.keys() | self._known.keys() if found.get(path) != self._known.get(path)
            }
            self._known = found
            if changed:
                return Path(min(changed)).relative_to(self._folder).as_posix()

    def _look(self) -> Iterator[tuple[str, int]]:
        for at, folders, files in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".") and name not in _ELSEWHERE]
            if "pyvenv.cfg" in files:
                folders.clear()
                continue
            for name in files:
                if name.endswith(".py"):
                    path = os.path.join(at, name)
                    try:
                        yield path, os.stat(path).st_mtime_ns
                    except OSError:
                        pass  # it went in between, which the next look sees
