"""The doors on every server that the documentation names: history and live over `/ws` and `/sse`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from ..support.events import streaming
from ..support.sockets import connected
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

SERVED = """
from gapless import ChannelOptions, Hub, HubApp
app = HubApp(Hub(channels={"logs": ChannelOptions(history=10)}), open_api=True)
"""

SERVERS = {
    "uvicorn": ["uvicorn", "served:app", "--port", "PORT", "--log-level", "error"],
    "hypercorn": ["hypercorn", "served:app", "--bind", "127.0.0.1:PORT", "--log-level", "error"],
    "granian": ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "PORT", "served:app"],
    "gunicorn": ["gunicorn", "-k", "uvicorn_worker.UvicornWorker", "-b", "127.0.0.1:PORT", "served:app"],
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "PORT", "-v", "0", "served:app"],
}

EVERY = os.environ.get("GAPLESS_TEST_SERVERS") == "all"


@contextmanager
def served(name: str, directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    (directory / "served.py").write_text(SERVED)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    command = [part.replace("PORT", str(port)) for part in SERVERS[name]]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=directory, stdout=quiet, stderr=quiet)
    try:
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.parametrize("name", SERVERS if EVERY else ["uvicorn", "daphne"])
async def test_history_and_live_by_every_way(name: str, tmp_path: Path) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    with served(name, tmp_path) as (process, port):
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, timeout=DEADLINE, trust_env=False) as browser:

            async def ready() -> bool:
                assert process.poll() is None, f"{name} has ended"
                try:
                    return (await browser.get("/ready")).status_code == 200
                except httpx.HTTPError:
                    return False

            async def publish(data: str) -> None:
                said = await browser.post("/api/publish", json={"channel": "logs", "data": data})
                assert "result" in said.json()

            await until(ready, f"{name} is ready", pause=0.05)
            await publish("before")
            async with connected(f"ws://127.0.0.1:{port}/ws/?channel=logs") as client:
                (frame,) = await client.history("logs")
                assert [item["data"] for item in frame["history"]] == ["before"]
                await publish("live")
                assert [item["data"] for item in await client.live(1)] == ["live"]
            async with streaming(browser, "/sse?channel=logs") as events:
                assert [event.data["data"] for event in await events.take(2)] == ["before", "live"]
                await publish("more")
                assert (await events.next()).data["data"] == "more"
