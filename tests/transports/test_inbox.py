"""Messages of one client: in their order, one at a time, and no task when there are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gapless import Disconnect, Hub, Limits
from gapless.transports.inbox import GRAIN_BYTES, MESSAGE_BYTES, WAITING_MESSAGES, Inbox, check_size, paid_for

from ..support.session import FakeSession
from ..support.until import turns, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with Hub() as running:
        yield running


async def test_what_comes_before_the_beginning_is_over_waits_and_keeps_its_order(hub: Hub) -> None:
    session = FakeSession()
    inbox = Inbox(hub.node, session)
    for message in ("one", "two"):
        inbox.put(message)
    await turns()
    assert (session.heard, len(inbox)) == ([], 2)
    inbox.release()
    inbox.put("three")
    await turns()
    assert (session.heard, len(inbox)) == (["one", "two", "three"], 0)


async def test_one_is_handled_after_the_other_and_then_there_is_no_task(hub: Hub) -> None:
    session, gate = FakeSession(), asyncio.Event()
    session.on_message = lambda message: gate.wait()  # type: ignore[assignment, return-value]
    inbox = Inbox(hub.node, session)
    inbox.release()
    idle = asyncio.all_tasks()
    inbox.put("one")
    inbox.put("two")
    await turns()
    assert session.heard == ["one"]
    gate.set()
    await turns()
    assert session.heard == ["one", "two"]
    assert asyncio.all_tasks() == idle


async def test_a_message_that_is_one_too_many_closes_and_the_rest_is_dropped(hub: Hub) -> None:
    session = FakeSession()

    async def refuse(message: str | bytes) -> None:
        raise Disconnect(3013)

    session.on_message = refuse
    inbox = Inbox(hub.node, session)
    inbox.put("one")
    inbox.put("two")
    inbox.release()
    await turns()
    assert (session.heard, session.ended) == (["one"], [3013])
    inbox.put("three")
    assert len(inbox) == 0


async def test_a_failure_closes_that_connection_and_is_logged(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    session = FakeSession()

    async def fail(message: str | bytes) -> None:
        raise RuntimeError("as the test wants it")

    session.on_message = fail
    inbox = Inbox(hub.node, session)
    inbox.release()
    inbox.put("one")
    await turns()
    assert session.ended == [3004]
    assert "as the test wants it" in caplog.text


async def test_reading_pauses_while_too_much_waits_and_is_told_once() -> None:
    async with Hub(limits=Limits(inbound_bytes=1000)) as hub:
        paused = list[bool]()
        inbox = Inbox(hub.node, FakeSession(), paused.append)
        inbox.put("x" * (999 - MESSAGE_BYTES))
        assert paused == []
        inbox.put("")
        inbox.put("")
        assert paused == [True]
        inbox.release()
        await until(lambda: paused == [True, False])
        assert len(inbox) == hub.node.inbound.used == 0


async def test_many_messages_pause_reading_as_many_bytes_do(hub: Hub) -> None:
    paused = list[bool]()
    inbox = Inbox(hub.node, FakeSession(), paused.append)
    for _ in range(WAITING_MESSAGES - 1):
        inbox.put("")
    assert paused == []
    inbox.put("")
    assert paused == [True]


async def test_who_is_gone_is_not_asked_to_read() -> None:
    async with Hub(limits=Limits(inbound_bytes=1)) as hub:
        session, paused = FakeSession(), list[bool]()
        inbox = Inbox(hub.node, session, paused.append)
        inbox.put("one")
        inbox.forsake()
        inbox.release()
        await turns()
        assert (session.heard, paused) == (["one"], [True])


async def test_one_that_is_too_large_closes_the_session() -> None:
    async with Hub(limits=Limits(message_bytes=1024)) as hub:
        session = FakeSession()
        inbox = Inbox(hub.node, session)
        inbox.release()
        inbox.put("x" * 1024)
        inbox.put("x" * 1025)
        await turns()
        assert (session.ended, hub.counters.oversized) == ([1009], 1)


async def test_what_is_forsaken_while_it_waits_for_its_turn_is_handled_no_more() -> None:
    async with Hub(limits=Limits(slice_seconds=0.0)) as hub:
        session = FakeSession()
        inbox = Inbox(hub.node, session)
        inbox.release()
        for _ in range(5):  # they are before it
            hub.node.inbound.turns.call(lambda: None)
        inbox.put("one")
        await turns(1)
        session.end(Disconnect(3000))
        inbox.forsake()
        await turns()
        assert session.heard == []
        assert (len(inbox), hub.node.inbound.used, hub.counters.session_errors) == (0, 0, 0)


async def test_what_waits_is_known_up_to_a_grain_and_forgotten_when_it_is_handled(hub: Hub) -> None:
    inbox, used = Inbox(hub.node, FakeSession()), list[int]()
    for size in (GRAIN_BYTES - MESSAGE_BYTES - 1, 0, 0):
        inbox.put("x" * size)
        used.append(hub.node.inbound.used)
    assert used == [0, GRAIN_BYTES - 1 + MESSAGE_BYTES, GRAIN_BYTES - 1 + MESSAGE_BYTES]
    inbox.release()
    await turns()
    assert (len(inbox), hub.node.inbound.used) == (0, 0)


async def test_the_fullest_of_all_is_closed_when_too_much_waits() -> None:
    async with Hub(limits=Limits(inbound_budget_bytes=5000)) as hub:
        sessions = [FakeSession(), FakeSession()]
        for session, size in zip(sessions, (2000, 3000), strict=True):
            Inbox(hub.node, session).put("x" * size)
        assert [session.ended for session in sessions] == [[], [3013]]
        assert hub.counters.inbound_full == 1


@pytest.mark.parametrize(
    ("message", "costs"),
    [("[" * 100, 100), ("[" * 600, 600 * 65), ("{" * 600, 600 * 65), ("x" * 600, 600), (b"{" * 600, 600)],
)
async def test_brackets_of_long_messages_count_as_many_bytes(message: str | bytes, costs: int) -> None:
    async with Hub(limits=Limits(inbound_rate=1000, inbound_burst=0)) as hub:
        now = asyncio.get_running_loop().time()
        paid, wait = paid_for(hub.node, 0.0, message)
        assert paid - now == pytest.approx(costs / 1000, abs=1.0)
        assert wait > 0
        assert hub.counters.inbound_waits == 1


async def test_what_is_within_the_burst_does_not_wait() -> None:
    async with Hub(limits=Limits(inbound_rate=1, inbound_burst=1000)) as hub:
        paid, wait = paid_for(hub.node, 0.0, "x" * 400)
        assert wait == 0
        paid, wait = paid_for(hub.node, paid, "x" * 400)
        assert (wait, hub.counters.inbound_waits) == (0, 0)
        _, wait = paid_for(hub.node, paid, "x" * 400)
        assert wait > 100


@pytest.mark.parametrize("message", ["x" * 10, "é" * 5, b"x" * 10, "€" * 3])
async def test_a_message_within_the_bound_is_taken(message: str | bytes) -> None:
    async with Hub(limits=Limits(message_bytes=10)) as hub:
        check_size(hub.node, message)
        assert hub.counters.oversized == 0


@pytest.mark.parametrize("message", ["x" * 11, "é" * 6, b"x" * 11, "€" * 4])
async def test_one_above_it_is_not_and_counts(message: str | bytes) -> None:
    async with Hub(limits=Limits(message_bytes=10)) as hub:
        with pytest.raises(Disconnect) as refused:
            check_size(hub.node, message)
        assert (refused.value.code, hub.counters.oversized) == (1009, 1)
