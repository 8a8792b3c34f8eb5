"""What peers have sent and nobody has handled: its bytes, bounded for all of a process together."""

from __future__ import annotations

from typing import Protocol

from ..core.counters import Counters
from ..options import Limits
from .turns import Turns


class Holder(Protocol):
    """Who keeps bytes of one peer."""

    def give_up(self) -> None:
        """End this connection and hold nothing any more: it holds the most, and there is too much."""


class Inbound:
    """Who holds how much. `turns` says whose turn it is to have some of it handled."""

    __slots__ = ("_held", "counters", "limits", "turns", "used")

    def __init__(self, limits: Limits, counters: Counters) -> None:
        self.limits = limits
        self.counters = counters
        self.turns = Turns(limits.slice_seconds)
        self._held: dict[Holder, int] = {}
        self.used = 0

    def hold(self, holder: Holder, size: int) -> None:
        """So much is held now, in all, for this one. Above the bound the fullest is given up."""
        before = self._held.pop(holder, 0)
        self.used += size - before
        if size:
            self._held[holder] = size
        while self.used > self.limits.inbound_budget_bytes and self._held:
            fullest = max(self._held, key=self._held.__getitem__)
            self.counters.inbound_full += 1
            self.used -= self._held.pop(fullest)
            fullest.give_up()
