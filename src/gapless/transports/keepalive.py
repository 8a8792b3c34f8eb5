"""Pings of a server, and the clients that do not answer them (RFC 6455, 5.5.2)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


class Keepalive:
    """One ping every `interval` seconds; `lost` is called when an answer takes longer than `timeout`.

    With no timeout nobody waits for the answers. `ping` sends one with a payload; False: not now.
    `lost` says whether the peer lives all the same, and has as long again.
    """

    __slots__ = (
        "_interval",
        "_loop",
        "_lost",
        "_payload",
        "_ping",
        "_sent_at",
        "_timeout",
        "_timer",
        "round_trip",
    )

    def __init__(
        self, interval: float, timeout: float | None, ping: Callable[[bytes], bool], lost: Callable[[], bool]
    ) -> None:
        self._interval = interval
        self._timeout = timeout
        self._ping = ping
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._payload = b""
        self._sent_at = 0.0
        self.round_trip: float | None = None
        """Seconds between the last ping that was answered and its answer."""
        self._timer = self._loop.call_later(interval, self.send)

    def send(self) -> None:
        """The next ping, now."""
        self._timer.cancel()
        payload = os.urandom(4)
        self._sent_at = self._loop.time()
        # Before the ping: who sends it may find that this is the end.
        if self._timeout is None:
            self._timer = self._loop.call_later(self._interval, self.send)
        else:
            self._timer = self._loop.call_later(self._timeout, self._on_silence)
        self._payload = payload
        if not self._ping(payload):
            self._payload = b""
            self._timer.cancel()
            self._timer = self._loop.call_later(self._interval, self.send)

    def _on_silence(self) -> None:
        assert self._timeout is not None  # noqa: S101 - else nobody waits
        if self._lost():
            self._timer = self._loop.call_later(self._timeout, self._on_silence)

    def on_pong(self, payload: bytes) -> None:
        """The client's. One that answers nothing, or an older ping, is none."""
        if not self._payload or payload != self._payload:
            return
        self._payload = b""
        self.round_trip = self._loop.time() - self._sent_at
        if self._timeout is not None:
            self._timer.cancel()
            # So that pings are `interval` apart, whatever their answers took.
            self._timer = self._loop.call_later(max(0.0, self._interval - self.round_trip), self.send)

    def stop(self) -> None:
        """No ping any more. Idempotent."""
        self._timer.cancel()
