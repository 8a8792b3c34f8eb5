"""One connection that many share: the order of calls, whom an answer or a failure reaches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ReadOnlyError, ResponseError

from gapless import BrokerError
from gapless.brokers.redis.link import ANSWERS_AT_ONCE, WRITE_BYTES, Link

from ...support.until import until
from ...support.virtual import VirtualLoop
from .wire import Wire

pytestmark = pytest.mark.anyio


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def link(wire: Wire) -> AsyncIterator[Link]:
    opened = Link(wire.connection, fatal=(ReadOnlyError,))
    yield opened
    await opened.close()


async def test_what_is_called_in_one_turn_leaves_in_one_write_and_is_answered_in_order(
    wire: Wire, link: Link
) -> None:
    calls = [link.call(b"GET", name) for name in ("a", "b", "c")]
    wire.say(1, 2, 3)
    assert await asyncio.gather(*calls) == [1, 2, 3]
    assert wire.writes == [[[b"GET", b"a"], [b"GET", b"b"], [b"GET", b"c"]]]
    assert len(link) == 0


async def test_much_is_written_in_portions(wire: Wire, link: Link) -> None:
    half = b"x" * (WRITE_BYTES * 2 // 3)
    calls = [link.call(b"SET", half) for _ in range(3)]
    wire.say(1, 2, 3)
    assert await asyncio.gather(*calls) == [1, 2, 3]
    assert [len(write) for write in wire.writes] == [2, 1]


async def test_a_refusal_reaches_who_called_and_nobody_else(wire: Wire, link: Link) -> None:
    bad, good = link.call(b"BAD"), link.call(b"GOOD")
    wire.say(ResponseError("no such thing"), b"yes")
    with pytest.raises(ResponseError, match="no such thing"):
        await bad
    assert await good == b"yes"
    assert link.failure is None


async def test_whoever_stops_waiting_disturbs_nobody(wire: Wire, link: Link) -> None:
    gone, here = link.call(b"ONE"), link.call(b"TWO")
    gone.cancel()
    wire.say(b"one", b"two")
    assert await here == b"two"


async def test_a_fatal_refusal_ends_it_after_whoever_called_was_told(wire: Wire, link: Link) -> None:
    one, two = link.call(b"ONE"), link.call(b"TWO")
    wire.say(ReadOnlyError("a replica"))
    with pytest.raises(ReadOnlyError):
        await one
    with pytest.raises(BrokerError, match="Redis is away: a replica"):
        await two
    assert isinstance(await link.ended, ReadOnlyError)
    with pytest.raises(BrokerError, match="Redis is away"):
        await link.call(b"THREE")
    assert [command[0] for command in wire.commands] == [b"ONE", b"TWO"]


async def test_an_answer_that_nobody_asked_for_ends_it(wire: Wire, link: Link) -> None:
    wire.say(b"surprise")
    assert "nobody asked for" in str(await link.ended)


async def test_a_write_that_fails_ends_it(wire: Wire, link: Link) -> None:
    wire.broken = ConnectionResetError("the peer is gone")
    with pytest.raises(BrokerError, match="the peer is gone") as caught:
        await link.call(b"GET")
    assert caught.value.__cause__ is wire.broken


def test_an_answer_may_take_its_deadline_and_no_longer() -> None:
    """The clock looks at the oldest call that has no answer, and not at the first there was."""

    async def calls() -> None:
        wire = Wire()
        link = Link(wire.connection, deadline=5.0)
        for _ in range(4):
            call = link.call(b"PING")
            await asyncio.sleep(4.9)
            wire.say(b"yes")
            assert await call == b"yes"
        begun = asyncio.get_running_loop().time()
        with pytest.raises(BrokerError, match="no answer within 5 seconds"):
            await link.call(b"PING")
        assert asyncio.get_running_loop().time() - begun == pytest.approx(5.0)
        await link.close()

    loop = VirtualLoop()
    try:
        loop.run(calls())
    finally:
        loop.end()


async def test_a_mark_is_reached_when_all_before_it_have_their_answers(wire: Wire, link: Link) -> None:
    reached: list[str] = []
    link.mark(lambda: reached.append("nothing was under way"))
    first = link.call(b"ONE")
    link.mark(lambda: reached.append("one was answered"))
    second = link.call(b"TWO")
    wire.say(b"one")
    await first
    await until(lambda: len(reached) == 2)
    assert not second.done()
    link.mark(lambda: reached.append("it failed"))
    link.fail(OSError("gone"))
    link.mark(lambda: reached.append("it had failed"))
    assert reached == ["nothing was under way", "one was answered", "it failed", "it had failed"]


async def test_a_flood_of_answers_gives_the_loop_its_turns(wire: Wire, link: Link) -> None:
    calls = [link.call(b"PING") for _ in range(2 * ANSWERS_AT_ONCE)]
    wire.say(*range(len(calls)))
    await calls[0]
    assert not calls[-1].done()
    assert await calls[-1] == len(calls) - 1


async def test_finishing_waits_for_answers_and_closing_for_none(wire: Wire) -> None:
    link = Link(wire.connection)
    answered = link.call(b"ONE")
    finishing = asyncio.ensure_future(link.finish(30.0))
    wire.say(b"one")
    await finishing
    assert await answered == b"one"
    unanswered = link.call(b"TWO")
    await link.finish(0.0)
    assert not unanswered.done()
    await link.close()
    with pytest.raises(BrokerError, match="the connection was closed"):
        await unanswered
    assert not wire.is_open
