"""What races: a broker and a presence whose answers a schedule orders, and a client that judges."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import orjson

from gapless import ChannelOptions, Client, Hub, Limits, Position
from gapless.auth.admission import Handshake, Reception
from gapless.brokers.base import Sink
from gapless.brokers.memory import MemoryBroker, MemoryPresence
from gapless.errors import BrokerError
from gapless.model import Draft, History, Member, Publication
from gapless.protocol.centrifuge.codecs import JSON
from gapless.sessions.centrifuge.session import CentrifugeSession
from gapless.transports.inbox import Inbox

from ...support.centrifuge.stage import Frames, Outlet

LIMITS = Limits(flush_bytes=60, recovery_bytes=40, history_frame_bytes=60, reads_at_once=3, slice_seconds=0.0)
"""Tiny, because limits are where bugs live: a few publications a write, a reply, a page."""


class RacingBroker(MemoryBroker):
    """A memory broker whose histories come when the schedule wants, as they were then or before, or fail.

    Its notifications may be lost, and subscribing takes its time.
    """

    immediate = False

    def __init__(self) -> None:
        super().__init__(LIMITS)
        self.delays: Iterator[int] = itertools.repeat(0)
        """How many turns the next call takes."""
        self.losses: Iterator[bool] = itertools.repeat(False)
        self.slow = False
        self.reads: list[asyncio.Future[bool]] = []
        """Those that wait; the result says whether they succeed."""
        self.reads_early = False
        self.truth: dict[tuple[str, Position], bytes] = {}

    async def start(self, sink: Sink) -> None:
        await super().start(_Lossy(sink, self))

    async def subscribe(self, channel: str) -> None:
        await pause(next(self.delays))
        await super().subscribe(channel)

    def publish(self, channel: str, draft: Draft, options: ChannelOptions, settle: Any) -> None:
        super().publish(channel, draft, options, settle)
        if options.history and not draft.skip_history:
            self.truth[channel, self._streams[channel].position] = draft.payload

    async def history(self, channel: str, options: ChannelOptions, **how: Any) -> History:
        page = await super().history(channel, options, **how) if self.reads_early else None
        if self.slow:
            gate: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self.reads.append(gate)
            if not await gate:
                raise BrokerError("as the schedule wants it")
        return page or await super().history(channel, options, **how)

    def answer(self, at: int, succeeds: bool) -> None:
        if self.reads:
            gate = self.reads.pop(at % len(self.reads))
            if not gate.done():
                gate.set_result(succeeds)

    def forget(self, channel: str) -> None:
        """Another life of the stream."""
        if channel in self._streams:
            self._forget(channel)

    def top(self, channel: str) -> Position | None:
        stream = self._streams.get(channel)
        return None if stream is None else stream.position


class _Lossy:
    """The node's ear, which misses notifications that have an offset."""

    def __init__(self, sink: Sink, broker: RacingBroker) -> None:
        self._sink = sink
        self._broker = broker

    def publication(self, channel: str, publication: Publication) -> None:
        if not publication.offset or not next(self._broker.losses):
            self._sink.publication(channel, publication)

    def joined(self, channel: str, member: Member) -> None:
        self._sink.joined(channel, member)

    def left(self, channel: str, member: Member) -> None:
        self._sink.left(channel, member)

    def interrupted(self) -> None:
        self._sink.interrupted()


class RacingPresence(MemoryPresence):
    """Joins and leaves take their time."""

    def __init__(self, broker: RacingBroker) -> None:
        super().__init__(LIMITS)
        self._broker = broker

    def present(self, channel: str) -> bool:
        return channel in self._channels

    async def join(self, channel: str, member: Member, *, announce: bool) -> bool:
        await pause(next(self._broker.delays))
        return await super().join(channel, member, announce=announce)

    async def leave(self, channel: str, client: str, *, announce: bool) -> Member | None:
        await pause(next(self._broker.delays))
        return await super().leave(channel, client, announce=announce)


