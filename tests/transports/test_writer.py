"""The writer of an ASGI connection: in order, one at a time, at once where it can be, and never stuck."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect as client

from gapless import Limits
from gapless.core.counters import Counters
from gapless.transports.writer import Writer, flows, log_lost

from ..support.serving import FAST_PATH, PLAIN_ASGI, serve
from ..support.until import turns, until

pytestmark = pytest.mark.anyio


class Server:
    """A `send` whose socket takes a frame at once, or when the test says so."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.taken: list[Any] = []
        self.gates: list[asyncio.Future[None]] = []
        self.fails: Exception | None = None

    async def send(self, frame: Any) -> None:
        if self.fails is not None:
            raise self.fails
        if self.full:
            gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.gates.append(gate)
            await gate
        self.taken.append(frame)

    async def close(self, code: int, reason: str) -> None:
        await self.send((code, reason))

    async def drain(self) -> None:
        """The socket takes everything from now on."""
        self.full = False
        while self.gates:
            self.gates.pop(0).set_result(None)
            await turns()


class Told:
    """What the session is told."""

    def __init__(self, writer: Writer) -> None:
        self.rooms = 0
        self.lost: list[Exception] = []
        writer.on_room = self._room
        writer.on_lost = self.lost.append

    def _room(self) -> None:
        self.rooms += 1


def writer(server: Server, *, eager: bool = False, **limits: Any) -> tuple[Writer, Told]:
    made = Writer(server.send, server.close, Limits(**limits), eager=eager)
    return made, Told(made)


@pytest.mark.parametrize("eager", [False, True], ids=["by its task", "at once"])
async def test_everything_is_sent_in_its_order_and_then_there_is_room(eager: bool) -> None:
    server = Server()
    out, told = writer(server, eager=eager)
    assert out.reply("one")
    out.push(("two", "three"), 8)
    assert not out.room, "something waits: at most one push is under way"
    await turns()
    assert server.taken == ["one", "two", "three"]
    assert (out.room, out.waiting, told.rooms) == (True, False, 1)
    await out.finish()


async def test_what_the_socket_takes_at_once_needs_no_task() -> None:
    server = Server()
    out, told = writer(server, eager=True)
    before = asyncio.all_tasks()
    out.push(("one", "two"), 6)
    assert server.taken == ["one", "two"]
    assert asyncio.all_tasks() == before
    assert (out.room, told.rooms, out.progressed) == (True, 0, 2)
    await out.finish()


async def test_what_it_does_not_take_is_finished_by_the_task_and_nothing_passes_it() -> None:
    server = Server()
    out, told = writer(server, eager=True)
    server.full = True
    out.push(("one", "two"), 6)
    out.reply("three")
    assert server.taken == []
    assert not out.room
    await server.drain()
    await turns()
    assert server.taken == ["one", "two", "three"]
    assert (out.room, told.rooms) == (True, 1)
    await out.finish()


async def test_a_close_goes_out_behind_everything_and_is_the_last() -> None:
    server = Server()
    out, _ = writer(server)
    out.push(("one",), 3)
    out.close(3001, "shutdown")
    assert out.reply("too late"), "it is dropped, and no reason to close"
    await out.finish()
    assert server.taken == ["one", (3001, "shutdown")]
    assert out.gone.done()
    assert not out.room


async def test_a_close_that_the_socket_never_takes_is_given_up() -> None:
    server = Server(full=True)
    out, _ = writer(server, close_timeout=0.01)
    out.push(("one",), 3)
    out.close(3001, "shutdown")
    await until(out.gone.done)
    assert server.taken == []
    await turns()
    assert server.gates[0].cancelled(), "nothing of it stays under way"


@pytest.mark.parametrize("eager", [False, True], ids=["by its task", "at once"])
async def test_a_send_that_fails_ends_it_once(eager: bool) -> None:
    server = Server()
    out, told = writer(server, eager=eager)
    server.fails = ConnectionResetError("gone")
    out.push(("one",), 3)
    await until(out.gone.done)
    out.push(("two",), 3)
    out.reply("three")
    await turns()
    assert told.lost == [server.fails]
    assert server.taken == []
    assert not out.room


async def test_aborted_it_forgets_what_waits_and_says_that_the_socket_is_still_there() -> None:
    server = Server(full=True)
    out, told = writer(server, eager=True)
    out.push(("one",), 3)
    out.reply("two")
    assert out.abort() is False
    await until(out.gone.done)
    assert (server.taken, told.lost) == ([], [])
    assert not out.waiting


async def test_aborted_in_the_turn_in_which_its_task_ends_it_is_gone_too() -> None:
    loop = asyncio.get_running_loop()

    async def send(frame: str) -> None:
        loop.call_soon(out.abort)  # behind the task's last step, before anybody is told that it ended

    out = Writer(send, Server().close, Limits())
    out.push(("one",), 3)
    await turns()
    assert out.gone.done()


async def test_replies_that_are_not_read_have_a_bound() -> None:
    server = Server(full=True)
    out, _ = writer(server, reply_frames=2)
    out.push(("under way",), 9)
    await turns()
    assert [out.reply("x") for _ in range(3)] == [True, True, False]
    out.abort()
    await out.gone


@pytest.mark.parametrize(("slowest_rate", "waits"), [(32 * 1024, False), (10**15, True)])
async def test_a_frame_that_even_a_slow_client_would_have_taken_is_waiting(
    slowest_rate: int, waits: bool
) -> None:
    server = Server(full=True)
    out, _ = writer(server, slowest_rate=slowest_rate)
    out.push(("x" * 1_000_000,), 1_000_000)
    await turns()
    assert out.waiting is waits, "a megabyte may take half a minute"
    await server.drain()
    await out.finish()


# -- who may be sent to at once


@pytest.mark.parametrize("ws", [FAST_PATH, PLAIN_ASGI], ids=["fast", "asgi"])
async def test_uvicorn_is_known_to_wait_for_nothing_but_the_socket(ws: str) -> None:
    found: list[bool] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        found.append(flows())
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/", endpoint)])
    async with serve(app, ws=ws) as address, client(address.ws("/")) as connection:
        await connection.wait_closed()
    assert found == [True]


async def test_anybody_else_is_not() -> None:
    assert not flows()
    seen: list[bool] = []
    asyncio.get_running_loop().call_soon(lambda: seen.append(flows()))
    await turns(2)
    assert seen == [False]


# -- what a failed send says


class WebSocketDisconnect(Exception):
    """As a server names it, of no class that we know."""


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (ConnectionResetError(), 0),
        (WebSocketDisconnect(), 0),
        (RuntimeError("Unexpected ASGI message 'websocket.send', after sending 'websocket.close'."), 0),
        (RuntimeError("no idea"), 1),
    ],
)
def test_that_a_client_left_is_everyday_and_anything_else_is_told(
    error: Exception, counted: int, caplog: pytest.LogCaptureFixture
) -> None:
    counters = Counters()
    log_lost(error, counters)
    assert counters.session_errors == counted
    assert len(caplog.records) == counted
