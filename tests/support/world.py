"""A small world: one hub on a virtual-time loop, a broker that misbehaves, clients, and the checker."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gapless import BrokerError, ChannelOptions, Hub, Limits, Receipt
from gapless.core.channel import Channel
from gapless.node.node import Node

from .broker import FakeBroker
from .checker import Checker
from .clients import ListenerClient, PlainClient, Reader
from .virtual import VirtualLoop

HEALED_SECONDS = 41.0
"""Within this, whatever went wrong is noticed and repaired: twice the slow comparison."""


class World:
    """Everything that takes part, and what can happen to it."""

    def __init__(
        self,
        channels: Mapping[str, ChannelOptions],
        *,
        limits: Limits | None = None,
        checker: Checker | None = None,
    ) -> None:
        self.loop = VirtualLoop()
        asyncio.set_event_loop(self.loop)
        self.troubles: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.troubles.append(context))
        self.checker = checker or Checker()
        self.broker = FakeBroker(self.checker)
        self.hub = Hub(self.broker, channels=channels, limits=limits)
        self.readers: list[Reader] = []
        self.receipts: list[Receipt] = []
        self.background: asyncio.Task[None] | None = None
        """What a test has running beside; a reference, so that it lives."""
        self._numbers: Counter[tuple[str, bool]] = Counter()
        self.loop.run(self.hub.start())

    # -- who takes part

    def plain(self, name: str, *channels: str, **how: Any) -> PlainClient:
        client = PlainClient(
            self.loop, self.hub, self.checker, name, channels, kept_from=self.kept_from, **how
        )
        self.readers.append(client)
        return client

    def listener(self, name: str, channel: str, **how: Any) -> ListenerClient:
        client = ListenerClient(
            self.loop, self.hub, self.checker, name, channel, kept_from=self.kept_from, **how
        )
        self.readers.append(client)
        return client

    def kept_from(self, channel: str) -> tuple[str, int]:
        stream = self.broker.streams.get(channel)
        return ("", 0) if stream is None else (stream.epoch, stream.oldest)

    def connect(self, reader: Reader) -> None:
        self.loop.call(reader.connect)

    # -- what happens

    def publish(self, channel: str, *, skip_history: bool = False, **how: Any) -> int:
        """Publish the channel's next number; those without an offset are counted apart."""
        has_offset = self.hub.node.registry.options(channel).history > 0 and not skip_history
        number = self._numbers[channel, has_offset] + 1
        receipt = self.hub.publish(channel, number, skip_history=skip_history, **how)
        self.receipts.append(receipt)
        if receipt.error is None:
            self._numbers[channel, has_offset] = number
        return number

    def compare(self) -> None:
        """What happens by itself every `Limits.position_check` seconds."""
        self.hub.node.tasks.spawn(self.hub.node.repair.compare(self.hub.node.rings.all()))

    # -- how it ends

    def check(self) -> None:
        """Safety: nothing wrong was said to anybody so far."""
        self.checker.assert_clean()
        assert not self.troubles, self.troubles
        assert self.hub.counters.session_errors == 0, "a task or a delivery failed; see the log"
        late = [reader.name for reader in self.readers if isinstance(reader, PlainClient) and reader.late]
        assert not late, f"something was written to {late} behind the close"
        assert self.broker.circles == 0, "history is read over and over, and no time passes"

    def heal(self) -> None:
        """Faults off, everybody comes back and reads; time passes."""
        broker = self.broker
        broker.down = broker.held = broker.slow_answers = False
        broker.read_seconds = 0.0
        broker.release()
        broker.reads_fail = None
        broker.wire.clear()  # the last ones are lost for good: the node must notice by itself
        broker.answer_all()
        for _ in range(4):
            for reader in self.readers:
                self.connect(reader)
                reader.drain()
            self.loop.advance(HEALED_SECONDS)
            if all(reader.connected for reader in self.readers):
                return
            # Whoever was too slow for its channel, or met a dead broker, was closed: it comes back.

    def finish(self) -> None:
        """Liveness: healed, every connected subscriber reaches the top, and nothing is left behind."""
        self.heal()
        self.check()
        for channel in {channel for reader in self.readers for channel in reader.channels}:
            if not self.hub.node.registry.options(channel).history:
                self.publish(channel)  # nothing tells where its top is but the next one
        self.loop.settle()
        self.check()
        for reader in self.readers:
            assert reader.connected, f"{reader.name} cannot stay connected"
            for channel in reader.channels:
                self.reaches(reader.name, channel)
        for channel in self.broker.streams:
            self.broker.check_history(channel)
        self.checker.assert_clean()

    def reaches(self, name: str, channel: str) -> None:
        if not self.hub.node.registry.options(channel).history:
            self.checker.reaches_number(name, channel, self._numbers[channel, False])
            return
        stream = self.broker.stream(channel)
        # Where only the newest counts, it may be one without an offset.
        only_newest = (
            self.hub.node.registry.options(channel).on_gap == "latest" and self._numbers[channel, False] > 0
        )
        self.checker.reaches(name, channel, stream.position, empty=not stream.kept or only_newest)

    def close(self) -> None:
        """End it all, and see that nothing is left behind. Safe to call twice."""
        if self.loop.is_closed():
            return
        try:
            for reader in self.readers:
                reader.drop()
            if self.hub.running:
                self.loop.run(self.hub.close())
            for receipt in self.receipts:
                with suppress(BrokerError):  # looked at, as an application would
                    receipt.result(0)
        finally:
            self.loop.end()
            asyncio.set_event_loop(None)


def node_of(world: World) -> Node:
    return world.hub.node


def joined(world: World, name: str = "c") -> Channel:
    """A hold on a channel, so that its ring is there."""
    return world.loop.run(world.hub.node.rings.join(name))


def offsets(channel: Channel) -> list[int]:
    """What its ring holds."""
    return [entry.offset for entry in channel.ring.entries(channel.ring.first)]
