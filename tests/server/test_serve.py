"""What `gapless serve` stands on: sockets, the bounded HTTP protocol, and an end that always comes."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from gapless.cli.serve import address, greeting
from gapless.cli.terminal import Paint
from gapless.config.preparing import check_access
from gapless.config.settings import Settings
from gapless.errors import ConfigError
from gapless.server.bounded_http import BoundedHttpProtocol
from gapless.server.serve import websocket_protocol

from ..support.until import DEADLINE


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def can_write_eof(self) -> bool:
        return False

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


STUBBORN = """
import asyncio, signal, sys, time
from gapless.server import serve
from gapless.server.listening import listen
{before}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        {lifespan_end}
        await send({{"type": "lifespan.shutdown.complete"}})
    else:
        print("open", flush=True)
        await asyncio.sleep(3600)

sockets = listen("127.0.0.1", 0)
port = sockets[0].getsockname()[1]
def say(word):
    print(word, flush=True)
serve.run(app, sockets, drain=lambda: say("drained"), message_bytes=1, started=lambda: say(port),
          deadlines={deadlines})
"""


INTERRUPTED = """
class Interrupted:
    drain, grace, shutdown = 0.3, 1, 1.5
    asked = False

    @property
    def last_resort(self):  # the first handler asks for it, and is interrupted by the second signal
        if not self.asked:
            self.asked = True
            signal.raise_signal(signal.SIGINT)
        return 3600
"""


@contextmanager
def stubborn(
    deadlines: str, *, lifespan_end: str = "pass", before: str = ""
) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A server whose application does not end when it should, and what it prints."""
    code = STUBBORN.format(deadlines=deadlines, lifespan_end=lifespan_end, before=before)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def test_others_are_served_with_a_credential_or_on_demand_only() -> None:
    with pytest.raises(ConfigError, match="--insecure"):
        check_access(Settings(host="0.0.0.0"), local=False)
    check_access(Settings(host="0.0.0.0", token="t"), local=False)
    check_access(Settings(host="0.0.0.0", insecure=True), local=False)
    check_access(Settings(), local=True)


def test_the_address_is_one_that_a_browser_can_open() -> None:
    assert address("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert address("::", 1) == "http://[::1]:1"
    assert address("::1", 1) == "http://[::1]:1"
    assert address("live.example.com", 1) == "http://live.example.com:1"


def test_the_python_in_the_greeting_is_python() -> None:
    for needs_token in (False, True):
        lines = [line.strip() for line in greeting("http://x:1", needs_token, Paint())]
        code = [line for line in lines if line.startswith(("import ", "httpx."))]
        compile("\n".join(code), "greeting", "exec")
        assert len(code) == 2


def test_a_websocket_protocol_is_named_or_loaded() -> None:
    assert websocket_protocol("wsproto") == "wsproto"
    assert websocket_protocol("asyncio:Protocol") is asyncio.Protocol
    for name in ("nonsense", "json:dumps", "json:nothing", "no.such.module:X"):
        with pytest.raises(ConfigError):
            websocket_protocol(name)


@pytest.mark.anyio
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_connection_that_does_not_finish_its_head_is_closed(said: bytes) -> None:
    class Impatient(BoundedHttpProtocol):
        head_seconds = 0.02

    config = uvicorn.Config("gapless:HubApp", http=BoundedHttpProtocol, log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Impatient(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(said)
        async with asyncio.timeout(DEADLINE):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.anyio
async def test_each_request_of_a_connection_is_bounded_for_itself() -> None:
    answered = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        answered.set()

    config = uvicorn.Config(app, http=BoundedHttpProtocol, log_config=None)
    config.load()
    wire, protocol = Wire(), BoundedHttpProtocol(config, ServerState(), {})
    protocol.connection_made(wire)
    for number in range(1, 6):
        protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 7000 + b"\r\n")
        protocol.data_received(b"\r\n")
        async with asyncio.timeout(DEADLINE):
            await answered.wait()
        answered.clear()
        assert wire.written.count(b"HTTP/1.1 204") == number
    protocol.data_received(b"GET / HTTP/1.1\r\n")
    for _ in range(6):
        protocol.data_received(b"A: " + b"x" * 7000 + b"\r\n")
    assert b"HTTP/1.1 431" in wire.written
    assert wire.closed
    protocol.connection_lost(None)


def test_an_application_that_blocks_its_own_end_is_ended_hard() -> None:
    with stubborn("serve.Deadlines(last_resort=0.2)", lifespan_end="time.sleep(3600)") as (process, printed):
        printed.readline()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=DEADLINE)
        assert process.returncode == 128 + signal.SIGTERM
        assert said == "gapless: the shutdown did not come to its end and was cut short\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait_for_anybody(number: signal.Signals) -> None:
    deadlines = "serve.Deadlines(last_resort=3600, shutdown=3600, grace=3600)"
    with (
        stubborn(deadlines) as (process, printed),
        socket.create_connection(("127.0.0.1", int(printed.readline()))) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert printed.readline() == "open\n"
        process.send_signal(number)
        assert printed.readline() == "drained\n"
        process.send_signal(number)
        assert process.wait(DEADLINE) == -number


def test_a_second_signal_may_come_while_the_first_is_being_handled() -> None:
    with stubborn("Interrupted()", before=INTERRUPTED) as (process, printed):
        printed.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE)
        assert (process.returncode, said) == (-signal.SIGINT, "")
