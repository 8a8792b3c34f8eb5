"""Messages of one client: in their order, one at a time, and no task when there are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gapless import Disconnect, Hub
from gapless.transports.inbox import Inbox, check_size

from ..support.session import FakeSession
from ..support.until import turns

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
    session, gate, empty = FakeSession(), asyncio.Event(), []
    session.on_message = lambda message: gate.wait()  # type: ignore[assignment, return-value]
    inbox = Inbox(hub.node, session, lambda: empty.append(1))
    inbox.release()
    idle = asyncio.all_tasks()
    inbox.put("one")
    inbox.put("two")
    await turns()
    assert session.heard == ["one"]
    gate.set()
    await turns()
    assert session.heard == ["one", "two"]
    assert empty == [1]
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


async def test_who_is_gone_wants_to_hear_nothing(hub: Hub) -> None:
    session, empty = FakeSession(), list[int]()
    inbox = Inbox(hub.node, session, lambda: empty.append(1))
    inbox.put("one")
    inbox.forsake()
    inbox.release()
    await turns()
    assert (session.heard, empty) == (["one"], [])


@pytest.mark.parametrize("message", ["x" * 10, "é" * 5, b"x" * 10, "€" * 3])
def test_a_message_within_the_bound_is_taken(message: str | bytes) -> None:
    check_size(message, 10)


@pytest.mark.parametrize("message", ["x" * 11, "é" * 6, b"x" * 11, "€" * 4])
def test_one_above_it_is_not_counted_in_bytes(message: str | bytes) -> None:
    with pytest.raises(Disconnect) as refused:
        check_size(message, 10)
    assert refused.value.code == 1009
