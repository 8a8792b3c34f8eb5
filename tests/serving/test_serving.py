"""`gapless.run` as a program has it: in the main thread of a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gapless import ConfigError, run
from gapless.server.bounded_http import HEADER_BYTES

from ..support.sockets import connected
from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio

PROGRAM = """
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
import gapless

hub = gapless.Hub(channels={"logs": gapless.ChannelOptions(history=10)})
app = FastAPI(lifespan=hub.lifespan)
app.mount("/live", gapless.HubApp(hub))

@app.get("/publish")
async def publish():
    return {"offset": (await hub.publish("logs", "hello")).offset}

@app.websocket("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass

if __name__ == "__main__":
    gapless.run(APP, port=0, message_bytes=1000)
"""


@asynccontextmanager
async def program(folder: Path, app: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    (folder / "program.py").write_text(PROGRAM.replace("APP", app))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "program.py",
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            yield (await process.stdout.readline()).decode().split()[0], process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("app", ["app", '"program:app"'], ids=["an object", "a name"])
async def test_an_application_is_served_with_the_hub_within(tmp_path: Path, app: str) -> None:
    async with program(tmp_path, app) as (url, process):
        ws = f"ws{url[4:]}"
        async with httpx.AsyncClient(base_url=url) as http, connected(f"{ws}/live/ws?channel=logs") as client:
            assert (await client.next())["more"] is False
            assert (await http.get("/publish")).json() == {"offset": 1}
            assert (await client.next())["data"] == "hello"
            too_large = await http.get("/publish", headers={"X": "x" * HEADER_BYTES})
            assert too_large.status_code == 431
            async with connected(f"{ws}/echo", compression="deflate") as other:
                assert other.connection.protocol.extensions == []
                await other.say("x" * 1000)
                assert await other.text() == "x" * 1000
                await other.say("x" * 1001)
                assert (await other.closed())[0] == 1009
            process.send_signal(signal.SIGINT)
            assert (await client.closed())[0] == 3001, "the hub says goodbye first"
        assert await process.wait() == 0
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()


@pytest.mark.parametrize("name", ["nowhere:app", "json:nothing", "json"])
def test_a_name_that_stands_for_nothing_is_said_so(name: str) -> None:
    with pytest.raises(ConfigError, match="there is no application"):
        run(name)
