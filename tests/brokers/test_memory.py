"""The memory broker: everything at once, within a budget, and for as long as the process lives."""

from __future__ import annotations

import pytest

from gapless import BrokerError, ChannelOptions, Limits
from gapless.brokers.memory import (
    EMPTY_STREAMS,
    PUBLICATION_OVERHEAD,
    STREAM_OVERHEAD,
    TROUBLE_SECONDS,
    MemoryBroker,
)
from gapless.brokers.presence import MemoryPresence
from gapless.model import Publication

from ..support.clock import Clock
from .harness import KEPT, NOT_KEPT, Harness

pytestmark = pytest.mark.anyio


def memory(clock: Clock | None = None, **limits: float) -> Harness:
    now = clock or Clock()
    bounds = Limits(**limits)  # type: ignore[arg-type]  # ints and floats, by name
    return Harness(MemoryBroker(bounds, now=now), MemoryPresence(bounds, now=now))


def own(harness: Harness) -> MemoryBroker:
    assert isinstance(harness.broker, MemoryBroker)
    return harness.broker


class TestAtOnce:
    async def test_it_is_stored_then_notified_then_acknowledged_before_publish_returns(self) -> None:
        harness = memory()
        await harness.start()
        broker, order = own(harness), list[str]()
        await broker.subscribe("c")

        def notified(channel: str, publication: Publication) -> None:
            order.append(f"stored {len(broker.kept(channel))}")
            order.append("notified")

        harness.sink.at_once = notified
        sent = harness.send("c")
        assert sent.done()
        assert order == ["stored 1", "notified"]

    async def test_after_closing_it_notifies_nobody_and_goes_on_where_it_was(self) -> None:
        harness = memory()
        await harness.start()
        await harness.broker.subscribe("c")
        (before,) = await harness.fill("c", 1)
        await harness.broker.close()
        after = await harness.publish("c")
        assert len(harness.sink.publications) == 1
        assert after is not None
        assert (after.offset, after.epoch) == (2, before.epoch)


class TestAge:
    OPTIONS = ChannelOptions(history=100, history_age=10.0, idle_expiry=100.0)

    async def test_what_is_too_old_is_not_read(self) -> None:
        clock = Clock()
        harness = memory(clock)
        await harness.fill("c", 1, self.OPTIONS)
        clock.now += 5
        await harness.fill("c", 1, self.OPTIONS)
        clock.now += 5
        page = await harness.history("c", self.OPTIONS)
        assert ([p.offset for p in page.publications], page.oldest) == ([2], 2)

    async def test_and_is_given_up_without_being_read(self) -> None:
        clock = Clock()
        harness = memory(clock)
        await harness.fill("c", 2, self.OPTIONS)
        clock.now += 11
        harness.broker.expire(clock.now)
        assert own(harness).kept("c") == []

    async def test_a_channel_that_nobody_uses_forgets_its_epoch(self) -> None:
        clock = Clock()
        harness = memory(clock)
        (before,) = await harness.fill("c", 1, self.OPTIONS)
        clock.now += 101
        harness.broker.expire(clock.now)
        (after,) = await harness.fill("c", 1, self.OPTIONS)
        assert after.offset == 1
        assert after.epoch != before.epoch

    async def test_unless_somebody_is_subscribed(self) -> None:
        clock = Clock()
        harness = memory(clock)
        (before,) = await harness.fill("c", 1, self.OPTIONS)
        await harness.broker.subscribe("c")
        clock.now += 101
        harness.broker.expire(clock.now)
        (after,) = await harness.fill("c", 1, self.OPTIONS)
        assert (after.offset, after.epoch) == (2, before.epoch)

    async def test_reading_is_using(self) -> None:
        clock = Clock()
        harness = memory(clock)
        (before,) = await harness.fill("c", 1, self.OPTIONS)
        clock.now += 60
        await harness.history("c", self.OPTIONS)
        clock.now += 60
        harness.broker.expire(clock.now)
        (after,) = await harness.fill("c", 1, self.OPTIONS)
        assert after.epoch == before.epoch


