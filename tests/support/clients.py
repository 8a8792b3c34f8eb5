"""Clients of a hub without a network: the real sessions and listeners, and an outlet that obeys the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from gapless import Client, Disconnect, Grant, Hub, Position
from gapless.core.cursor import Lost
from gapless.errors import BrokerError, Missed
from gapless.model import Publication
from gapless.protocol import plain
from gapless.sessions.listener import LocalListener
from gapless.sessions.plain import PlainSession
from gapless.transports.conversation import TEXT

from .checker import Checker, Seen, Told
from .outlet import FakeOutlet

KeptFrom = Callable[[str], tuple[str, int]]
"""Epoch and oldest offset that the broker keeps of a channel."""


class Reader(Protocol):
    """What a simulation does to a client."""

    name: str
    channels: tuple[str, ...]

    @property
    def connected(self) -> bool: ...

    def connect(self) -> None:
        """Come, or come back with the positions that were reached."""

    def drop(self) -> None:
        """Go without a word; what was on its way is lost."""

    def stall(self) -> None:
        """Read nothing any more."""

    def drain(self) -> None:
        """Read on."""


class PlainClient:
    """A client of `/ws` that believes what it is told, and reports it to the checker.

    It is not satisfied with a connection on which a channel was refused.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hub: Hub,
        checker: Checker,
        name: str,
        channels: tuple[str, ...],
        *,
        kept_from: KeptFrom,
        batch: bool = False,
        eager: bool = False,
        history: int | None = None,
        pace: float = 0.0,
    ) -> None:
        self.name = name
        self.channels = channels
        self.closed_with: tuple[int, str] | None = None
        self.errors: list[dict[str, Any]] = []
        self.visits = 0
        self.late = 0
        """Writes behind a close, on all its connections: close is final."""
        self._refused = False
        self._loop = loop
        self._hub = hub
        self._checker = checker
        self._kept_from = kept_from
        self._batch = batch
        self._eager = eager
        self._history = history
        self._pace = pace
        self._since: dict[str, Position | None] = {}
        self._epochs: dict[str, str] = {}
        self._replied: dict[str, bool] = {}
        self.socket: FakeOutlet | None = None
        self.session: PlainSession | None = None

    @property
    def connected(self) -> bool:
        return self.socket is not None and not self._refused

    def connect(self) -> None:
        if self.connected:
            return
        self.drop()
        self.visits += 1
        self.socket = socket = FakeOutlet(self._loop, eager=self._eager)
        self._refused = False
        self._replied = dict.fromkeys(self.channels, False)
        self._since = {}
        for channel in self.channels:
            self._checker.visits(self.name, channel)
            self._since[channel] = self._checker.position(self.name, channel)
        id_ = f"{self.name}.{self.visits}"
        self.session = session = PlainSession(
            self._hub.node,
            socket,
            TEXT,
            client=id_,
            grant=Grant(user=self.name),
            about=Client(id_),
            query=[
                plain.Subscribe(channel, history=self._history, since=since)
                for channel, since in self._since.items()
            ],
            batch=self._batch,
            pace=self._pace,
        )
        socket.on_frame, socket.on_room, socket.on_gone = self._on_frame, session.flow.on_room, self._gone
        session.open()
        self._hub.node.tasks.spawn(self._begin(session))

    async def _begin(self, session: PlainSession) -> None:
        try:
            await session.begin()
        except Disconnect as disconnect:
            session.close(disconnect)

    def drop(self) -> None:
        if self.socket is not None and self.session is not None:
            self.socket.dead = True
            self.session.end(Disconnect(3000))
            self._gone()

    def stall(self) -> None:
        if self.socket is not None:
            self.socket.stall()

    def drain(self) -> None:
        if self.socket is not None:
            self.socket.drain()

    def command(self, text: str) -> None:
        """Say something to the server."""
        if self.session is not None:
            self._hub.node.tasks.spawn(self._say(self.session, text))

    def resubscribe(self, channel: str) -> None:
        """Leave a channel and come back with the position, on the same connection."""
        if self._replied.get(channel):
            self.command(f'{{"type":"unsubscribe","channel":"{channel}"}}')

    def _on_left(self, channel: str) -> None:
        """Nothing of it may come now; we ask for it again."""
        self._replied[channel] = False
        self._checker.visits(self.name, channel)
        self._since[channel] = since = self._checker.position(self.name, channel)
        resume = "" if since is None else f',"since":"{since}"'
        self.command(f'{{"type":"subscribe","channel":"{channel}"{resume}}}')

    async def _say(self, session: PlainSession, text: str) -> None:
        try:
            await session.handle(text)
        except Disconnect as disconnect:
            session.close(disconnect)

    def _gone(self) -> None:
        if self.socket is not None:
            self.closed_with = self.socket.closing
            self.late += len(self.socket.late)
        self.socket = self.session = None

    # -- what the server says

    def _on_frame(self, frame: str) -> None:
        said = orjson.loads(frame)
        if "history" in said:
            self._on_history(said)
        elif "gap" in said:
            self._on_gap(said["channel"], said["gap"])
        elif "batch" in said:
            for item in said["batch"]:
                self._on_item(said["channel"], item)
        elif "data" in said:
            self._on_item(said["channel"], said)
        elif said["type"] == "unsubscribed":
            self._on_left(said["channel"])
        elif said["type"] == "error":
            self.errors.append(said)
            self._refused |= not self._replied.get(said.get("channel", ""), True)

    def _on_history(self, said: dict[str, Any]) -> None:
        channel, epoch = said["channel"], said["epoch"]
        items = said["history"]
        if channel in self._replied and not self._replied[channel]:
            self._replied[channel] = True
            self._on_reply(channel, said)
        self._epochs[channel] = epoch
        for item in items:
            self._on_item(channel, item)
        if not said["more"] and epoch:
            # Real readers take all up to there for read, and drop what comes of it as repeated.
            self._checker.reaches(self.name, channel, Position(said["head"], epoch), empty=True)

    def _on_reply(self, channel: str, said: dict[str, Any]) -> None:
        epoch, items = said["epoch"], said["history"]
        if self._since[channel] is None:
            offset = items[0]["offset"] - 1 if items else said["head"]
            self._checker.begins(self.name, channel, Position(offset, epoch))
        elif not said["recovered"] and "lost" in said:
            self._lost(channel, said["lost"], epoch, "trimmed")

    def _on_gap(self, channel: str, gap: dict[str, Any]) -> None:
        self._epochs[channel] = gap["epoch"]
        self._lost(channel, gap, gap["epoch"], gap["reason"])

    def _lost(self, channel: str, lost: dict[str, Any], epoch: str, reason: str) -> None:
        told = Told(lost["from"], lost["to"], epoch, reason, lost.get("count", 0))
        life, oldest = self._kept_from(channel)
        self._checker.told(self.name, channel, told, oldest if life == epoch else None)

    def _on_item(self, channel: str, item: dict[str, Any]) -> None:
        if not self._replied.get(channel):
            self._checker.verdict.early.append(f"{self.name} in {channel}: {item} before the reply")
        if "offset" in item:
            position = Position(item["offset"], self._epochs[channel])
            self._checker.saw(self.name, channel, Seen(position, orjson.dumps(item["data"])))
        else:
            self._checker.saw_unnumbered(self.name, channel, item["data"])


