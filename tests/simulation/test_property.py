"""The central property: never a silent hole, whatever the broker, the sockets and the clients do.

The real hub, sessions and listeners run on a virtual-time loop over a broker that drops, repeats,
delays and reorders notifications, loses what it had, answers late or not at all. Every subscriber
sees consecutive offsets, or is told; every payload is the one that was accepted at its position;
and when the faults end, everybody reaches the top.
"""

from __future__ import annotations

import os
from typing import get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gapless import ChannelOptions, Limits
from gapless.options import OnGap

from ..support.clients import PlainClient
from ..support.world import World

EXAMPLES = int(os.environ.get("GAPLESS_EXAMPLES", "300"))
"""At night a hundred times as many."""

CHANNELS = ("a", "b")
"""Kept; a third one, `n`, keeps nothing: there everything is counted instead."""

WRITES = (1, 60, 10_000)
"""Bytes of one write: a publication at a time, a few, all. Limits are where bugs live."""

readers = st.integers(0, 7)
anywhere = st.integers(0, 99)


class Delivery(RuleBasedStateMachine):
    """Publish, lose, repeat, reorder, crash, stall, leave, resume."""

    world: World | None = None

    @initialize(
        on_gap=st.sampled_from(get_args(OnGap)),
        ring=st.integers(1, 4),
        history=st.integers(3, 5),
        read_seconds=st.sampled_from((0.0, 0.0, 0.01, 0.3)),
        old_pages=st.booleans(),
        flush_bytes=st.sampled_from(WRITES),
    )
    def begin(
        self,
        on_gap: OnGap,
        ring: int,
        history: int,
        read_seconds: float,
        old_pages: bool,
        flush_bytes: int,
    ) -> None:
        options = ChannelOptions(history=history, ring=ring, on_gap=on_gap)
        limits = Limits(flush_bytes=flush_bytes, history_frame_bytes=700, slice_seconds=0.0, reads_at_once=2)
        channels = dict.fromkeys(CHANNELS, options) | {"n": ChannelOptions(ring=ring, on_gap=on_gap)}
        self.world = world = World(channels, limits=limits)
        world.broker.read_seconds, world.broker.old_pages = read_seconds, old_pages
        world.broker.held = True
        world.plain("queued", "a", history=None)
        world.plain("eager", "a", eager=True, history=0)
        world.plain("crowded", "a", "b", "n", batch=True, eager=True, history=2)
        world.plain("paced", "b", "a", pace=0.05)
        world.listener("listener", "a", history=None)
        world.listener("raised to", "a", raises=True)
        world.plain("without history", "n")
        world.listener("counting", "n")
        for reader in world.readers:
            world.connect(reader)

    @property
    def here(self) -> World:
        assert self.world is not None
        return self.world

    # -- publishers

    @rule(channel=st.sampled_from("aaabn"), count=st.integers(1, 4))
    def publish(self, channel: str, count: int) -> None:
        for _ in range(count):
            self.here.publish(channel)

    @rule(channel=st.sampled_from("aaabn"), count=st.integers(1, 8))
    def publish_and_deliver(self, channel: str, count: int) -> None:
        self.publish(channel, count)
        self.here.broker.deliver_all()

    @rule()
    def publish_without_offset(self) -> None:
        self.here.publish("a", skip_history=True)

    # -- notifications

    @rule(at=anywhere)
    def deliver(self, at: int) -> None:
        self.here.broker.deliver(at)

    @rule()
    def deliver_all(self) -> None:
        self.here.broker.deliver_all()

    @rule(at=anywhere)
    def lose(self, at: int) -> None:
        self.here.broker.lose(at)

    @rule(at=anywhere)
    def repeat(self, at: int) -> None:
        self.here.broker.repeat(at)

    # -- the broker

    @rule(channel=st.sampled_from(CHANNELS), forgets=st.integers(0, 3))
    def broker_restarts_older(self, channel: str, forgets: int) -> None:
        self.here.broker.restart_older(channel, forgets)

    @rule(channel=st.sampled_from(CHANNELS), count=st.integers(1, 5))
    def trim(self, channel: str, count: int) -> None:
        self.here.broker.trim(channel, count)

    @rule()
    def link_is_interrupted(self) -> None:
        self.here.broker.interrupt()

    @rule(down=st.booleans())
    def broker_goes_or_comes(self, down: bool) -> None:
        self.here.broker.down = down

    @rule()
    def compare_slowly(self) -> None:
        self.here.compare()

    # -- clients

    @rule(who=readers)
    def stall(self, who: int) -> None:
        self.here.readers[who].stall()

    @rule(who=readers)
    def drain(self, who: int) -> None:
        self.here.readers[who].drain()

    @rule(who=readers)
    def client_drops(self, who: int) -> None:
        self.here.readers[who].drop()

    @rule(who=readers)
    def client_comes(self, who: int) -> None:
        self.here.connect(self.here.readers[who])

    @rule()
    def everybody_comes_and_reads(self) -> None:
        for reader in self.here.readers:
            self.here.connect(reader)
            reader.drain()

    @rule(who=st.sampled_from(("eager", "crowded")))
    def client_leaves_a_channel_and_returns(self, who: str) -> None:
        for reader in self.here.readers:
            if isinstance(reader, PlainClient) and reader.name == who:
                reader.resubscribe("a")

    # -- time

    @rule(count=st.integers(1, 3))
    def turn(self, count: int) -> None:
        self.here.loop.turn(count)

    @rule()
    def settle(self) -> None:
        self.here.loop.settle()

    @rule(seconds=st.sampled_from((0.02, 0.5, 6.0, 25.0)))
    def wait(self, seconds: float) -> None:
        self.here.loop.advance(seconds)

    @invariant()
    def told_or_whole(self) -> None:
        if self.world is not None:
            self.world.check()

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            self.world.finish()
            assert not self.world.checker.verdict.false_alarms
        finally:
            self.world.close()


Delivery.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestDelivery = Delivery.TestCase
