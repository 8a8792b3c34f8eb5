"""Pages of what a store keeps, read beside those who write."""

from __future__ import annotations

import sqlite3

import pytest

from gapless import BrokerError

from .opening import Open, own

pytestmark = pytest.mark.anyio


class TestPages:
    async def test_the_same_question_gets_the_same_page_while_nothing_happens(self, open_store: Open) -> None:
        harness = await open_store()
        await harness.fill("c", 3)
        first = await harness.history("c", after=1)
        again = await harness.history("c", after=1)
        assert again.publications is first.publications
        await harness.publish("c")
        assert [p.offset for p in (await harness.history("c", after=1)).publications] == [2, 3, 4]
        await harness.broker.remove_history("c")
        assert (await harness.history("c", after=1)).publications == []
        assert (own(harness).reads, own(harness).shared_reads) == (4, 1)

    async def test_readers_cannot_write(self, open_store: Open) -> None:
        harness = await open_store()

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE streams SET top = 7")

        with pytest.raises(BrokerError, match="cannot be written"):
            await own(harness).store.read(write)
