"""The subscribers of `gapless bench`: many in one process, which count instead of parsing frames.

They must not be what is measured. A subscriber is a non-blocking socket; what arrives goes into one
shared buffer, and the numbers that the publisher put behind its marker are compared with those due.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable

from .opening import OPENING_SECONDS, Door, enter, frame

NUMBER_DIGITS = 10
STAMP_DIGITS = 19
"""Digits of `time.monotonic_ns()`: one clock for all processes of a machine."""
MARKER_BYTES = 9
RECORD_BYTES = MARKER_BYTES + NUMBER_DIGITS + STAMP_DIGITS
"""Marker, number and stamp, one behind the other, once in each publication."""

SAMPLE = 8
"""Every how many publications the latency is looked at."""
STEP_NS = 10_000
"""Latencies are kept to 10 µs, so that their number is bounded."""

BUFFER_BYTES = 256 * 1024

_PING = b"\x89\x04"
"""How an unmasked ping frame with the usual four bytes begins (RFC 6455, 5.5.2).

Elsewhere these two bytes can only be the length of another frame, and a pong too many is allowed.
"""
_PING_BYTES = 6


class Totals:
    """What all subscribers received. A publication out of order counts as missing and as repeated."""

    def __init__(self) -> None:
        self.deliveries = 0
        self.missing = 0
        self.repeated = 0
        self.lost = 0
        """Connections that ended before the end."""
        self.last_ns = 0
        """When the newest delivery was read."""
        self.latencies: Counter[int] = Counter()
        """How often each number of steps was seen."""

    def percentile(self, share: float) -> float | None:
        """The latency in seconds that this share of the samples did not exceed."""
        rank, seen = share * self.latencies.total(), 0
        for steps, count in sorted(self.latencies.items()):
            seen += count
            if seen >= rank:
                return steps * STEP_NS / 1e9
        return None


class Tally:
    """One subscriber's count. Publications are numbered 1, 2, 3 …; `kept` is what the last read cut off."""

    __slots__ = ("_marker", "_next", "_numbers", "_totals", "kept")

    def __init__(self, marker: bytes, totals: Totals) -> None:
        self._marker = marker
        self._numbers = re.compile(re.escape(marker) + rb"(\d{%d})" % NUMBER_DIGITS)
        self._next = 1
        self._totals = totals
        self.kept = b""

    def take(self, buffer: bytearray, size: int, now_ns: int) -> int:
        """Count what lies in the first `size` bytes; `kept` must stand in front. Gives how many are whole."""
        end = _whole(buffer, size)
        self.kept = bytes(buffer[end:size])
        numbers = list(map(int, self._numbers.findall(buffer, 0, end)))
        if numbers:
            first, due = self._next, self._next + len(numbers)
            self._totals.deliveries += len(numbers)
            self._totals.last_ns = now_ns
            if numbers == list(range(first, due)):
                self._next = due
                self._sample(buffer, end, first, due, now_ns)
            else:
                self._account(numbers)
        return end

    def finish(self, published: int) -> None:
        """Nothing more will come: what has not is missing."""
        self._totals.missing += max(0, published + 1 - self._next)

    def _account(self, numbers: list[int]) -> None:
        for number in numbers:
            if number < self._next:
                self._totals.repeated += 1
            else:
                self._totals.missing += number - self._next
                self._next = number + 1

    def _sample(self, buffer: bytearray, end: int, first: int, due: int, now_ns: int) -> None:
        for number in range(first + (1 - first) % SAMPLE, due, SAMPLE):
            at = buffer.find(self._marker + b"%0*d" % (NUMBER_DIGITS, number), 0, end)
            stamp = int(buffer[at + RECORD_BYTES - STAMP_DIGITS : at + RECORD_BYTES])
            self._totals.latencies[(now_ns - stamp) // STEP_NS] += 1


def _whole(buffer: bytearray, size: int) -> int:
    """Where a marker or a ping begins that the end of the read cuts off; else `size`."""
    record = buffer.rfind(b"@", max(0, size - RECORD_BYTES + 1), size)
    ping = buffer.rfind(_PING[:1], max(0, size - _PING_BYTES + 1), size)
    return min((at for at in (record, ping) if at >= 0), default=size)


class Load:
    """All subscribers of one channel."""

    def __init__(self, marker: bytes) -> None:
        self.totals = Totals()
        self._marker = marker
        self._selector = selectors.DefaultSelector()
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._tallies: list[Tally] = []

    def open(self, door: Door, clients: int) -> None:
        """Let so many subscribers in, one after the other.

        Raises:
            NotIn: the hub turned one away, or it took too long.
            OSError: there is no connection.
        """
        deadline = time.monotonic() + OPENING_SECONDS
        for _ in range(clients):
            tally = Tally(self._marker, self.totals)
            self._selector.register(enter(door, deadline), selectors.EVENT_READ, tally)
            self._tallies.append(tally)

    def pump(self, until: Callable[[], bool], seconds: float) -> bool:
        """Read until `until` holds, or for so long; gives whether it holds."""
        deadline = time.monotonic() + seconds
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(min(left, 0.05)):
                if isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj, key.data)
        return True

    def finish(self, published: int) -> None:
        """Close every client, and wait until all are gone."""
        for tally in self._tallies:
            tally.finish(published)

    def close(self) -> None:
        """Leave without a farewell."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    def _read(self, sock: socket.socket, tally: Tally) -> None:
        buffer, kept = self._buffer, len(tally.kept)
        buffer[:kept] = tally.kept
        try:
            received = sock.recv_into(self._view[kept:])
        except BlockingIOError:
            return
        except OSError:
            received = 0
        if not received:
            self._lose(sock)
            return
        end = tally.take(buffer, kept + received, time.monotonic_ns())
        at = buffer.find(_PING, 0, end)
        while at >= 0:
            _answer(sock, bytes(buffer[at + len(_PING) : at + _PING_BYTES]))
            at = buffer.find(_PING, at + _PING_BYTES, end)

    def _lose(self, sock: socket.socket) -> None:
        self.totals.lost += 1
        self._selector.unregister(sock)
        sock.close()


def _answer(sock: socket.socket, payload: bytes) -> None:
    try:
        sock.send(frame(0xA, payload))
    except OSError:
        pass  # if the connection is lost, the next read says so
