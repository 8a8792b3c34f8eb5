"""What one peer may: so many a second with a burst, so many at a time. Time comes in as a number."""

from __future__ import annotations

import ipaddress


class Rate:
    """Allows `per_second` on average and `burst` at once."""

    __slots__ = ("_at", "_tokens", "burst", "per_second")

    def __init__(self, per_second: float, burst: int) -> None:
        self.per_second = per_second
        self.burst = burst
        self._tokens = float(burst)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Use one up; False when there is none."""
        self._fill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def wait(self, now: float) -> float:
        """Seconds until there is one."""
        self._fill(now)
        return 0.0 if self._tokens >= 1.0 else (1.0 - self._tokens) / max(self.per_second, 1e-9)

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.per_second)
            self._at = now


def spend(paid: float, now: float, *, cost: float, per_second: float) -> float:
    """A rate in one number, for what every connection has: until when is paid for, after this.

    It is within a burst of `n` while the answer is at most `now + n / per_second`.
    """
    return (paid if paid > now else now) + cost / per_second


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
