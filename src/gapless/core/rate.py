"""Rates: so many a second, and a burst. Time comes in as a number."""

from __future__ import annotations


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
