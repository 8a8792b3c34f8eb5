"""How much one client may hold up, and what was done about those that held up more."""

from __future__ import annotations

from dataclasses import dataclass

QUEUE_BYTES = 4 * 1024 * 1024
STALL_TIMEOUT = 10.0
THAW_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may cost."""

    queue_bytes: int = QUEUE_BYTES
    """Of messages that its client has not taken; each counts some more, for what it costs to keep it."""
    stall_timeout: float = STALL_TIMEOUT
    """Seconds in which its client may take no byte of what waits."""
    thaw_timeout: float = THAW_TIMEOUT
    """Seconds for which a connection that was given up waits to say so; then it is cut off."""

    def __post_init__(self) -> None:
        for name in ("queue_bytes", "stall_timeout", "thaw_timeout"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"{name} must be above 0, not {value!r}")


@dataclass(slots=True)
class IsolationCounters:
    """Counts since the start of what shares them."""

    connections: int = 0
    """WebSockets that were accepted."""
    stalled: int = 0
    """Closed with 3008: they took no byte for `stall_timeout`."""
    overflowed: int = 0
    """Closed with 3008: more than `queue_bytes` waited for them."""
    dropped: int = 0
    """Messages that were not sent, because their connection was given up or had ended."""
    cut: int = 0
    """Given up, and cut off without a word because they never took it."""
    errors: int = 0
    """Exceptions of a server's `send` that do not say that the client left; each ended its connection."""