class TestTheBudget:
    """Whole idle channels are forgotten, the longest unused first; never holes."""

    SIZE = STREAM_OVERHEAD + PUBLICATION_OVERHEAD + 1

    async def crammed(self) -> Harness:
        """Full, and everybody in use: `a` keeps two publications, `b` one."""
        harness = memory(memory_budget_bytes=2 * self.SIZE)
        for name, count in (("b", 1), ("a", 2)):
            await harness.broker.subscribe(name)
            await harness.fill(name, count)
        return harness

    async def test_the_channel_that_was_idle_longest_is_forgotten_whole(self) -> None:
        harness = memory(memory_budget_bytes=3 * self.SIZE)
        epochs = {}
        for name in "abcd":
            (position,) = await harness.fill(name, 1)
            epochs[name] = position.epoch
        await harness.fill("e", 1)
        assert own(harness).evicted >= 1
        assert "a" not in harness.broker.known()
        (again,) = await harness.fill("a", 1)
        assert again.offset == 1
        assert again.epoch != epochs["a"]

    async def test_channels_in_use_are_spared(self) -> None:
        harness = memory(memory_budget_bytes=3 * self.SIZE)
        await harness.broker.subscribe("a")
        for name in "abcdef":
            await harness.fill(name, 1)
        assert "a" in harness.broker.known()

    async def test_so_is_the_one_that_is_published_to(self) -> None:
        harness = memory(memory_budget_bytes=2 * self.SIZE)
        await harness.fill("busy", 1)
        await harness.fill("idle", 2)
        await harness.fill("busy", 1)
        assert harness.broker.known() == ["busy"]
        assert len(own(harness).kept("busy")) == 2

    async def test_when_all_are_in_use_publishing_fails_and_says_what_to_do(self) -> None:
        harness = await self.crammed()
        with pytest.raises(BrokerError, match="memory_budget_bytes"):
            await harness.publish("a")
        assert own(harness).refused == 1

    async def test_what_replaces_something_of_its_size_is_taken_all_the_same(self) -> None:
        harness = await self.crammed()
        options = ChannelOptions(history=2)
        assert await harness.publish("a", b"x", options) is not None
        assert await harness.publish("b", b"larger", options, skip_history=True) is None
        with pytest.raises(BrokerError):
            await harness.publish("a", b"larger", options)
        assert [p.payload for p in own(harness).kept("a")] == [b"2", b"x"]

    async def test_reading_never_fails_because_of_it(self) -> None:
        harness = await self.crammed()
        assert [p.offset for p in (await harness.history("a")).publications] == [1, 2]

    async def test_without_history_publishing_never_fails_because_of_it(self) -> None:
        harness = memory(memory_budget_bytes=0)
        assert await harness.publish("c", options=NOT_KEPT) is None

    async def test_there_is_a_bound_for_channels_too(self) -> None:
        harness = memory(memory_channels=3)
        for name in "abcde":
            await harness.fill(name, 1)
        assert harness.broker.known() == ["c", "d", "e"]
        assert own(harness).evicted == 2

    async def test_and_when_all_of_them_are_in_use_another_one_fails(self) -> None:
        harness = memory(memory_channels=2)
        for name in "ab":
            await harness.broker.subscribe(name)
            await harness.fill(name, 1)
        with pytest.raises(BrokerError, match="memory_channels"):
            await harness.publish("c")
        page = await harness.history("c")
        assert (page.publications, page.top.offset) == ([], 0), "reading takes nothing from anybody"
        await harness.publish("a")

    async def test_names_that_hold_nothing_take_nothing_from_those_that_do(self) -> None:
        harness = memory(memory_channels=2)
        await harness.fill("kept", 3)
        for number in range(EMPTY_STREAMS + 10):
            await harness.history(f"asked:{number}", limit=0)
        assert [p.offset for p in (await harness.history("kept")).publications] == [1, 2, 3]
        assert own(harness).evicted == 0
        assert own(harness)._bytes == STREAM_OVERHEAD + 3 * (PUBLICATION_OVERHEAD + 1)
        assert len(harness.broker.known()) == 1 + EMPTY_STREAMS, "the oldest of them are forgotten"

    async def test_a_name_that_holds_nothing_keeps_its_epoch_while_somebody_reads_it(self) -> None:
        harness = memory()
        await harness.broker.subscribe("read")
        position = (await harness.history("read", limit=0)).top
        for number in range(EMPTY_STREAMS + 10):
            await harness.history(f"asked:{number}", limit=0)
        assert (await harness.history("read", limit=0)).top == position
        published = await harness.publish("read")
        assert published is not None
        assert published.epoch == position.epoch

    async def test_who_comes_back_to_a_channel_that_was_evicted_finds_another_epoch(self) -> None:
        harness = memory(memory_channels=1)
        (before,) = await harness.fill("old", 1)
        await harness.fill("new", 1)
        page = await harness.history("old", after=1)
        assert (page.publications, page.top.offset) == ([], 0)
        assert page.top.epoch != before.epoch

    async def test_it_says_that_it_is_full_until_there_is_room_or_a_minute_has_passed(self) -> None:
        clock = Clock()
        harness = memory(clock, memory_channels=1)
        broker = own(harness)
        await broker.subscribe("a")
        await harness.fill("a", 1)
        for _ in range(2):
            assert broker.unready() is None
            with pytest.raises(BrokerError):
                await harness.publish("b")
            assert "memory_channels" in (broker.unready() or "")
            await harness.publish("a")
            assert broker.unready() is not None, "others still have no room"
            clock.now += TROUBLE_SECONDS
        with pytest.raises(BrokerError):
            await harness.publish("b")
        await broker.unsubscribe("a")
        await harness.publish("b")
        assert broker.unready() is None

    async def test_bytes_are_given_back_with_what_is_trimmed_removed_and_forgotten(self) -> None:
        clock = Clock()
        harness = memory(clock)
        options = ChannelOptions(history=5, history_age=10.0, idle_expiry=20.0)
        for name in "ab":
            await harness.fill(name, 9, options)
        assert own(harness)._bytes == 2 * (STREAM_OVERHEAD + 5 * (PUBLICATION_OVERHEAD + 1))
        await harness.broker.remove_history("a")
        assert own(harness)._bytes == 2 * STREAM_OVERHEAD + 5 * (PUBLICATION_OVERHEAD + 1)
        clock.now += 15
        harness.broker.expire(clock.now)
        assert own(harness)._bytes == 2 * STREAM_OVERHEAD
        clock.now += 15
        harness.broker.expire(clock.now)
        assert own(harness)._bytes == 0


