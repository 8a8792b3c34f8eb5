"""`gapless serve`: what it says, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gapless.server import bounded_http

from ..support.commands import Running, environment, serving, started
from ..support.until import DEADLINE
from .conftest import Verb

TOKEN = "b3f6a2d94c0e1758a1907fd2"


@pytest.fixture
def url_of_its_own() -> Iterator[tuple[str, Running]]:
    """A hub that the test may end."""
    with serving() as served:
        yield served


def post(url: str, **options: object) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
        body = {"channel": "logs", "data": {"message": "hello"}}
        headers = options.get("headers")
        return client.post(
            f"{url}/api/publish", json=body, headers=headers if isinstance(headers, dict) else None
        )


def test_it_says_where_to_look_and_how_to_feed_it() -> None:
    with started("serve", "--port", "0") as running:
        url = running.until("http://").strip().rstrip("/")
        greeting = "\n".join([running.until("curl"), running.until("pipe"), running.until("httpx.post")])
        assert f"{url}/api/publish" in greeting
        assert f"gapless pipe logs --url {url}" in greeting
        assert post(url).json()["result"]["offset"] == 1
        assert running.end(signal.SIGINT) == 130
        assert running.rest("err") == []


def test_with_a_token_nobody_gets_in_without_it_and_it_is_not_shown() -> None:
    with serving(GAPLESS_TOKEN=TOKEN) as (url, running):
        assert post(url).status_code == 401
        assert post(url, headers={"X-API-Key": TOKEN}).status_code == 200
        running.end(signal.SIGINT)
        said = "\n".join(running.rest() + running.rest("err"))
        assert "$GAPLESS_TOKEN" in said
        assert TOKEN not in said


def test_history_and_presence_are_kept_without_configuration(url: str) -> None:
    post(url)
    with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
        history = client.post(f"{url}/api/history", json={"channel": "logs", "limit": -1}).json()
        presence = client.post(f"{url}/api/presence_stats", json={"channel": "logs"}).json()
    assert [publication["offset"] for publication in history["result"]["publications"]] == [1]
    assert presence == {"result": {"num_clients": 0, "num_users": 0}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "set GAPLESS_TOKEN"),
        (["--host", "no.such.host.invalid"], "no address of this machine"),
        (["--host", "192.0.2.1", "--insecure"], "no address of this machine"),
        (["--store", "mongo://user:hunter2@host"], "no broker for 'mongo' URLs"),
        (["--store", "redis://user:hunter2@127.0.0.1:1", "--port", "0"], "there is no Redis at 127.0.0.1:1"),
        (
            ["--store", "redis://127.0.0.1:1", "--workers", "2", "--feed", "redis://h?channel=a"],
            "--feed is for one",
        ),
        (["--store", "sqlite://x.db"], "sqlite:///relative.db"),
        (["--ws", "no.such:Thing", "--port", "0"], "ws is"),
        (["--ws", "json:dumps", "--port", "0"], "json:dumps"),
        (["--port", "70000"], "--port"),
        (["--config", "missing.toml"], "missing.toml"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(verb: Verb, arguments: list[str], words: str) -> None:
    ended = verb("serve", *arguments)
    assert ended.code in (1, 2)
    assert ended.out == []
    (line,) = ended.err
    assert words in line
    assert "hunter2" not in line


def test_a_taken_port_is_one_line(verb: Verb) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = verb("serve", "--port", str(taken.getsockname()[1]))
    assert ended.code == 1
    (line,) = ended.err
    assert "is taken" in line


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "gapless.toml"
    file.write_text('port = 1\nhost = "192.0.2.1"\n\n[channels.logs]\nhistory = 1\n')
    with serving("--config", str(file), GAPLESS_PORT="2", GAPLESS_HOST="127.0.0.1") as (url, _):
        assert url.startswith("http://127.0.0.1:")
        assert post(url).status_code == 200


def test_development_is_said_loudly_and_once() -> None:
    with started("serve", "--port", "0", "--dev", GAPLESS_TOKEN="key") as running:
        running.until("http://")
        assert running.end(signal.SIGINT) == 130
        (line,) = running.rest("err")
        assert "DEVELOPMENT MODE" in line


def test_every_mistake_in_the_file_is_a_line_with_its_place(verb: Verb, tmp_path: Path) -> None:
    file = tmp_path / "gapless.toml"
    file.write_text("prot = 1\n\n[limits]\nmesage_bytes = 1\n")
    ended = verb("serve", "--config", str(file))
    assert ended.code == 1
    assert [line.rpartition("gapless.toml")[2] for line in ended.err] == [
        ":1: there is no option 'prot'; did you mean 'port'?",
        ":4: there is no option 'mesage_bytes' here; did you mean 'message_bytes'?",
    ]


@pytest.mark.parametrize(
    ("number", "ws"),
    [(signal.SIGTERM, "websockets-sansio"), (signal.SIGINT, "gapless.transports.uvicorn:WebSocketProtocol")],
)
@pytest.mark.anyio
async def test_open_streams_are_told_to_come_back_and_it_ends(number: signal.Signals, ws: str) -> None:
    with serving("--ws", ws) as (url, running):
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /sse?channel=logs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        # One that never answers, not even to being closed.
        stuck = socket.create_connection((host, int(port)))
        stuck.sendall(
            b"GET /ws?channel=logs HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        async with (
            asyncio.timeout(DEADLINE),
            connect(f"ws{url[4:]}/ws?channel=logs", proxy=None) as connection,
        ):
            assert json.loads(await connection.recv())["more"] is False
            code = await asyncio.to_thread(running.end, number)
            with pytest.raises(ConnectionClosed):
                await connection.recv()
            assert connection.close_code == 3001
            await reader.read()  # to its end
        writer.close()
        stuck.close()
        assert code == (-signal.SIGTERM if number is signal.SIGTERM else 130)
        assert running.rest("err") == []


def test_it_ends_with_the_process_that_holds_its_stdin() -> None:
    with started("serve", "--port", "0", "--exit-with-stdin") as running:
        running.until("Ctrl-C")
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert running.process.wait(DEADLINE) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"200"),
        (b"GET /" + b"x" * bounded_http.TARGET_BYTES + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * bounded_http.HEADER_BYTES + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 2 * bounded_http.HEADERS_BYTES, b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (bounded_http.HEADERS + 1) + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nbroken\r\n\r\n", b"400"),
    ],
)
def test_the_head_of_a_request_is_bounded(url: str, head: bytes, status: bytes) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
        for at in range(0, len(head), 16_384):
            try:
                connection.sendall(head[at : at + 16_384])
            except ConnectionError:
                break  # it has heard enough
        assert connection.recv(16).split()[1] == status


def test_many_requests_on_one_connection_are_each_bounded_for_themselves(url: str) -> None:
    with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
        for _ in range(8):
            assert client.get(f"{url}/health", headers={"X": "x" * 6000}).status_code == 200


def test_a_terminal_that_is_closed_is_a_goodbye(url_of_its_own: tuple[str, Running]) -> None:
    url, running = url_of_its_own
    with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
        with client.stream("GET", f"{url}/connection/uni_sse?cf_connect={{}}") as stream:
            lines = stream.iter_lines()
            next(lines)
            running.process.send_signal(signal.SIGHUP)
            assert any('"code":3001' in line for line in lines)
    assert running.process.wait(DEADLINE) == -signal.SIGHUP
    assert running.rest("err") == []


def test_after_nohup_it_stays() -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'gapless', 'serve', '--port', '0'])"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    running = Running(process)
    try:
        url = running.until("http://").strip().rstrip("/")
        process.send_signal(signal.SIGHUP)
        assert post(url).status_code == 200
        assert running.end(signal.SIGTERM) == -signal.SIGTERM
    finally:
        running.close()


def test_a_second_interrupt_ends_it_at_once_and_says_nothing(url_of_its_own: tuple[str, Running]) -> None:
    url, running = url_of_its_own
    with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
        with client.stream("GET", f"{url}/sse?channel=logs"):
            running.process.send_signal(signal.SIGINT)
            running.process.send_signal(signal.SIGINT)
            assert running.process.wait(DEADLINE) in (-signal.SIGINT, 130)
    assert running.rest("err") == []


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "nobody reads"])
def test_it_serves_on_without_a_stdout(closed: bool) -> None:
    port = free_port()
    readable, writable = os.pipe()
    os.close(readable)
    process = subprocess.Popen(
        [sys.executable, "-m", "gapless", "serve", "--port", str(port)],
        stdout=writable,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=(lambda: os.close(1)) if closed else None,
    )
    os.close(writable)
    running = Running(process)
    try:
        deadline = time.monotonic() + DEADLINE
        while post_or_none(f"http://127.0.0.1:{port}") is None:
            assert process.poll() is None, running.rest("err")
            assert time.monotonic() < deadline
        assert running.end(signal.SIGINT) == 130
        assert running.rest("err") == []
    finally:
        running.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def post_or_none(url: str) -> httpx.Response | None:
    try:
        return post(url)
    except httpx.ConnectError:
        return None
