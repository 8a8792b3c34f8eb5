"""How a transport attends to a session: open within, over behind it, whatever happened between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import Disconnect, Limits
from gapless.core.counters import Counters
from gapless.transports.session import attended
from gapless.transports.writer import Writer

from ..support.session import FakeSession
from ..support.until import turns, until

pytestmark = pytest.mark.anyio


class Attended:
    """A session on a writer, whose socket takes everything, or fails where the test wants it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.fails: Exception | None = None
        self.counters = Counters()
        self.writer = Writer(self._send, self._say_goodbye, Limits())
        self.session = FakeSession(self.writer)

    async def _send(self, frame: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.sent.append(frame)

    async def _say_goodbye(self, code: int, reason: str) -> None:
        await self._send((code, reason))

    @property
    def open(self) -> Any:
        return attended(self.session, self.writer, self.counters)


async def test_it_is_open_within_and_over_behind_it() -> None:
    here = Attended()
    async with here.open:
        assert (here.session.opened, here.session.ended) == (1, [])
    assert here.session.ended == [3000]
    assert here.writer.gone.done()
    here.writer.push(["late"], 4)
    await turns()
    assert here.sent == [], "nothing is written behind it"


async def test_a_disconnect_is_said_to_the_client_and_ends_there() -> None:
    here = Attended()
    async with here.open:
        await refuse()
    assert (here.session.ended, here.sent) == ([3501], [(3501, "bad request")])
    assert here.counters.session_errors == 0


async def refuse() -> None:
    raise Disconnect(3501, "bad request")


async def test_any_other_exception_ends_it_too_and_goes_on() -> None:
    here = Attended()
    with pytest.raises(ValueError, match="a bug"):
        async with here.open:
            raise ValueError("a bug")
    assert (here.session.ended, here.counters.session_errors) == ([3004], 1)
    assert [code for code, _ in here.sent] == [3004]


async def test_a_session_whose_call_is_cancelled_is_over_and_it_is_nobodys_fault() -> None:
    here = Attended()

    async def call() -> None:
        async with here.open:
            await asyncio.get_running_loop().create_future()

    calling = asyncio.create_task(call())
    await turns()
    calling.cancel()
    await asyncio.wait([calling])
    assert (here.session.ended, here.counters.session_errors) == ([3000], 0)


async def test_a_broken_connection_is_the_end_of_the_session_at_once() -> None:
    here = Attended()
    async with here.open:
        here.fails = ConnectionResetError("gone")
        here.writer.push(["a"], 1)
        await until(lambda: here.session.ended == [3000], "the session hears of it")
