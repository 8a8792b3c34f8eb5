"""One server with its clients: the few measurements that all scenarios are made of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .child import ServerProcess
from .load import Load
from .machine import busy_ns, cpu_ns
from .opening import Door
from .sheet import STALLED

AHEAD = 8
"""Publications that a publisher without backpressure may be ahead of its clients: enough to keep
the server busy, few enough for the slowest peer to deliver to 10,000 within seconds."""

_PATIENCE = 2.0  # seconds without a delivery after which nothing more is expected
_DRAIN = 40.0  # seconds at most for what is under way
_COMPLETE = 0.99


@dataclass(frozen=True, slots=True)
class Flow:
    """What became of a stretch of publishing. CPU shares are of one core."""

    publications: int
    expected: int
    deliveries: int
    seconds: float
    server_cpu: float
    load_cpu: float
    foreign_cpu: float
    """Used on our two cores by processes that are not ours."""
    server_ns: int

    @property
    def complete(self) -> bool:
        return self.deliveries >= _COMPLETE * self.expected

    @property
    def deliveries_per_second(self) -> float:
        return self.deliveries / self.seconds

    @property
    def publications_per_second(self) -> float:
        return self.publications / self.seconds

    @property
    def cpu_us_per_delivery(self) -> float:
        return self.server_ns / 1e3 / self.deliveries if self.deliveries else STALLED


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the time a publication was due to the read that brought it to a client."""

    p50: float
    p99: float
    worst: float


@dataclass(slots=True)
class _Used:
    """CPU time while something was measured."""

    wall_ns: int = 1
    server_ns: int = 0
    load_ns: int = 0
    foreign: float = 0.0


class Run:
    """A server process and its clients."""

    def __init__(self, server: ServerProcess, load: Load, cpus: tuple[int, int]) -> None:
        self.server = server
        self.load = load
        self._cpus = cpus

    # -- clients

    def connect(self, clients: int, channels: int = 1) -> float:
        """Open so many more, spread over so many channels; returns the seconds it took."""
        doors = [self._door(number, channels) for number in range(clients)]
        seconds = self.load.connect(self.server.port, doors, _connect_seconds(clients))
        self.load.settle()
        return seconds

    def connect_bad(self, frozen: int, slow: int) -> None:
        """Open clients that read nothing, and clients that read 8 KB a second."""
        port, door = self.server.port, self._door(0, 1)
        self.load.connect_frozen(port, [door] * frozen, _connect_seconds(frozen))
        self.load.connect_slow(port, [door] * slow, _connect_seconds(slow))
        self.load.settle()

    def reconnect(self, clients: int, position: str, publications: int) -> tuple[float, float]:
        """All come back at once to read what they missed.

        Returns the seconds until the last was connected, and until the last had everything;
        the latter is `STALLED` when one of them did not get exactly `publications`.
        """
        door = self.server.door.back_to("bench", position)
        self.load.reset()
        start = time.monotonic_ns()
        limit = _connect_seconds(clients)
        connected = self.load.connect(self.server.port, [door] * clients, limit)
        self.load.pump(lambda: self.load.total >= clients * publications, limit)
        everything = all(count == publications for count in self.load.counts.values())
        return connected, (self.load.last_ns - start) / 1e9 if everything else STALLED

    def _door(self, number: int, channels: int) -> Door:
        return self.server.door.to(f"bench{number % channels}" if channels > 1 else "bench")

    # -- measurements

    def flow(
        self,
        seconds: float,
        *,
        window: int | None = None,
        channels: int = 1,
        depth: int = 1,
        size: int = 128,
        most: int | None = None,
    ) -> Flow:
        """Publish as fast as it goes and count what arrives.

        `window=1`: the next publication follows when everybody has the one before. None: as fast
        as awaiting the publish call allows.
        """
        fan = self.load.clients // channels
        if window is None and not self.server.bounded and fan:
            window = AHEAD
        command = {"do": "flow", "seconds": seconds, "size": size, "window": window}
        command |= {"channels": channels, "depth": depth, "most": most}
        with self._watch() as used:
            reply = self._publish(command, seconds, fan, granting=bool(window and fan))
        return self._flow(reply, fan, used)

    def paced(self, rate: float, seconds: float) -> tuple[Latency, Flow]:
        """Publish `rate` times a second and time every delivery."""
        command = {"do": "paced", "rate": rate, "seconds": seconds, "size": 128}
        self.load.timed = True
        try:
            with self._watch() as used:
                reply = self._publish(command, 2 * seconds, self.load.clients, granting=False)
        finally:
            self.load.timed = False
        flow = self._flow(reply, self.load.clients, used)
        asked = max(1, int(rate * seconds)) * self.load.clients
        if flow.deliveries < _COMPLETE * asked:
            return Latency(STALLED, STALLED, STALLED), flow
        return _latency(sorted(self.load.latencies)), flow

    def local(self, origin: str, subscribers: int, seconds: float) -> Flow:
        """Publish to subscribers inside the server."""
        with self._watch() as used:
            self.server.send("local", origin=origin, subscribers=subscribers, seconds=seconds, size=128)
            self.load.pump(self.server.answered, seconds + _DRAIN)
            reply = self.server.wait()
        return self._flow(reply, 0, used)

    def _publish(self, command: dict[str, Any], seconds: float, fan: int, granting: bool) -> dict[str, Any]:
        """Let the server publish; read until everything has come, or nothing comes any more."""
        load, server = self.load, self.server
        load.reset()
        granted = 0

        def grant() -> None:
            nonlocal granted
            arrived = load.total // fan
            if arrived > granted:
                server.credit(arrived - granted)
                granted = arrived

        after = grant if granting else None
        server.send(**command)
        load.pump(server.answered, seconds + _DRAIN, after)
        reply = server.wait()
        expected = int(reply["publications"]) * fan
        deadline = time.monotonic() + _DRAIN
        while load.total < expected and time.monotonic() < deadline:
            before = load.total
            load.pump(lambda before=before: load.total != before, _PATIENCE, after)  # type: ignore[misc]
            if load.total == before:
                break
        return reply

    def _flow(self, reply: dict[str, Any], fan: int, used: _Used) -> Flow:
        done = int(reply["publications"])
        end = max(int(reply["end_ns"]), self.load.last_ns if fan else 0)
        return Flow(
            publications=done,
            expected=done * fan,
            deliveries=self.load.total,
            seconds=(end - int(reply["start_ns"])) / 1e9,
            server_cpu=used.server_ns / used.wall_ns,
            load_cpu=used.load_ns / used.wall_ns,
            foreign_cpu=used.foreign,
            server_ns=used.server_ns,
        )

    @contextmanager
    def _watch(self) -> Iterator[_Used]:
        used = _Used()
        busy = busy_ns(self._cpus)
        server, own, wall = cpu_ns(self.server.pid), time.process_time_ns(), time.monotonic_ns()
        yield used
        used.wall_ns = time.monotonic_ns() - wall
        used.server_ns = cpu_ns(self.server.pid) - server
        used.load_ns = time.process_time_ns() - own
        others = busy_ns(self._cpus) - busy - used.server_ns - used.load_ns
        used.foreign = max(0.0, others / used.wall_ns)


def _latency(nanoseconds: list[int]) -> Latency:
    def at(share: float) -> float:
        return nanoseconds[min(len(nanoseconds) - 1, int(len(nanoseconds) * share))] / 1e6

    return Latency(at(0.5), at(0.99), at(1.0))


def _connect_seconds(clients: int) -> float:
    """Time for so many handshakes, at a tenth of what the slowest peer does."""
    return 20.0 + clients / 100
