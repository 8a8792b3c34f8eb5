"""A server that is asked to end does, whatever is connected to it, and everybody is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio.to_thread
import httpx
import pytest

from ..support.events import streaming
from ..support.serving import FAST_PATH, PLAIN_ASGI
from ..support.sockets import connected

pytestmark = pytest.mark.anyio

END_SECONDS = 5.0
"""What is promised is two seconds; the rest is for the machine that runs the tests."""

HUB = (
    "from gapless import ChannelOptions, Hub, HubApp\nhub = Hub(channels={'*': ChannelOptions(history=10)})\n"
)

ROOT = HUB + "app = HubApp(hub)\n"

MOUNTED = (
    HUB
    + """
from fastapi import FastAPI
app = FastAPI(lifespan=hub.lifespan)
app.mount("/live", HubApp(hub))
"""
)

WITHIN = (
    HUB
    + """
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    async with hub:
        yield

app = FastAPI(lifespan=lifespan)
app.mount("/live", HubApp(hub))
"""
)


AT_THE_WORST = """
import signal, socket, sys
import uvicorn
from pathlib import Path
from application import app

async def tick():
    if Path("asked").exists():
        signal.raise_signal(signal.SIGTERM)

config = uvicorn.Config(app, ws=sys.argv[2], log_level="warning", callback_notify=tick, timeout_notify=0)
uvicorn.Server(config).run([socket.socket(fileno=int(sys.argv[1]))])
"""
"""A server that gets its signal within the very turn in which it looks whether there was one."""


UVICORN = ("-m", "uvicorn", "--log-level", "warning", "application:app", "--fd")


@contextmanager
def uvicorn(
    directory: Path, source: str, *options: str, program: tuple[str, ...] = UVICORN
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A uvicorn process with an application of this source, and where it listens."""
    (directory / "application.py").write_text(source)
    listening = socket.create_server(("127.0.0.1", 0))
    os.set_inheritable(listening.fileno(), True)
    process = subprocess.Popen(
        [sys.executable, *program, str(listening.fileno()), *options],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(directory)},
        pass_fds=[listening.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process, f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("source", "path", "asked"),
    [
        (ROOT, "", signal.SIGTERM),
        (MOUNTED, "/live", signal.SIGTERM),
        (MOUNTED, "/live", signal.SIGINT),
        (WITHIN, "/live", signal.SIGTERM),
    ],
    ids=["root", "mounted", "mounted-and-interrupted", "within-another-lifespan"],
)
async def test_a_signal_ends_the_server_with_everything_connected(
    tmp_path: Path, source: str, path: str, asked: signal.Signals
) -> None:
    ws = FAST_PATH if asked is signal.SIGINT else PLAIN_ASGI
    with uvicorn(tmp_path, source, "--ws", ws) as (process, host):
        async with (
            connected(f"ws://{host}{path}/ws?channel=logs") as client,
            httpx.AsyncClient(base_url=f"http://{host}", timeout=20, trust_env=False) as browser,
            streaming(browser, f"{path}/sse?channel=logs") as stream,
        ):
            await client.history("logs")
            process.send_signal(asked)
            assert await client.closed() == (3001, "shutdown")
            await stream.ended()
            output, _ = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=END_SECONDS))
        assert process.returncode == (-asked if asked is signal.SIGTERM else 0), "as without the hub"
        assert b"Traceback" not in output, output.decode()


@pytest.mark.parametrize("ws", [PLAIN_ASGI, "websockets", FAST_PATH])
async def test_a_signal_at_the_worst_moment_finds_everybody_told(tmp_path: Path, ws: str) -> None:
    """uvicorn would say 1012 before the loop's next turn, and that says nothing of coming back."""
    with uvicorn(tmp_path, MOUNTED, ws, program=("-c", AT_THE_WORST)) as (process, host):
        async with connected(f"ws://{host}/live/ws?channel=logs") as client:
            await client.history("logs")
            (tmp_path / "asked").touch()
            assert await client.closed() == (3001, "shutdown")
        output, _ = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=END_SECONDS))
        assert process.returncode == -signal.SIGTERM
        assert b"Traceback" not in output, output.decode()
