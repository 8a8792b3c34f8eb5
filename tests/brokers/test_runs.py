"""Many publications in one step are what they would have been one by one."""

from __future__ import annotations

from typing import Any

import pytest

from gapless import BrokerError, ChannelOptions, Limits, MemoryBroker, Position, Publication
from gapless.model import Draft

pytestmark = pytest.mark.anyio


class Sink:
    """Where a broker notifies."""

    def __init__(self) -> None:
        self.seen: list[Publication] = []

    def publication(self, channel: str, publication: Publication) -> None:
        self.seen.append(publication)

    def joined(self, channel: str, member: Any) -> None: ...
    def left(self, channel: str, member: Any) -> None: ...
    def interrupted(self) -> None: ...
    def garbled(self, channel: str) -> None: ...


class Settled:
    """A receipt that only keeps its answer."""

    position: Position | None = None

    def resolve(self, position: Position | None) -> None:
        self.position = position

    def fail(self, error: Exception) -> None:
        raise error


ROWS = [b'{"n":%d}' % number for number in range(30)]
OPTIONS = [
    ChannelOptions(history=100),
    ChannelOptions(history=7),
    ChannelOptions(history=100, history_bytes=60),
    ChannelOptions(),
    ChannelOptions(history=100, delta_publish=True),
]


@pytest.mark.parametrize("options", OPTIONS)
async def test_a_run_is_numbered_kept_trimmed_and_notified_alike(options: ChannelOptions) -> None:
    found = []
    for together in (False, True):
        broker, sink = MemoryBroker(now=lambda: 5.0), Sink()
        await broker.start(sink)
        await broker.subscribe("c")
        last = Settled()
        broker.publish("c", Draft(b"0", delta=options.delta_publish), options, last)
        if together:
            position = broker.publish_run("c", ROWS, options)
        else:
            for row in ROWS:
                broker.publish("c", Draft(row, delta=options.delta_publish), options, last)
            position = last.position
        page = await broker.history("c", options)
        shape = [(one.payload, one.offset, one.delta, one.time) for one in page.publications]
        seen = [(one.payload, one.offset, one.delta) for one in sink.seen]
        found.append((shape, seen, position and position.offset, page.top.offset, page.oldest))
        assert len(sink.seen) == 31
    assert found[0] == found[1]


async def test_a_run_that_finds_no_room_leaves_nothing_behind() -> None:
    broker = MemoryBroker(Limits(memory_budget_bytes=2000))
    await broker.start(Sink())
    await broker.subscribe("c")
    options = ChannelOptions(history=1000, history_bytes=None)
    broker.publish_run("c", ROWS, options)
    with pytest.raises(BrokerError, match="full"):
        broker.publish_run("c", ROWS, options)
    assert len(broker.kept("c")) == 30