class ListenerClient:
    """An in-process subscriber; `raises` has gaps raised to it rather than told by a call."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hub: Hub,
        checker: Checker,
        name: str,
        channel: str,
        *,
        kept_from: KeptFrom,
        raises: bool = False,
        history: int | None = 0,
    ) -> None:
        self.name = name
        self.channel = channel
        self.channels: tuple[str, ...] = (channel,)
        self._loop = loop
        self._hub = hub
        self._checker = checker
        self._kept_from = kept_from
        self._raises = raises
        self._history = history
        self._task: asyncio.Task[None] | None = None
        self._flow: asyncio.Event | None = None

    @property
    def connected(self) -> bool:
        return self._task is not None and not self._task.done()

    def connect(self) -> None:
        if not self.connected:
            self._flow = asyncio.Event()
            self._flow.set()
            self._task = self._loop.create_task(self._run(self._flow))

    def drop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def stall(self) -> None:
        if self._flow is not None:
            self._flow.clear()

    def drain(self) -> None:
        if self._flow is not None:
            self._flow.set()

    async def _run(self, flow: asyncio.Event) -> None:
        self._checker.visits(self.name, self.channel)
        since = self._checker.position(self.name, self.channel)
        on_gap = None if self._raises else self._on_gap
        feed = self._hub.subscribe(self.channel, since=since, history=self._history, on_gap=on_gap)
        try:
            assert isinstance(feed, LocalListener)
            async with feed:
                if since is None:
                    self._checker.begins(self.name, self.channel, feed.position)
                await self._listen(feed, flow)
        except BrokerError:
            return  # it could not begin; it comes back later

    async def _listen(self, feed: LocalListener, flow: asyncio.Event) -> None:
        while True:
            try:
                async for publication in feed:
                    self._on_publication(publication)
                    await flow.wait()
                return
            except Missed as missed:
                reason = missed.reason
                self._on_gap_of(missed.first, missed.last, feed.cursor.epoch, reason, missed.count)
            except BrokerError:
                await asyncio.sleep(1.0)

    def _on_publication(self, publication: Publication) -> None:
        if publication.offset:
            seen = Seen(publication.position, publication.payload)
            self._checker.saw(self.name, self.channel, seen)
        else:
            self._checker.saw_unnumbered(self.name, self.channel, publication.data)

    def _on_gap(self, lost: Lost) -> None:
        self._on_gap_of(lost.first, lost.last, lost.epoch, lost.reason.value, lost.missed)

    def _on_gap_of(self, first: int | None, last: int | None, epoch: str, reason: str, missed: int) -> None:
        life, oldest = self._kept_from(self.channel)
        told = Told(first, last, epoch, reason, missed)
        self._checker.told(self.name, self.channel, told, oldest if life == epoch else None)
