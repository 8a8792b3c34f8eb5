"""How often a sign-in may be tried: by one address, and by everybody together."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.rate import network


@dataclass(slots=True)
class _Rate:
    """`burst` at once, then one every `seconds`. `free_at` is when all of the burst is there again (GCRA)."""

    burst: int
    seconds: float
    free_at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one more is possible, 0.0 for now."""
        return max(0.0, self.free_at - now - (self.burst - 1) * self.seconds)

    def take(self, now: float) -> None:
        self.free_at = max(self.free_at, now) + self.seconds


@dataclass(slots=True)
class Attempts:
    """Counts tries to sign in on the sign-in page; a header with the credential is not counted.

    One address has `burst` tries, and one more every `seconds`; all addresses have `total_burst`, and one
    more every `total_seconds`. Times are of any clock that never goes back. Addresses are remembered
    until their tries are all there again; as only tries that were let through are, there are never more
    than the total allows: with the defaults 50 and one for each second of a minute.
    """

    burst: int = 5
    seconds: float = 12.0
    total_burst: int = 50
    total_seconds: float = 1.0
    refused: int = 0
    """Tries that were not let through; a counter."""
    _rates: dict[str, _Rate] = field(default_factory=dict, init=False)
    _total: _Rate = field(init=False)

    def __post_init__(self) -> None:
        self._total = _Rate(self.total_burst, self.total_seconds)

    def take(self, address: str, now: float) -> float:
        """Try once. 0.0: look at the credential. Otherwise do not, and say that so many seconds have to pass.

        The total is charged only for what is let through: one blocked address cannot use it up.
        """
        key = network(address)
        rate = self._rates.get(key) or _Rate(self.burst, self.seconds)
        seconds = rate.wait(now) or self._total.wait(now)
        if seconds:
            self.refused += 1
            return seconds
        self._forget_before(now)
        rate.take(now)
        self._total.take(now)
        self._rates[key] = rate
        return 0.0

    def succeeded(self, address: str) -> None:
        """The credential was right: this address starts afresh."""
        self._rates.pop(network(address), None)

    def __len__(self) -> int:
        return len(self._rates)

    def _forget_before(self, now: float) -> None:
        for key in [key for key, rate in self._rates.items() if rate.free_at <= now]:
            del self._rates[key]
