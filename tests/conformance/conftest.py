"""The server under test, and the official clients, installed apart from everything else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

from .backend import Settings
from .drivers import ROOT, Report, run

HERE = Path(__file__).parent
NODE = HERE / "node"

FAST = "gapless.transports.uvicorn:WebSocketProtocol"
DEFAULT = "auto"
WSPROTO = "wsproto"
"""Unlike the default it takes the empty Sec-WebSocket-Protocol header of old Python clients."""

Serving = Callable[[str], str]
"""The settings of the server with a WebSocket protocol; it is started once per session."""

PlayOne = Callable[[str, str], Report]
"""Plays all scenarios of one client against the server with this WebSocket protocol and these settings."""

Play = Callable[[str], Report]
"""All scenarios of one client against the server with a WebSocket protocol, played once per session."""


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Start the server with a WebSocket protocol, once; returns its settings as it printed them."""
    servers: list[subprocess.Popen[str]] = []

    @cache
    def serve(ws: str) -> str:
        command = [sys.executable, "-m", "tests.conformance.server", "--ws", ws]
        errors = tmp_path_factory.mktemp("server") / "stderr"
        with errors.open("w") as stderr:
            server = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        servers.append(server)
        assert server.stdout is not None
        settings = server.stdout.readline()
        assert settings, errors.read_text()
        return settings

    yield serve
    for server in servers:
        try:
            server.communicate(timeout=20)  # the end of its standard input ends it
        except subprocess.TimeoutExpired:
            server.kill()
            raise


@pytest.fixture(scope="session")
def settings(serving: Serving) -> Settings:
    """Where the server with the fast path is, for tests that speak HTTP to it."""
    return Settings(**json.loads(serving(FAST)))


@pytest.fixture(scope="session")
def play_javascript(serving: Serving) -> Iterator[Play]:
    """The official JavaScript client, over every transport."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        _missing("node and npm are needed for the official JavaScript client; install Node 20 or newer")
    installed = NODE / "node_modules" / ".gapless-lock"
    lock = (NODE / "package-lock.json").read_text()
    if not installed.exists() or installed.read_text() != lock:
        _install([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], NODE)
        installed.write_text(lock)

    def play(ws: str, settings: str) -> Report:
        # What is HTTP alone is the same whatever speaks WebSocket.
        transports = ["websocket-json", "websocket-protobuf"]
        if ws == FAST:
            transports += ["http_stream-json", "http_stream-protobuf", "sse-json"]
        return run([node, str(NODE / "driver.mjs"), settings, *transports], os.environ)

    yield from _side_by_side(play, serving, FAST, DEFAULT)


@pytest.fixture(scope="session")
def play_newest_python(serving: Serving, request: pytest.FixtureRequest) -> Iterator[Play]:
    """The newest official Python client."""
    yield from _side_by_side(_python("newest", request), serving, FAST, DEFAULT)


@pytest.fixture(scope="session")
def play_oldest_python(serving: Serving, request: pytest.FixtureRequest) -> Iterator[Play]:
    """The oldest official Python client that is still in use."""
    yield from _side_by_side(_python("oldest", request), serving, FAST, WSPROTO)


def _python(age: str, request: pytest.FixtureRequest) -> PlayOne:
    # Two versions cannot live in one environment: each has a directory of its own, in pytest's cache.
    requirements = HERE / f"requirements-{age}.txt"
    pinned = requirements.read_text()
    target = Path(request.config.cache.mkdir(f"centrifuge-python-{age}"))
    installed = target / ".gapless-requirements"
    if not installed.exists() or installed.read_text() != pinned:
        shutil.rmtree(target)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        _install([*pip, "--target", str(target), "-r", str(requirements)], HERE)
        installed.write_text(pinned)

    def play(ws: str, settings: str) -> Report:
        command = [sys.executable, "-m", "tests.conformance.python.driver", settings]
        return run(command, {**os.environ, "PYTHONPATH": str(target)})

    return play


def _side_by_side(play: PlayOne, serving: Serving, *protocols: str) -> Iterator[Play]:
    # Much of a scenario is waiting: for an expiry, for a ping. Two drivers wait as well as one.
    with ThreadPoolExecutor() as pool:
        playing = {ws: pool.submit(_play, play, ws, serving(ws)) for ws in protocols}
        yield lambda ws: playing[ws].result()


def _play(play: PlayOne, ws: str, settings: str) -> Report:
    report = play(ws, settings)
    server = Settings(**json.loads(settings))
    answer = httpx.post(f"{server.url}/api/info", json={}, headers={"x-api-key": server.key})
    [node] = answer.json()["result"]["nodes"]
    return replace(report, errors_inside=int(node["metrics"]["items"]["session_errors"]))


def _install(command: list[str], where: Path) -> None:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        _missing(f"{' '.join(command[:4])} failed, is there a network? {done.stderr[-1000:]}")


def _missing(reason: str) -> NoReturn:
    """Skip, but never where the whole suite has to run."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
