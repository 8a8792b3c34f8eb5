"""What a client says before it was answered, where uvicorn's own protocol has the connection."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from gapless.server.counters import counters
from gapless.transports.patient import EARLY_BYTES

from ..support.serving import FAST_PATH, serve
from ..support.sockets import handshake, masked
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

PATIENT = "gapless.transports.patient:PatientProtocol"


class Slow:
    """An application that decides when it is told to: accepts and says everything again, or refuses."""

    def __init__(self, *, accepts: bool) -> None:
        self.accepts = accepts
        self.go_on = asyncio.Event()
        self.begun = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        self.begun += 1
        await self.go_on.wait()
        if not self.accepts:
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"no"})
            await asyncio.sleep(0)  # uvicorn takes it for unanswered until its socket closes
            return
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize("early", [masked(1, b"early"), b"\xff" * 40], ids=["a frame", "garbage"])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("ws", [FAST_PATH, PATIENT], ids=["fast", "patient"])
async def test_what_comes_early_is_heard_after_the_answer(
    accepts: bool, early: bytes, at_once: bool, ws: str, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context))
    app = Slow(accepts=accepts)
    async with serve(app, ws=ws, http="gapless.transports.uvicorn:HttpProtocol") as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        said = handshake(address.host, "/")
        writer.write(said + early if at_once else said)
        await until(lambda: app.begun == 1)
        if not at_once:
            writer.write(early)
            await asyncio.sleep(0.02)  # time for the server to hear it, as it must not
        app.go_on.set()
        async with asyncio.timeout(DEADLINE):
            head = await reader.readuntil(b"\r\n\r\n")
            if not accepts:
                assert head.startswith(b"HTTP/1.1 403 ")
            elif early.startswith(b"\xff"):
                assert head.startswith(b"HTTP/1.1 101 ")
                assert (await reader.readexactly(4))[2:] == (1002).to_bytes(2)
            else:
                assert head.startswith(b"HTTP/1.1 101 ")
                assert await reader.readexactly(7) == b"\x81\x05early"
        writer.close()
    assert not failed
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(("beyond", "cut"), [(0, 0), (1, 1)])
async def test_so_much_may_come_early_and_one_byte_more_is_the_end(beyond: int, cut: int) -> None:
    app, before = Slow(accepts=False), counters.early_cut
    async with serve(app, ws=PATIENT) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(handshake(address.host, "/"))
        await until(lambda: app.begun == 1)
        writer.write(b"x" * (EARLY_BYTES + beyond))
        if cut:
            await until(lambda: counters.early_cut == before + 1)
        else:
            await asyncio.sleep(0.02)
        app.go_on.set()
        async with asyncio.timeout(DEADLINE):
            if cut:
                with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                    await reader.readexactly(1)
            else:
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 403 ")
        assert counters.early_cut == before + cut
        writer.close()
