"""The server under an ASGI `send`: what is looked through, and what goes on in another task."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

import pytest

from gapless.isolation.server import Begun, find_server, says_gone, uvicorn_config

pytestmark = pytest.mark.anyio


def test_wrappers_of_starlette_alone_are_looked_through() -> None:
    async def send(message: Any) -> None: ...

    def wrap(send: Any) -> Any:
        async def sender(message: Any) -> None:
            await send(message)

        return sender

    ours = wrap(send)
    assert find_server(ours).send is ours
    starlettes = wrap(send)
    starlettes.__module__ = "starlette._exception_handler"
    assert not find_server(starlettes).eager, "what is under it is nobody we know"


async def first_step(work: Coroutine[Any, Any, Any]) -> Begun[Any]:
    """Begin it here, as far as it goes without waiting."""
    return Begun(work, work.send(None))


async def test_what_was_begun_in_one_task_goes_on_in_another_and_gives_its_result() -> None:
    room = asyncio.Event()
    steps: list[str] = []

    async def work() -> str:
        steps.append("begun")
        await room.wait()
        await asyncio.sleep(0)
        steps.append("done")
        return "result"

    async def rest(begun: Begun[Any]) -> object:
        return await begun

    going_on = asyncio.create_task(rest(await first_step(work())))
    await asyncio.sleep(0)
    assert steps == ["begun"]
    room.set()
    assert await going_on == "result"
    assert steps == ["begun", "done"]


async def test_what_ends_the_task_that_waits_ends_the_work() -> None:
    ended: list[type[BaseException]] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            ended.append(type(error))
            raise

    async def rest(begun: Begun[Any]) -> None:
        await begun

    going_on = asyncio.create_task(rest(await first_step(work())))
    await asyncio.sleep(0)
    going_on.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going_on
    kept = work()
    (await first_step(kept)).close()
    assert ended == [asyncio.CancelledError, GeneratorExit]
    assert inspect.getcoroutinestate(kept) == inspect.CORO_CLOSED, "and not only let go"


async def test_what_fails_later_fails_where_it_is_awaited() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise ValueError("too late")

    begun = await first_step(work())
    with pytest.raises(ValueError, match="too late"):
        await begun


def test_only_a_uvicorn_says_what_it_was_told() -> None:
    async def send(message: Any) -> None: ...

    assert uvicorn_config(send) is None


class SomethingClosed(Exception):
    """Closed may be anything."""


class ClientDisconnected(Exception):
    """As uvicorn's before it was an OSError."""


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (ConnectionResetError(), True),
        (ClientDisconnected(), True),
        (RuntimeError("Unexpected ASGI message 'websocket.send', after sending 'websocket.close'."), True),
        (RuntimeError("no idea"), False),
        (SomethingClosed(), False),
        (KeyError("text"), False),
    ],
)
def test_what_servers_raise_tells_a_client_that_left_from_a_mistake(error: Exception, gone: bool) -> None:
    assert says_gone(error) is gone
