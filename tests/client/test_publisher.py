"""Publishing to a hub elsewhere, and what happens while it is away."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from gapless.client.backoff import Backoff
from gapless.client.publisher import BATCH, BATCH_BYTES, Publisher
from gapless.client.remote import NotTheHub, Remote

from ..support.until import DEADLINE, until
from .scripted import CUT, publications

pytestmark = pytest.mark.anyio


def at_once() -> Backoff:
    return Backoff(first=0.0, longest=0.0)


def publisher(url: str, said: list[str] | None = None, token: str | None = None, **options: Any) -> Publisher:
    report = said.append if said is not None else lambda line: None
    return Publisher(Remote.parse(url, token), backoff=at_once(), report=report, **options)


async def test_publications_arrive_in_order_with_the_credential() -> None:
    async with publications() as api, publisher(api.url, token="secret") as out:
        for number in range(20):
            assert await out.offer("logs", {"n": number})
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [{"n": number} for number in range(20)]
        assert {request["channel"] for request in api.sent} == {"logs"}
        assert {fields["x-api-key"] for fields in api.headers} == {"secret"}
        assert out.published == 20


@pytest.mark.parametrize("trouble", [CUT, 500, 503, 429, 408])
async def test_a_retry_is_not_a_second_copy(trouble: int | str) -> None:
    script = deque([None, trouble, trouble, None])
    async with publications(script=script) as api, publisher(api.url) as out:
        await out.offer("logs", 0)
        assert await out.flush(DEADLINE) == 0
        for number in (1, 2):
            await out.offer("logs", number)
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [0, 1, 2]
        assert len(api.sent) > 3
        assert len({request["idempotency_key"] for request in api.sent}) == 3


async def test_what_comes_while_the_hub_is_away_is_delivered_when_it_is_back() -> None:
    said: list[str] = []
    async with publications() as api:
        port = int(api.url.rpartition(":")[2])
    async with publisher(api.url, said) as out:
        for number in range(5):
            await out.offer("logs", number)
        await until(lambda: said)
        assert "gapless serve" in said[0]
        async with publications(port) as api:
            assert await out.flush(DEADLINE) == 0
            assert api.taken == list(range(5))
        assert "answers again" in said[1]
        assert len(said) == 2


async def test_what_does_not_fit_is_dropped_counted_and_marked_in_its_place() -> None:
    said: list[str] = []
    async with publications() as api:
        api.answer.clear()
        async with publisher(api.url, said, max_bytes=4096) as out:
            taken = [await out.offer("logs", number) for number in range(100)]
            kept = taken.index(False)
            assert not any(taken[kept:])
            assert out.dropped == 100 - kept
            api.answer.set()
            assert await out.flush(DEADLINE) == 0
            assert await out.offer("logs", "later")
            assert await out.flush(DEADLINE) == 0
        *before, mark, later = api.taken
        assert before == list(range(kept))
        assert (mark["kind"], mark["count"]) == ("feeder_gap", 100 - kept)
        assert later == "later"
        assert any(f"{100 - kept} publications to logs were dropped" in line for line in said)


async def test_once_full_it_takes_more_only_when_half_of_it_is_free() -> None:
    async with publications() as api:
        api.answer.clear()
        one = "x" * (BATCH_BYTES - 1000)  # so that each has a request of its own
        async with publisher(api.url, max_bytes=20 * BATCH_BYTES) as out:
            while await out.offer("logs", one):
                pass
            full = out.waiting
            api.answer.set()
            await until(lambda: out.waiting < full)
            assert not await out.offer("logs", one)
            await until(lambda: out.waiting < full // 2)
            assert await out.offer("logs", one)


async def test_put_waits_for_room_and_drops_nothing() -> None:
    async with publications() as api:
        api.answer.clear()
        async with publisher(api.url, max_bytes=1024) as out:
            putting = asyncio.create_task(_put(out, 50))
            await until(lambda: api.requests)
            assert not putting.done()
            api.answer.set()
            await asyncio.wait_for(putting, DEADLINE)
            assert await out.flush(DEADLINE) == 0
            assert api.taken == list(range(50))
            assert out.dropped == 0


async def _put(out: Publisher, count: int) -> None:
    for number in range(count):
        await out.put("logs", number)


async def test_one_that_is_refused_costs_only_itself() -> None:
    said: list[str] = []
    async with publications(refuse=lambda data: data == 1) as api, publisher(api.url, said) as out:
        for number in (0, 1, 1, 2):
            await out.offer("logs", number)
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [0, 2]
        assert (out.published, out.refused) == (2, 2)
        assert said == ["a publication to logs was not taken: error 107: bad request: no"]


async def test_what_waits_travels_together_within_bounds() -> None:
    async with publications() as api, publisher(api.url) as out:
        api.answer.clear()
        await out.offer("logs", 0)
        await until(lambda: api.requests)
        for number in range(1, 2 * BATCH):
            await out.offer("logs", number)
        await out.offer("logs", "x" * BATCH_BYTES)
        await out.offer("logs", "last")
        api.answer.set()
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [*range(2 * BATCH), "x" * BATCH_BYTES, "last"]
        assert [method for method, _ in api.requests] == ["publish", "batch", "batch", "publish", "publish"]
        assert out.published == 2 * BATCH + 2


async def test_one_that_spoils_a_batch_costs_only_itself() -> None:
    async with publications(malformed=lambda data: data == 3) as api, publisher(api.url) as out:
        for number in range(6):
            await out.offer("logs", number)
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [0, 1, 2, 4, 5]
        assert (out.published, out.refused) == (5, 1)
        assert api.requests[0][0] == "batch"


async def test_one_that_the_hub_wants_again_is_sent_again_and_nothing_is_lost() -> None:
    busy = {3}
    async with publications(busy=lambda data: data in busy) as api, publisher(api.url) as out:
        for number in range(6):
            await out.offer("logs", number)
        await until(lambda: 5 in api.taken)
        busy.clear()
        assert await out.flush(DEADLINE) == 0
        assert sorted(api.taken) == [0, 1, 2, 3, 4, 5]
        assert out.published == 6


@pytest.mark.parametrize(
    ("status", "fix"), [(401, "--token"), (403, "--token"), (404, "--url"), (301, "--url")]
)
async def test_a_wrong_credential_or_address_ends_it(status: int, fix: str) -> None:
    async with publications(script=deque([status])) as api, publisher(api.url) as out:
        await out.offer("logs", 1)
        with pytest.raises(NotTheHub, match=fix):
            await out.flush(DEADLINE)
        with pytest.raises(NotTheHub):
            await out.offer("logs", 2)
        with pytest.raises(NotTheHub):
            await out.put("logs", 2)


async def test_flush_gives_up_in_time_and_says_how_many_are_left() -> None:
    async with publications() as api:
        api.answer.clear()
        async with publisher(api.url) as out:
            for number in range(3):
                await out.offer("logs", number)
            assert await out.flush(0.01) == 3
        api.answer.set()


async def test_what_json_cannot_carry_is_the_callers_mistake() -> None:
    async with publications() as api, publisher(api.url) as out:
        with pytest.raises(TypeError):
            await out.offer("logs", object())
        assert await out.offer("logs", 1)
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [1]


def test_delays_double_up_to_a_bound_and_are_spread() -> None:
    low, high = Backoff(1.0, 10.0, random=lambda: 0.0), Backoff(1.0, 10.0, random=lambda: 1.0)
    assert [low.next() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 5.0]
    assert [high.next() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 10.0]
    low.reset()
    assert low.next() == 0.5