async def pause(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


class Racer:
    """One client, and the judge of what it is told."""

    def __init__(self, hub: Hub, reception: Reception, broker: RacingBroker, name: str) -> None:
        self.name = name
        self.outlet = Outlet()
        self.wrong: list[str] = []
        self.inside: dict[str, Position | None] = {}
        """Where the client stands in the channels that it knows it is in; None: they have no positions."""
        self.left_at: dict[str, Position] = {}
        self.session = CentrifugeSession(
            hub.node,
            self.outlet,
            Frames(),
            codec=JSON,
            reception=reception,
            handshake=Handshake(Client(name)),
        )
        self.session.open()
        self._broker = broker
        self._inbox = Inbox(hub, self.session)
        self._asked: dict[int, dict[str, Any]] = {}
        self._answered = 0
        self._unusable = False
        self._read = 0
        self._loose: set[tuple[str, Any]] = set()

    def say(self, name: str, **fields: Any) -> None:
        number = len(self._asked) + 1
        self._asked[number] = {name: fields}
        self._inbox.put(orjson.dumps({"id": number, name: fields}).decode())

    def subscribe(self, channel: str, *, resume: bool, flag: int = 0) -> None:
        self.observe()
        asked: dict[str, Any] = {"channel": channel}
        at = self.left_at.get(channel)
        if resume:
            asked |= {"recover": True, "flag": flag}
            asked |= {} if at is None else {"offset": at.offset, "epoch": at.epoch}
        self.say("subscribe", **asked)

    def stall(self) -> None:
        self.outlet.room = False

    def drain(self) -> None:
        self.outlet.room = True
        if self.session.closed is None:
            self.session.on_room()

    # -- judging

    def observe(self) -> None:
        """Read what was said since the last time."""
        frames = self.outlet.frames
        while self._read < len(frames):
            frame = frames[self._read]
            self._read += 1
            for line in frame.split(b"\n"):
                self._on_message(orjson.loads(line))

    def _on_message(self, said: dict[str, Any]) -> None:
        push = said.get("push")
        if push is None:
            self._on_reply(said)
        elif "pub" in push:
            self._on_publication(push["channel"], push["pub"])
        elif "subscribe" in push:
            self._enter(push["channel"], push["subscribe"], {})
        elif "unsubscribe" in push:
            self._leave(push["channel"], "an unsubscribe push")
        elif push["channel"] not in self.inside:
            self.wrong.append(f"a join or leave of {push['channel']} outside of it")

    def _on_reply(self, said: dict[str, Any]) -> None:
        self._answered += 1
        if said["id"] != self._answered:
            self.wrong.append(f"command {self._answered} is not answered when {said['id']} is")
        (asked,) = self._asked[said["id"]].values()
        if "subscribe" in said:
            self._enter(asked["channel"], said["subscribe"], asked)
        elif "unsubscribe" in said:
            self.inside.pop(asked["channel"], None)
        elif "error" in said:
            self._unusable |= said["id"] == 1
        elif "connect" in said:
            for channel, result in said["connect"].get("subs", {}).items():
                self._enter(channel, result, {})

    def _enter(self, channel: str, result: dict[str, Any], asked: dict[str, Any]) -> None:
        if channel in self.inside:
            self.wrong.append(f"in {channel} twice")
        if "epoch" not in result:
            self.inside[channel] = None
            return
        offset = asked.get("offset", 0) if result.get("recovered") else result.get("offset", 0)
        self.inside[channel] = self.left_at[channel] = Position(offset, result["epoch"])
        for publication in result.get("publications", ()):
            self._on_publication(channel, publication)

    def _leave(self, channel: str, by: str) -> None:
        if channel not in self.inside:
            self.wrong.append(f"{by} for {channel}, which it was not in")
        self.inside.pop(channel, None)

    def _on_publication(self, channel: str, publication: dict[str, Any]) -> None:
        if channel not in self.inside:
            self.wrong.append(f"{publication} of {channel} outside of it")
            return
        at = self.inside[channel]
        if "offset" not in publication:
            if (channel, publication["data"]) in self._loose:
                self.wrong.append(f"{publication} of {channel} twice")
            self._loose.add((channel, publication["data"]))
            return
        if at is None or publication["offset"] != at.offset + 1:
            self.wrong.append(f"{publication} of {channel} after {at}")
            at = Position(publication["offset"] - 1, "" if at is None else at.epoch)
        here = Position(at.offset + 1, at.epoch)
        if self._broker.truth.get((channel, here)) != orjson.dumps(publication["data"]):
            self.wrong.append(f"{publication} of {channel} is not what is at {here}")
        self.inside[channel] = self.left_at[channel] = here

    def judge(self) -> None:
        """Everything has come to rest: is the client where it should be, and was it told?"""
        self.observe()
        if self.outlet.late:
            self.wrong.append(f"{self.outlet.late} after the close")
        if self.session.closed is not None:
            return
        if self._answered != (1 if self._unusable else len(self._asked)):
            self.wrong.append(f"{len(self._asked) - self._answered} commands without an answer")
        if set(self.inside) != set(self.session.subscriptions):
            self.wrong.append(f"in {set(self.inside)}, the server says {set(self.session.subscriptions)}")
        for channel, at in self.inside.items():
            if at is not None and at != self._broker.top(channel):
                self.wrong.append(f"at {at} in {channel}, the top is {self._broker.top(channel)}")
