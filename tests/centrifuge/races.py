"""Interleavings of what clients, publishers, the server and a slow broker do, and what must hold in all.

One seed is one interleaving. Time is virtual and every turn of the loop is the schedule's choice,
so a seed gives the same story again.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from gapless import ChannelOptions, Client, ConnectEvent, Disconnect, Grant, Hub, Limits, Position
from gapless.brokers.base import Sink
from gapless.brokers.memory import MemoryBroker, MemoryPresence
from gapless.centrifuge_session import CentrifugeSession
from gapless.errors import BrokerError, ClientError
from gapless.model import Draft, History, Member, Publication
from gapless.node import LINGER_SECONDS
from gapless.options import OnGap
from gapless.protocol.centrifuge import JSON
from gapless.reception import Handshake, Reception
from gapless.transports.inbox import Inbox

from ..simulation.virtual import VirtualLoop
from .stage import Frames, Outlet

LIMITS = Limits(flush_bytes=60, recovery_bytes=40, history_frame_bytes=60, reads_at_once=3, slice_seconds=0.0)
"""Tiny, because limits are where bugs live: a few publications a write, a reply, a page."""

CALM = 3000
"""Turns of the loop within which everything comes to rest."""

RINGS = 4
"""Stories after which time passes, and the rings of all of them must be gone."""

Step = Callable[["Story"], None]


class RacingBroker(MemoryBroker):
    """A memory broker whose histories come when the schedule wants, as they were then or before, or fail.

    Its notifications may be lost, and subscribing takes its time.
    """

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
            hub.rules,
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


class Broken(AssertionError):
    """An interleaving in which a promise was broken: its seed, what was wrong, and what happened."""

    def __init__(self, seed: int, wrong: list[str], log: list[str]) -> None:
        self.seed = seed
        self.wrong = wrong
        super().__init__(f"seed {seed}: {'; '.join(wrong)}\nafter: {', '.join(log)}")


class Story:
    """One interleaving."""

    def __init__(self, world: World, seed: int) -> None:
        self.seed = seed
        self.world = world
        self.hub, self.broker = world.hub, world.broker
        self.chance = chance = random.Random(seed)
        kinds = chance.sample(list(KINDS), 2)
        self.channels = [f"{kind}:{seed}" for kind in kinds]
        self.racers = [
            Racer(world.hub, world.reception, world.broker, f"{seed}.{number}")
            for number in range(chance.choice((1, 1, 2)))
        ]
        self.numbers = iter(range(1, 1000))
        self.receipts: list[Any] = []
        self.log: list[str] = []

    async def run(self) -> list[str]:
        """Play it; returns what was wrong."""
        chance, broker = self.chance, self.broker
        broker.slow, broker.reads_early = chance.random() < 0.8, chance.random() < 0.5
        waits, misses = chance.choice(((0,), (0, 0, 1, 2, 4))), chance.choice((0.0, 0.0, 0.2))
        broker.delays = (chance.choice(waits) for _ in itertools.count())
        broker.losses = (chance.random() < misses for _ in itertools.count())
        for racer in self.racers:
            mine = chance.sample(self.channels, chance.choice((0, 0, 1)))
            racer.say("connect", data={"channels": mine})
        for _ in range(chance.randint(6, 16)):
            step = chance.choice(STEPS)
            self.log.append(step.__name__)
            step(self)
            await pause(chance.choice(TURNS))
        await self._come_to_rest()
        wrong = [f"{racer.name}: {fault}" for racer in self.racers for fault in racer.wrong]
        return wrong + self.world.leftovers(self.channels)

    async def _come_to_rest(self) -> None:
        self.broker.slow = False
        for racer in self.racers:
            racer.drain()
        await self._calm_down()
        await self.hub.node.compare()  # what happens by itself now and then
        await self._calm_down()
        for racer in self.racers:
            racer.judge()
            racer.session.end(Disconnect(3000))
        await self._calm_down()

    async def _calm_down(self) -> None:
        for _ in range(CALM):
            while self.broker.reads:
                self.broker.answer(0, True)
            await asyncio.sleep(0)
            if self.world.is_calm():
                return
        raise Broken(self.seed, ["it never comes to rest"], self.log)

    # -- what there is to choose from

    def any_racer(self) -> Racer:
        return self.chance.choice(self.racers)

    def any_channel(self) -> str:
        return self.chance.choice(self.channels)


def subscribe(story: Story) -> None:
    chance, racer = story.chance, story.any_racer()
    missing = [name for name in story.channels if name not in racer.session.subscriptions]
    channel = chance.choice(missing) if missing and chance.random() < 0.8 else story.any_channel()
    racer.subscribe(channel, resume=chance.random() < 0.6, flag=chance.choice((0, 0, 2)))


def unsubscribe(story: Story) -> None:
    story.any_racer().say("unsubscribe", channel=story.any_channel())


def publish(story: Story) -> None:
    channel = story.any_channel()
    for _ in range(story.chance.choice((1, 1, 2, 3))):
        story.receipts.append(story.hub.publish(channel, next(story.numbers)))


def publish_without_offset(story: Story) -> None:
    story.receipts.append(story.hub.publish(story.any_channel(), next(story.numbers), skip_history=True))


def answer(story: Story) -> None:
    story.broker.answer(story.chance.randrange(8), True)


def fail(story: Story) -> None:
    story.broker.answer(story.chance.randrange(8), False)


def stall(story: Story) -> None:
    story.any_racer().stall()


def drain(story: Story) -> None:
    story.any_racer().drain()


def subscribe_from_server(story: Story) -> None:
    racer, channel = story.any_racer(), story.any_channel()
    story.world.spawn(story.hub.subscribe_client(channel, user=racer.name))


def unsubscribe_from_server(story: Story) -> None:
    story.hub.unsubscribe_client(story.any_channel(), user=story.any_racer().name)


def leave(story: Story) -> None:
    story.any_racer().session.end(Disconnect(3000))


def disconnect(story: Story) -> None:
    story.hub.disconnect(client=story.any_racer().name)


def another_epoch(story: Story) -> None:
    story.broker.forget(story.any_channel())
    publish(story)


def nothing(story: Story) -> None:
    """Only time goes by."""


STEPS: Sequence[Step] = (
    [subscribe] * 6
    + [publish] * 12
    + [unsubscribe] * 3
    + [answer] * 8
    + [subscribe_from_server, unsubscribe_from_server, drain, publish_without_offset] * 2
    + [fail, stall, nothing, leave, disconnect, another_epoch]
)
TURNS = (0, 0, 0, 1, 1, 2, 3, 5)


def _options(on_gap: OnGap, ring: int, **more: Any) -> ChannelOptions:
    return ChannelOptions(history=4, ring=ring, on_gap=on_gap, presence=True, join_leave=True, **more)


KINDS = {
    "resync": _options("resync", 3),
    "roomy": _options("resync", 50, force_push_join_leave=True),
    "tight": _options("resync", 1),
    "strict": _options("disconnect", 3),
    "none": ChannelOptions(ring=50),
}


class World:
    """A hub on a virtual-time loop, for many stories one after the other."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.troubles: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.troubles.append(context))

    def tell(self, seeds: range) -> None:
        """Play these interleavings. Raises Broken for the first that goes wrong."""
        try:
            self.loop.run(self._tell(seeds))
        finally:
            self.loop.end()

    async def _tell(self, seeds: range) -> None:
        self.broker = RacingBroker()
        self.presence = RacingPresence(self.broker)
        channels = {f"{kind}:*": options for kind, options in KINDS.items()}
        self.hub = Hub(self.broker, channels=channels, limits=LIMITS, presence=self.presence)
        self.hub.on_connect(_connect)
        self.reception = Reception(self.hub.hooks)
        self._tasks: set[asyncio.Task[Any]] = set()
        async with self.hub:
            for seed in seeds:
                story = Story(self, seed)
                wrong = await story.run()
                wrong += [str(context) for context in self.troubles]
                if seed % RINGS == RINGS - 1:
                    wrong += await self._rings_left()
                if wrong:
                    raise Broken(seed, wrong, story.log)

    async def _rings_left(self) -> list[str]:
        """What outlives its last reader for longer than it may, of the last stories."""
        await asyncio.sleep(LINGER_SECONDS + 2.0)
        for channel in self.broker.known():
            self.broker.forget(channel)
        rings = [channel.name for channel in self.hub.node.channels()]
        used = self.hub.node.budget.used
        return [f"rings left: {rings}, of {used} bytes"] if rings or used else []

    def spawn(self, work: Any) -> None:
        """Something of the server that takes its time, and may be refused."""

        async def run() -> None:
            try:
                await work
            except (ClientError, BrokerError):
                pass  # as the API would say; what the clients are told is judged

        task = self.loop.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def is_calm(self) -> bool:
        """Is there nothing that goes on before time passes?"""
        return not self.broker.reads and not self.loop._ready  # type: ignore[attr-defined]

    def leftovers(self, channels: list[str]) -> list[str]:
        """What is still there although everybody has left."""
        node = self.hub.node
        found = {
            "sessions": node.sessions,
            "subscribers": node.subscribers(),
            "holds": node._holds,
            "members": node.members,
            "joining": node._joining,
            "tasks": {task for task in node._tasks if task is not node._housekeeping},
            "present": {name for name in channels if self.presence.present(name)},
        }
        wrong = [f"{name} left: {those}" for name, those in found.items() if those]
        if self.hub.counters.session_errors:
            wrong.append("something failed that nobody expected; see the log")
        return wrong


async def _connect(event: ConnectEvent) -> Grant:
    return Grant(event.client.id, channels=tuple(event.data["channels"]))


def play(seeds: range, *, at_once: int = 500) -> None:
    """Play these interleavings, so many in one hub."""
    for begin in range(seeds.start, seeds.stop, at_once):
        World().tell(range(begin, min(begin + at_once, seeds.stop)))
