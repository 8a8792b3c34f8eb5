"""The publisher of `gapless bench`, in a process of its own: python -m gapless.cli.bench.source.

It reads an `Order` as one line of JSON from stdin, publishes until its time is over, and writes one
line: what it published, or the error that ended it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import httpx
import orjson

from ...client.remote import TIMEOUT_SECONDS, Refused, Remote
from ...errors import GaplessError
from .load import NUMBER_DIGITS, RECORD_BYTES, STAMP_DIGITS

BATCH = 100
BATCH_BYTES = 256 * 1024
"""Payload of one batch: well below what a hub takes as a body."""

LEAST_BYTES = RECORD_BYTES + len('{"t":"","p":""}')
"""The smallest publication."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to publish. `rate` is publications a second; 0: as fast as the hub takes them."""

    url: str
    token: str | None
    channel: str
    marker: str
    size: int
    rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was published, from when to when; or, in `error`, why not."""

    published: int = 0
    started_ns: int = 0
    ended_ns: int = 0
    error: str | None = None


class Source:
    """Publishes numbered, stamped publications."""

    def __init__(self, order: Order, client: httpx.Client) -> None:
        self._order = order
        self._client = client
        self._remote = Remote(order.url, order.token)
        self._padding = "x" * (order.size - LEAST_BYTES)
        self._batch = max(1, min(BATCH, BATCH_BYTES // order.size))
        self.published = 0

    def run(self) -> Outcome:
        """Raises GaplessError when the hub does not take one."""
        started = time.monotonic_ns()
        stamps = self._due(started) if self._order.rate else self._at_once(started)
        for batch in stamps:
            self._publish(batch)
        return Outcome(self.published, started, time.monotonic_ns())

    def _at_once(self, started: int) -> Iterator[list[int]]:
        end = started + int(self._order.seconds * 1e9)
        while (now := time.monotonic_ns()) < end:
            yield [now] * self._batch

    def _due(self, started: int) -> Iterator[list[int]]:
        """The moments at which publications were due: one that has to wait for the hub counts from there."""
        gap = 1e9 / self._order.rate
        moments = [
            started + int(number * gap) for number in range(max(1, int(self._order.seconds * 1e9 / gap)))
        ]
        at = 0
        while at < len(moments):
            now = time.monotonic_ns()
            if moments[at] > now:
                time.sleep((moments[at] - now) / 1e9)
                continue
            batch = [moment for moment in moments[at : at + self._batch] if moment <= now]
            at += len(batch)
            yield batch

    def _publish(self, stamps: list[int]) -> None:
        commands = [
            {"channel": self._order.channel, "data": self._data(self.published + number, stamp)}
            for number, stamp in enumerate(stamps, 1)
        ]
        if len(commands) == 1:
            self._call("publish", commands[0])
        else:
            self._call("batch", {"commands": [{"publish": command} for command in commands]})
        self.published += len(commands)

    def _data(self, number: int, stamp_ns: int) -> dict[str, str]:
        record = f"{self._order.marker}{number:0{NUMBER_DIGITS}d}{stamp_ns:0{STAMP_DIGITS}d}"
        return {"t": record, "p": self._padding}

    def _call(self, method: str, body: object) -> None:
        try:
            response = self._client.post(f"/api/{method}", content=orjson.dumps(body))
        except httpx.TransportError as error:
            raise self._remote.unreachable(error) from None
        if response.status_code != 200:
            raise Refused(f"the hub answers {response.status_code} to /api/{method}: {response.text[:200]}")
        reply = orjson.loads(response.content)
        for one in reply.get("replies", (reply,)):
            if "error" in one:
                raise Refused(f"error {one['error']['code']}: {one['error']['message']}")


def _outcome(order: Order) -> Outcome:
    remote = Remote(order.url, order.token)
    headers = {"Content-Type": "application/json", **remote.headers}
    # Without the proxies of the environment: the subscribers do not use them either.
    with httpx.Client(
        base_url=order.url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
    ) as client:
        try:
            return Source(order, client).run()
        except (GaplessError, ValueError) as error:
            return Outcome(error=str(error))


def main(read: Callable[[], str] = sys.stdin.readline) -> None:
    """Publish as the arguments say, and print how it went."""
    line = read()
    if line:  # else whoever wanted to give an order has ended
        os.write(sys.stdout.fileno(), orjson.dumps(asdict(_outcome(Order(**orjson.loads(line))))) + b"\n")


if __name__ == "__main__":
    main()
