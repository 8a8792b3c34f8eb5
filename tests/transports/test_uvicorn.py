"""Which class serves WebSockets: the fast path where uvicorn is as it was tested, else uvicorn's own."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from gapless.server.direct_http import DirectHttpProtocol
from gapless.transports.fast import FastProtocol
from gapless.transports.uvicorn import HttpProtocol, WebSocketProtocol, choose, choose_http
from gapless.transports.uvicorn_inside import TESTED

from ..support.serving import FAST_PATH
from ..support.sockets import connected

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent

OUR_HTTP = "gapless.transports.uvicorn:HttpProtocol"


def test_with_the_uvicorn_that_is_pinned_it_is_the_fast_path(caplog: pytest.LogCaptureFixture) -> None:
    assert WebSocketProtocol is FastProtocol
    assert choose() is FastProtocol
    assert not caplog.records


def test_the_versions_that_were_tested_are_those_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = (entry for entry in project["optional-dependencies"]["server"] if entry.startswith("uvicorn"))
    low, high = (".".join(map(str, version)) for version in TESTED)
    assert wanted == f"uvicorn>={low},<{high}"


@pytest.mark.parametrize("version", ["0.53.9", "0.55.0", "1.0", "unknown"])
def test_another_version_is_served_on_plain_asgi_and_one_warning_says_why(
    version: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(uvicorn, "__version__", version)
    assert choose() is WebSocketsSansIOProtocol
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"uvicorn {version} was not tested" in record.getMessage()
    assert "0.54 to below 0.55" in record.getMessage()


def test_http_too_is_ours_with_the_version_that_was_tested_and_uvicorns_with_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert HttpProtocol is choose_http() is DirectHttpProtocol
    monkeypatch.setattr(uvicorn, "__version__", "1.0")
    assert choose_http() is AutoHTTPProtocol


def test_so_is_one_that_lacks_what_the_fast_path_needs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ServerState, "__init__", lambda self: None)
    assert choose() is WebSocketsSansIOProtocol
    (record,) = caplog.records
    assert "is not as it was: 'ServerState' object has no attribute" in record.getMessage()


APPLICATION = f"""
import asyncio, logging, sys, uvicorn
{{fault}}
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)

import httpx
from websockets.asyncio.client import connect
from gapless import ChannelOptions, Hub, HubApp
from gapless.server.listening import listen

async def main():
    hub = Hub(channels={{{{"logs": ChannelOptions(history=10)}}}})
    sockets = listen("127.0.0.1", 0)
    protocols = dict(ws="{FAST_PATH}", http="{OUR_HTTP}")
    config = uvicorn.Config(HubApp(hub), **protocols, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets))
    while not server.started:
        await asyncio.sleep(0.01)
    async with connect("ws://127.0.0.1:%d/ws?channel=logs" % sockets[0].getsockname()[1]) as client:
        await client.recv()
        await hub.publish("logs", "it runs")
        print(await client.recv())
    server.should_exit = True
    await serving

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("fault", "warning"),
    [
        ('uvicorn.__version__ = "0.99.0"', "uvicorn 0.99.0 was not tested"),
        (
            "from websockets import server, utils; import websockets.asyncio.client; del utils.accept_key",
            "the installed websockets is not as it was",
        ),
    ],
    ids=["another uvicorn", "another websockets"],
)
def test_an_application_with_the_option_runs_all_the_same(fault: str, warning: str) -> None:
    code = APPLICATION.format(fault=fault)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert '"data":"it runs"' in done.stdout
    warned = [line for line in done.stdout.splitlines() if line.startswith("WARNING")]
    assert len(warned) == 1, warned
    assert warning in warned[0]


@contextmanager
def serving(before: str) -> Iterator[subprocess.Popen[str]]:
    """`gapless serve` in a process where this was done first."""
    code = f"{before}; from gapless.__main__ import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", "0", "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()


async def test_gapless_serve_runs_all_the_same() -> None:
    with serving("import uvicorn; uvicorn.__version__ = '0.99.0'") as process:
        assert process.stdout is not None
        said = await asyncio.to_thread(_up_to_the_address, process.stdout)
        address = said[-1].strip().removeprefix("http://")
        async with connected(f"ws://{address}ws?channel=logs") as client:
            await client.history("logs")
    assert len([line for line in said if "uvicorn 0.99.0 was not tested" in line]) == 1, said


def _up_to_the_address(printed: IO[str]) -> list[str]:
    said: list[str] = []
    for line in printed:
        said.append(line)
        if line.strip().startswith("http://"):
            break
    return said
