"""The load generator: thousands of WebSocket clients in one process, which count instead of parsing.

It must never be what is measured. So a client is a non-blocking socket in an epoll; what arrives
goes into one shared buffer (`recv_into`), markers in it are counted, and nothing else is looked
at. Frames that are split between two reads cost a look at the last byte.
"""

from __future__ import annotations

import select
import socket
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from .message import MARKER, STAMP_DIGITS
from .opening import Door, Opening, Refused

_BATCH = 512  # events per poll: credits are looked at between batches
_AT_ONCE = 1024  # handshakes under way; more would overflow listen queues and wait for SYN retries
_SLOW_TURN_NS = 100_000_000
_STAMP = len(MARKER) + STAMP_DIGITS
_TAILS = frozenset(MARKER[:-1])


class Stuck(Exception):
    """Something did not happen in time."""


class Load:
    """All clients of one server.

    `total` counts the markers that reading clients received, `counts` per descriptor; slow and
    frozen clients are not counted. `latencies` holds, while `timed` is set, nanoseconds from the
    stamp of a publication to the read that brought it.
    """

    def __init__(self) -> None:
        self.total = 0
        self.lost = 0
        self.last_ns = 0
        self.timed = False
        self.counts: dict[int, int] = {}
        self.latencies = array("q")
        self._epoll = select.epoll()
        self._buffer = bytearray(262144)
        self._reading: dict[int, socket.socket] = {}
        self._receive: dict[int, Callable[[bytearray], int]] = {}
        self._slow: list[socket.socket] = []
        self._frozen: list[socket.socket] = []
        self._slow_bytes = bytearray(800)
        self._slow_due = 0
        self._split: dict[int, int] = {}
        self._opening: dict[int, Opening] = {}
        self._watched: dict[int, Callable[[], None]] = {}
        self._refusal: Exception | None = None
        self._number = 0

    @property
    def clients(self) -> int:
        """Reading clients that are connected."""
        return len(self._reading)

    def watch(self, fd: int, ready: Callable[[], None]) -> None:
        """Call `ready` from `pump` whenever `fd` can be read."""
        self._watched[fd] = ready
        self._epoll.register(fd, select.EPOLLIN)

    # -- connecting

    def connect(self, port: int, doors: Iterable[Door], seconds: float) -> float:
        """Open one client per door; returns the seconds until the last one was ready.

        Raises:
            Refused: the server turned one away.
            Stuck: not all were ready after `seconds`.
        """
        return self._open(port, doors, seconds, self._adopt)

    def connect_slow(self, port: int, doors: Iterable[Door], seconds: float) -> None:
        """The same for clients that read 800 bytes every 100 ms."""
        self._open(port, doors, seconds, lambda opening: self._slow.append(opening.socket), 4096)

    def connect_frozen(self, port: int, doors: Iterable[Door], seconds: float) -> None:
        """The same for clients that read nothing any more."""
        self._open(port, doors, seconds, lambda opening: self._frozen.append(opening.socket), 4096)

    def _open(
        self,
        port: int,
        doors: Iterable[Door],
        seconds: float,
        done: Callable[[Opening], None],
        receive_buffer: int | None = None,
    ) -> float:
        waiting = iter(doors)
        start = time.monotonic()
        self._refusal = None
        self._done = done

        def refill() -> None:
            for door in islice(waiting, _AT_ONCE - len(self._opening)):
                self._begin(Opening(port, door, self._number, receive_buffer))

        refill()
        self.pump(lambda: not self._opening or self._refusal is not None, seconds, after=refill)
        if self._refusal is not None:
            raise Refused(str(self._refusal)) from self._refusal
        if self._opening:
            raise Stuck(f"{len(self._opening)} handshakes were still under way after {seconds:.0f} s")
        return time.monotonic() - start

    def _begin(self, opening: Opening) -> None:
        self._number += 1
        fd = opening.socket.fileno()
        self._opening[fd] = opening
        self._epoll.register(fd, opening.events)

    def _advance(self, fd: int, opening: Opening) -> None:
        before = opening.events
        try:
            ready = opening.step()
        except (OSError, Refused) as error:
            self._refusal = error
            del self._opening[fd]
            opening.socket.close()
            return
        if ready:
            del self._opening[fd]
            self._epoll.unregister(fd)
            self._done(opening)
        elif opening.events != before:
            self._epoll.modify(fd, opening.events)

    def _adopt(self, opening: Opening) -> None:
        sock = opening.socket
        fd = sock.fileno()
        self._reading[fd] = sock
        self._receive[fd] = sock.recv_into
        self.counts[fd] = 0
        self._epoll.register(fd, select.EPOLLIN)
        for part in _parts(opening.received, len(self._buffer)):
            self._buffer[: len(part)] = part
            self._tally(fd, len(part))

    # -- reading

    def reset(self) -> None:
        """Begin to count anew."""
        self.total = 0
        self.last_ns = time.monotonic_ns()
        self.counts = dict.fromkeys(self.counts, 0)
        self.latencies = array("q")

    def pump(
        self, until: Callable[[], bool], seconds: float, after: Callable[[], None] | None = None
    ) -> bool:
        """Read until `until` holds or `seconds` have passed; returns whether it holds.

        `after` is called after each batch of events, before `until` is asked.
        """
        deadline = time.monotonic_ns() + int(seconds * 1e9)
        while not until():
            now = time.monotonic_ns()
            if now >= deadline:
                return False
            if self._slow and now >= self._slow_due:
                self._read_slow(now)
            rest = min(deadline - now, _SLOW_TURN_NS) / 1e9
            before = self.total
            self._read(self._epoll.poll(rest, _BATCH))
            if self.total != before:
                self.last_ns = time.monotonic_ns()
            if after is not None:
                after()
        return True

    def settle(self, quiet: float = 0.1, seconds: float = 10.0) -> None:
        """Read until nothing has come for `quiet` seconds, at most `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            before = self.total
            self.pump(lambda before=before: self.total != before, quiet)  # type: ignore[misc]
            if self.total == before:
                return

    def _read(self, events: list[tuple[int, int]]) -> None:
        receive, buffer, tally = self._receive, self._buffer, self._tally
        for fd, _ in events:
            recv_into = receive.get(fd)
            if recv_into is None:
                self._other(fd)
                continue
            try:
                size = recv_into(buffer)
            except BlockingIOError:
                continue
            except OSError:
                size = 0
            if size:
                tally(fd, size)
            else:
                self._lose(fd)

    def _tally(self, fd: int, size: int) -> None:
        buffer = self._buffer
        found = buffer.count(MARKER, 0, size)
        if self._split or buffer[size - 1] in _TAILS:
            found += self._mend(fd, size)
        if found:
            self.total += found
            self.counts[fd] += found
            if self.timed:
                self._time(size)

    def _mend(self, fd: int, size: int) -> int:
        """Count a marker that began in the previous read, and remember one that begins at the end of this."""
        buffer, mended, begun = self._buffer, 0, self._split.pop(fd, 0)
        if begun:
            rest = MARKER[begun : begun + size]
            if buffer.startswith(rest, 0, size):
                if begun + len(rest) < len(MARKER):
                    self._split[fd] = begun + len(rest)
                    return 0
                mended = 1
        for length in range(len(MARKER) - 1, 0, -1):
            if buffer.endswith(MARKER[:length], 0, size):
                self._split[fd] = length
                break
        return mended

    def _time(self, size: int) -> None:
        now = time.monotonic_ns()
        buffer = self._buffer
        at = buffer.find(MARKER, 0, size)
        # A stamp that is cut off by the end of the read is left out: one in thousands.
        while 0 <= at <= size - _STAMP:
            self.latencies.append(now - int(buffer[at + len(MARKER) : at + _STAMP]))
            at = buffer.find(MARKER, at + _STAMP, size)

    def _read_slow(self, now: int) -> None:
        self._slow_due = now + _SLOW_TURN_NS
        for sock in self._slow:
            try:
                sock.recv_into(self._slow_bytes)
            except OSError:
                continue  # nothing there, or the server has cut it off: both are its right

    def _other(self, fd: int) -> None:
        opening = self._opening.get(fd)
        if opening is not None:
            self._advance(fd, opening)
        elif fd in self._watched:
            self._watched[fd]()

    def _lose(self, fd: int) -> None:
        self.lost += 1
        self._forget(fd)

    def _forget(self, fd: int) -> None:
        del self._receive[fd], self.counts[fd]
        self._split.pop(fd, None)
        self._reading.pop(fd).close()

    # -- leaving

    def cut(self) -> None:
        """Cut the line of every reading client at once."""
        for fd in list(self._reading):
            self._forget(fd)

    def close(self) -> None:
        """Cut all lines and free the poll."""
        self.cut()
        for opening in self._opening.values():
            opening.socket.close()
        for sock in self._slow + self._frozen:
            sock.close()
        self._epoll.close()


def _parts(data: bytearray, size: int) -> Iterator[bytearray]:
    return (data[at : at + size] for at in range(0, len(data), size))
