"""Interleavings of what clients, publishers, the server and a slow broker do, and what must hold in all.

One seed is one interleaving. Time is virtual and every turn of the loop is the schedule's choice,
so a seed gives the same story again.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

from gapless import ChannelOptions, ConnectEvent, Disconnect, Grant, Hub
from gapless.auth.admission import Reception
from gapless.errors import BrokerError, ClientError
from gapless.node.rings import LINGER_SECONDS
from gapless.options import OnGap

from ...support.broker import FakeBroker
from ...support.presence import FakePresence
from ...support.until import turns
from ...support.virtual import VirtualLoop
from .racers import LIMITS, Racer

CALM = 3000
"""Turns of the loop within which everything comes to rest."""

RINGS = 4
"""Stories after which time passes, and the rings of all of them must be gone."""

Step = Callable[["Story"], None]


class Broken(AssertionError):
    """An interleaving in which a promise was broken: its seed, what was wrong, and what happened."""

    def __init__(self, seed: int, wrong: list[str], log: list[str]) -> None:
        self.seed = seed
        self.wrong = wrong
        super().__init__(f"seed {seed}: {'; '.join(wrong)}\nafter: {', '.join(log)}")


class Story:
    """One interleaving."""

    def __init__(self, world: Races, seed: int) -> None:
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
        slow, broker.old_pages = chance.random() < 0.8, chance.random() < 0.5
        if slow:
            broker.hold()
        waits, misses = chance.choice(((0,), (0, 0, 1, 2, 4))), chance.choice((0.0, 0.0, 0.2))
        broker.delays = self.world.presence.delays = (chance.choice(waits) for _ in itertools.count())
        broker.losses = (chance.random() < misses for _ in itertools.count())
        for racer in self.racers:
            mine = chance.sample(self.channels, chance.choice((0, 0, 1, 2)))
            racer.say("connect", data={"channels": mine})
        for _ in range(chance.randint(6, 16)):
            step = chance.choice(STEPS)
            self.log.append(step.__name__)
            step(self)
            await turns(chance.choice(TURNS))
        await self._come_to_rest()
        wrong = [f"{racer.name}: {fault}" for racer in self.racers for fault in racer.wrong]
        return wrong + self.world.leftovers(self.channels)

    async def _come_to_rest(self) -> None:
        self.broker.release()
        for racer in self.racers:
            racer.drain()
        await self._calm_down()
        await self.hub.node.repair.compare(self.hub.node.rings.all())  # what happens by itself now and then
        await self._calm_down()
        for racer in self.racers:
            racer.judge()
            racer.session.end(Disconnect(3000))
        await self._calm_down()

    async def _calm_down(self) -> None:
        for _ in range(CALM):
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
    story.world.spawn(story.hub.connections(user=racer.name).subscribe(channel))


def unsubscribe_from_server(story: Story) -> None:
    story.hub.connections(user=story.any_racer().name).unsubscribe(story.any_channel())


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


class Races:
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
        self.broker = FakeBroker()
        self.presence = FakePresence(LIMITS)
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
        rings = [channel.name for channel in self.hub.node.rings.all()]
        used = self.hub.node.rings.budget.used
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
        return not self.broker.waiting and not self.loop._ready  # type: ignore[attr-defined]

    def leftovers(self, channels: list[str]) -> list[str]:
        """What is still there although everybody has left."""
        node = self.hub.node
        found = {
            "sessions": node.roster,
            "subscribers": node.rings.subscribers(),
            "holds": node.rings.held,
            "members": node.members,
            "tasks": node.tasks.running - {node.housekeeping},
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
        Races().tell(range(begin, min(begin + at_once, seeds.stop)))
