"""`gapless serve MODULE:APP`: anybody's application, its workers, and its changes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gapless.server.bounded_http import HEADER_BYTES

from ..support.commands import Running, gapless, started
from ..support.until import DEADLINE

PROGRAM = """
import os
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

print("noise " * 20_000, flush=True)  # more than a pipe holds

async def who(request):
    return PlainTextResponse(f"{os.getpid()} VERSION {request.client.host}")

app = Starlette(routes=[Route("/", who)])
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM.replace("VERSION", "first"))
    return file


def address_of(running: Running) -> str:
    return running.until("http://").split()[0]


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    # A connection for each request: with several workers, each may come to another.
    with httpx.Client(trust_env=False, timeout=DEADLINE, headers={"connection": "close"}) as made:
        yield made


def serve(program: Path, *more: str) -> tuple[str, ...]:
    return ("serve", "program:app", "--port", "0", "--app-dir", str(program.parent), *more)


def test_it_is_served_with_the_bounds_of_the_hub(program: Path, client: httpx.Client) -> None:
    with started(*serve(program)) as running:
        url = address_of(running)
        assert client.get(url).text.split()[1:] == ["first", "127.0.0.1"]
        for _ in range(3):
            assert client.get(url, headers={"X": "x" * HEADER_BYTES}).status_code == 431
        assert running.end(signal.SIGINT) == 130
        assert running.rest("err") == ["Invalid HTTP request received."]


def test_a_proxy_is_believed_that_is_trusted(program: Path, client: httpx.Client) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.7"}
    for trusted, seen in (("127.0.0.0/8", "192.0.2.7"), ("192.0.2.1", "127.0.0.1")):
        with started(*serve(program, "--trusted-proxy", trusted)) as running:
            assert client.get(address_of(running), headers=forwarded).text.endswith(seen)


def test_workers_share_the_port_and_one_that_ends_is_started_again(
    program: Path, client: httpx.Client
) -> None:
    with started(*serve(program, "--workers", "2", "--trusted-proxy", "127.0.0.1")) as running:
        url = address_of(running)
        first = int(client.get(url).text.split()[0])
        os.kill(first, signal.SIGKILL)
        running.until("by SIGKILL and is started again", "err")
        assert int(client.get(url, headers={"X-Forwarded-For": "192.0.2.7"}).text.split()[0]) != first
        assert running.end(signal.SIGTERM) == -signal.SIGTERM


def test_a_change_starts_it_anew_and_a_mistake_waits_for_the_next(
    program: Path, client: httpx.Client
) -> None:
    with started(*serve(program, "--reload")) as running:
        url = address_of(running)
        first = client.get(url).text.split()
        program.write_text("nonsense(")
        running.until("program.py has changed: starting again", "err")
        running.until("SyntaxError", "err")
        program.write_text(PROGRAM.replace("VERSION", "second"))
        running.until("program.py has changed: starting again", "err")
        # The port is kept meanwhile: whoever comes too early is refused, or waits.
        second = _when_served(client, url)
        assert (first[1], second[1]) == ("first", "second")
        assert first[0] != second[0]
        assert running.end(signal.SIGINT) == 130


def _when_served(client: httpx.Client, url: str) -> list[str]:
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return client.get(url).text.split()
        except httpx.ConnectError:
            assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["nowhere:app"], "there is no application 'nowhere:app'", 1),
        (["program:app", "--store", "memory://"], "--store is for the hub of gapless serve", 2),
        (["program:app", "--insecure"], "--insecure is for the hub of gapless serve", 2),
        (["program:app", "--workers", "2", "--reload"], "leave out workers", 1),
        (["program:app", "--trusted-proxy", "*"], "name your proxies", 1),
        (["--trusted-proxy", "my.proxy"], "name your proxies", 1),
        (["--reload"], "gapless serve MODULE:APP --reload", 2),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    program: Path, arguments: list[str], words: str, code: int
) -> None:
    where = ["--app-dir", str(program.parent)] if ":" in arguments[0] else []
    ended = gapless("serve", "--port", "0", *arguments, *where)
    assert ended.returncode == code
    (line,) = ended.stderr.splitlines()
    assert words in line
