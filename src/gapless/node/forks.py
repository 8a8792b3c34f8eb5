"""How often this process has been forked off another since it began to count."""

from __future__ import annotations

import os

FORKED = (
    "this process was forked off the one that the hub runs in, and has a copy that nobody is connected to: "
    "publish in the parent (send it there by a queue or a pipe), or by HTTP (`POST /api/publish`), or make a "
    "Hub on a store that both share here (sqlite:///app.db, redis://…)"
)


class Forks:
    """Counts in the child. One for the whole process: what is registered for forks stays registered."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self.count += 1


FORKS = Forks()
