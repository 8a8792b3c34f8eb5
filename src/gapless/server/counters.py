"""What the HTTP side of a server counts; `/metrics` shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class HttpCounters:
    """Counts of this process, for all its servers."""

    heads_refused: int = 0
    """Heads of requests that were above a bound, or could not be: 400, 414, 426, 431, 501, 505."""
    heads_late: int = 0
    """Connections closed because the head of a request did not come in time."""
    bodies_unwanted: int = 0
    """Connections closed because a body went on behind its answer."""
    answers_unread: int = 0
    """Connections cut off because nothing of an answer was taken for too long."""
    sockets_cut: int = 0
    """Connections without a request that were cut off because there were too many."""
    early_cut: int = 0
    """Connections cut off because too much came before their upgrade was answered."""
    direct: int = 0
    """Requests that were answered without calling the application."""


counters = HttpCounters()
