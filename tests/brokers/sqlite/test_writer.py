"""The one thread that writes: what comes together is committed together, and fails alone."""

from __future__ import annotations

import asyncio

import pytest

from gapless import BrokerError

from ..harness import NOT_KEPT
from .opening import Open, bound, own

pytestmark = pytest.mark.anyio


class TestGroups:
    async def test_what_comes_together_is_committed_together(self, open_store: Open) -> None:
        harness = await open_store()
        journal = own(harness).store._writer._journal  # type: ignore[union-attr]
        await harness.publish("c")
        before = journal.commits
        await asyncio.gather(*(harness.send(f"c{number % 7}") for number in range(200)))
        assert journal.commits - before <= 20

    async def test_what_cannot_be_stored_fails_alone(self, open_store: Open) -> None:
        harness = await open_store()
        good = [harness.send("c", b"%d" % number) for number in range(5)]
        bad = harness.send("c", version=2**70)
        later = [harness.send("c", b"%d" % number) for number in range(5, 10)]
        with pytest.raises(BrokerError, match="cannot be stored"):
            await bad
        positions = await asyncio.gather(*good, *later)
        assert [position.offset for position in positions if position] == list(range(1, 11))
        assert own(harness).unready() is None

    async def test_what_came_before_a_failure_was_known_does_not_overtake_what_failed(
        self, open_store: Open
    ) -> None:
        harness = await open_store()
        await harness.publish("c")
        own(harness).store.chore(bound(1))  # which means: as many pages as there are
        large = harness.send("c", b'"' + b"x" * 100_000 + b'"')
        own(harness).store.chore(bound(1_000_000))  # now there is room, and nobody has heard of the failure
        later = [harness.send("c", b"%d" % number) for number in range(600)]  # more than one group
        failed = await asyncio.gather(large, *later, return_exceptions=True)
        assert all(isinstance(error, BrokerError) for error in failed)
        assert "the disk is full" in str(failed[0])
        assert "before this could not be stored" in str(failed[-1])
        position = await harness.publish("c", b"2")
        assert position is not None
        assert position.offset == 2
        assert own(harness).unready() is None

    async def test_what_nobody_keeps_is_not_flushed(self, open_store: Open) -> None:
        harness = await open_store()
        journal = own(harness).store._writer._journal  # type: ignore[union-attr]
        await harness.publish("c")
        assert journal._synchronous == "FULL"
        await harness.publish("c", options=NOT_KEPT)
        assert journal._synchronous == "NORMAL"
        await harness.publish("c")
        assert journal._synchronous == "FULL"

    async def test_publishing_to_a_closed_store_fails(self, open_store: Open) -> None:
        harness = await open_store()
        await harness.broker.close()
        with pytest.raises(BrokerError, match="is not open"):
            await harness.publish("c")
        with pytest.raises(BrokerError, match="is not open"):
            await harness.history("c")
        assert "is not open" in (own(harness).unready() or "")