class TestIdempotencyKeys:
    async def test_are_remembered_for_a_while(self) -> None:
        clock = Clock()
        harness = memory(clock, idempotency_seconds=60.0)
        first = await harness.publish("c", idempotency_key="k")
        clock.now += 59
        assert await harness.publish("c", idempotency_key="k") == first
        clock.now += 1
        assert await harness.publish("c", idempotency_key="k") != first

    async def test_only_so_many_are_remembered_and_the_oldest_goes(self) -> None:
        harness = memory(idempotency_keys=2)
        for key in "abc":
            await harness.publish("c", idempotency_key=key)
        top = (await harness.history("c", limit=0)).top.offset
        await harness.publish("c", idempotency_key="c")
        assert (await harness.history("c", limit=0)).top.offset == top
        await harness.publish("c", idempotency_key="a")
        assert (await harness.history("c", limit=0)).top.offset == top + 1

    async def test_one_that_is_used_anew_is_no_longer_the_oldest(self) -> None:
        clock = Clock()
        harness = memory(clock, idempotency_keys=2, idempotency_seconds=10.0)
        for key in "ab":
            await harness.publish("c", idempotency_key=key)
        clock.now += 11
        again = await harness.publish("c", idempotency_key="a")
        await harness.publish("c", idempotency_key="d")
        assert await harness.publish("c", idempotency_key="a") == again

    async def test_expired_ones_are_forgotten(self) -> None:
        clock = Clock()
        harness = memory(clock, idempotency_seconds=10.0)
        for key in "ab":
            await harness.publish("c", idempotency_key=key)
            clock.now += 6
        harness.broker.expire(clock.now)
        assert list(own(harness)._keys) == [("c", "b")]

    async def test_a_publication_that_was_refused_is_not_remembered(self) -> None:
        harness = memory(memory_channels=0)
        with pytest.raises(BrokerError):
            await harness.publish("c", idempotency_key="k")
        assert not own(harness)._keys


async def test_what_is_kept_can_be_looked_at_without_touching_it() -> None:
    harness = memory()
    assert own(harness).kept("unknown") == []
    assert harness.broker.known() == []
    await harness.fill("c", 2, KEPT)
    assert [p.offset for p in own(harness).kept("c")] == [1, 2]


async def test_a_name_with_subscribers_is_passed_over_once_when_the_clock_jumps() -> None:
    harness = memory()
    await harness.start()
    broker = own(harness)
    for channel in ("a", "b"):
        await broker.history(channel, KEPT)
    await broker.subscribe("a")
    broker.expire(1e12)
    assert broker.known() == ["a"]
