"""A tally: how many things each address has now."""

from __future__ import annotations

from .network import network


class Tally:
    """Counts by network; who has nothing is not kept. An empty address is nobody's, and never counted."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def of(self, address: str) -> int:
        """How many the network of this address has."""
        return self._counts.get(network(address), 0) if address else 0

    def add(self, address: str) -> None:
        """One more."""
        if address:
            key = network(address)
            self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, address: str) -> None:
        """One less, of those that were added."""
        if not address:
            return
        key = network(address)
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]
