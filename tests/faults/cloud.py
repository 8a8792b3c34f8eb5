"""Processes that serve one hub, clients that come back anywhere, and the checker that watches them all."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from gapless.client.backoff import Backoff
from gapless.client.reader import Arrived, CaughtUp, Missed, Reader
from gapless.client.remote import Remote, Unreachable
from gapless.client.subscriber import Away, Subscriber
from gapless.model import Position

from ..support.checker import Checker, Seen, Told
from .hubs import Hubs

CHANNELS = ("a", "b")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much happens, and for how long."""

    subscribers: int = 12
    publishers: int = 4
    at_once: int = 1
    """Publications in one request of a publisher."""
    per_second: float | None = 150.0
    """Publications of all publishers together; None: as fast as they are answered."""
    total: int | None = None
    """Of them in all; None: until the cloud settles."""
    patience: float = 90.0
    """Seconds after which what has to come does not come, on a machine that does other things too."""


class Cloud:
    """Publishers and subscribers around some hubs, from `begin` to `settle`."""

    def __init__(self, hubs: Hubs, scale: Scale) -> None:
        self.scale = scale
        self.checker = Checker(knows_all=False)
        self.acknowledged = 0
        self.losses = 0
        """How often a subscriber was told that something is lost."""
        self.epochs: dict[str, set[str]] = {channel: set() for channel in CHANNELS}
        self._hubs = hubs
        self._numbers = iter(range(1, scale.total + 1)) if scale.total else itertools.count(1)
        self._publishing: list[asyncio.Task[None]] = []
        self._subscribing: list[asyncio.Task[None]] = []
        self._live: set[tuple[str, str]] = set()
        self._tops: dict[str, Position] = {}

    async def begin(self) -> None:
        """Have everybody subscribe and publish. Where the total is known, all are there before the first."""
        await asyncio.to_thread(self._hubs.start)
        scale = self.scale
        self._subscribing = [
            asyncio.create_task(self._subscribe(f"s{n}", n)) for n in range(scale.subscribers)
        ]
        if scale.total:
            places = scale.subscribers * len(CHANNELS)
            await self._until(lambda: len(self._live) == places, "all to be subscribed")
        pause = scale.publishers * scale.at_once / scale.per_second if scale.per_second else 0.0
        self._publishing = [
            asyncio.create_task(self._publish(CHANNELS[n % 2], n, pause)) for n in range(scale.publishers)
        ]

    async def progress(self, count: int = 50) -> None:
        """Returns when so many more publications were acknowledged: the load is really on."""
        wanted = self.acknowledged + count
        await self._until(lambda: self.acknowledged >= wanted, f"{count} publications")

    async def published(self) -> None:
        """Returns when all that were to be published in all are acknowledged."""
        await asyncio.wait_for(asyncio.gather(*self._publishing), self.scale.patience)

    async def settle(self) -> None:
        """Faults are off: stop publishing, let everybody come to the top, and judge."""
        for task in self._publishing:
            task.cancel()
        await asyncio.gather(*self._publishing, return_exceptions=True)
        self._publishing = []
        async with httpx.AsyncClient(base_url=self._hubs.urls[0], timeout=20, trust_env=False) as client:
            for channel in CHANNELS:
                await self._read(client, channel)
        places = [
            (f"s{n}", channel, top)
            for channel, top in self._tops.items()
            for n in range(self.scale.subscribers)
        ]
        try:
            await self._until(
                lambda: all(self.checker.position(who, channel) == top for who, channel, top in places), ""
            )
        except TimeoutError:
            pass  # the checker says who did not
        for who, channel, top in places:
            self.checker.reaches(who, channel, top)
        self.checker.assert_clean()
        assert self.checker.seen("s0", CHANNELS[0]) > 0

    async def end(self) -> None:
        tasks = self._publishing + self._subscribing
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._hubs.end)

    async def _until(self, holds: Any, what: str) -> None:
        try:
            async with asyncio.timeout(self.scale.patience):
                while not holds():
                    for task in (*self._publishing, *self._subscribing):
                        if task.done():
                            task.result()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(f"waited {self.scale.patience:g} s for {what}") from None

    # -- who publishes

    async def _publish(self, channel: str, first: int, pause: float) -> None:
        """One request after the other, each until somebody says that all of it is stored."""
        turn = itertools.cycle(range(first, first + len(self._hubs.urls)))
        # A connection for each request: where processes share a port, each may come to another.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=15, trust_env=False, limits=limits) as client:
            while payloads := list(itertools.islice(self._numbers, self.scale.at_once)):
                while (positions := await self._try(client, next(turn), channel, payloads)) is None:
                    self.checker.unanswered()
                    await asyncio.sleep(0.05)
                for payload, position in zip(payloads, positions, strict=True):
                    self.checker.stored(channel, position, b"%d" % payload, str(payload))
                    self.checker.acknowledged(channel, position, b"%d" % payload)
                    self.epochs[channel].add(position.epoch)
                self.acknowledged += len(payloads)
                await asyncio.sleep(pause)

    async def _try(
        self, client: httpx.AsyncClient, turn: int, channel: str, payloads: list[int]
    ) -> list[Position] | None:
        urls = self._hubs.urls
        commands = [
            {"publish": {"channel": channel, "data": payload, "idempotency_key": str(payload)}}
            for payload in payloads
        ]
        try:
            answer = await client.post(
                f"{urls[turn % len(urls)]}/api/batch", json={"commands": commands, "parallel": True}
            )
            return list(_positions(answer.json()))
        except (httpx.HTTPError, KeyError, ValueError):
            return None

    async def _read(self, client: httpx.AsyncClient, channel: str) -> None:
        """What is kept now must hold all that was acknowledged in its epoch."""
        found: list[Seen] = []
        oldest, since = 1, None
        while True:
            said = {"channel": channel, "limit": -1} | ({"since": since} if since else {})
            result = (await client.post("/api/history", json=said)).json()["result"]
            top = Position(result["offset"], result["epoch"])
            page = result["publications"]
            found += [Seen(Position(one["offset"], top.epoch), b"%d" % one["data"]) for one in page]
            if not page or page[-1]["offset"] == top.offset:
                break  # an answer of the API is bounded
            since = {"offset": page[-1]["offset"], "epoch": top.epoch}
        oldest = found[0].position.offset if found else top.offset + 1
        self.checker.read(channel, found, oldest, top)
        self._tops[channel] = top

    # -- who subscribes

    async def _subscribe(self, who: str, first: int) -> None:
        """To both channels, for ever, at whichever address is there."""
        reader, urls = Reader(CHANNELS), self._hubs.urls
        for turn in itertools.count(first):
            url = urls[turn % len(urls)]
            frames = Subscriber(Remote.parse(url), reader, backoff=Backoff(0.02, 0.5)).frames()
            try:
                async for happened in frames:
                    if any(isinstance(one, Away) for one in happened):
                        break
                    for one in happened:
                        if isinstance(one, Arrived):
                            seen = Seen(Position(one.offset, one.epoch), b"%d" % one.data)
                            self.checker.saw(who, one.channel, seen)
                        elif isinstance(one, Missed):
                            self._told(who, one)
                        elif isinstance(one, CaughtUp):
                            self._live.add((who, one.channel))
            except Unreachable:
                await asyncio.sleep(0.05)
            finally:
                await frames.aclose()

    def _told(self, who: str, missed: Missed) -> None:
        self.losses += 1
        at = self.checker.position(who, missed.channel)
        epoch = at.epoch if at is not None and missed.last is not None else ""
        self.checker.told(who, missed.channel, Told(missed.first, missed.last, epoch, missed.reason))


def _positions(answer: dict[str, Any]) -> Iterator[Position]:
    for reply in answer["replies"]:
        yield Position(reply["publish"]["offset"], reply["publish"]["epoch"])


@asynccontextmanager
async def cloud(hubs: Hubs, scale: Scale) -> AsyncIterator[Cloud]:
    """A cloud under load; it is judged at the end, unless something failed before."""
    made = Cloud(hubs, scale)
    try:
        await made.begin()
        await made.progress()
        yield made
        await made.progress()
        await made.settle()
    finally:
        await made.end()
