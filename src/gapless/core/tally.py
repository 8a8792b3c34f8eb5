"""A tally: how many things the network of each address has now."""

from __future__ import annotations

import ipaddress


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


def network(address: str) -> str:
    """The address; of IPv6 the network of 64 bits, all of whose addresses one machine can have."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
