"""What a server logs for each thing that a peer did wrong is one line a minute, and a count."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import pytest

from gapless.server.noise import QUIET_SECONDS, Noise, keep_down, noise

from ..support.serving import FAST_PATH, PLAIN_ASGI, Doors, doors
from ..support.sockets import handshake, masked
from ..support.until import until

KIND = "Invalid UTF-8 sequence received from client."


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


Record = Callable[[str], logging.LogRecord | None]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(clock: Clock) -> Record:
    """Log something with a traceback; what is shown of it."""
    filtering = Noise(clock)

    def log(said: str) -> logging.LogRecord | None:
        error = (ValueError, ValueError("x"), None)
        made = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, said, (), error)
        return made if filtering.filter(made) else None

    return log


def test_the_first_is_a_line_without_a_traceback(record: Record) -> None:
    shown = record(KIND)
    assert shown is not None
    assert (shown.getMessage(), shown.exc_info) == (KIND, None)


def test_the_next_ones_are_counted_and_told_of_later(record: Record, clock: Clock) -> None:
    record(KIND)
    assert [record(KIND) for _ in range(5)] == [None] * 5
    clock.now += QUIET_SECONDS - 0.001
    assert record(KIND) is None
    clock.now += 0.001
    shown = record(KIND)
    assert shown is not None
    assert "6 more like it" in shown.getMessage()
    clock.now += QUIET_SECONDS
    again = record(KIND)
    assert again is not None
    assert again.getMessage() == KIND


def test_each_kind_has_its_own_line_and_what_is_none_always_has(record: Record) -> None:
    assert record(KIND)
    assert record("Invalid HTTP request received.")
    ours = [record("Exception in ASGI application\n") for _ in range(3)]
    assert all(one is not None and one.exc_info for one in ours)


def test_one_filter_is_enough() -> None:
    keep_down()
    keep_down()
    assert logging.getLogger("uvicorn.error").filters.count(noise) == 1


def ask(here: Doors, *said: bytes) -> bytes:
    """All that a server says to somebody who says this, piece by piece."""
    with socket.create_connection(("127.0.0.1", here.address.port), timeout=10) as peer:
        found = b""
        for piece in said:
            peer.sendall(piece)
            found = peer.recv(65536)
        while part := peer.recv(65536):
            found += part
        return found


@pytest.mark.anyio
@pytest.mark.parametrize("ws", [PLAIN_ASGI, FAST_PATH], ids=["asgi", "fast"])
async def test_no_peer_causes_a_traceback(ws: str, caplog: pytest.LogCaptureFixture) -> None:
    import anyio.to_thread

    before = noise.count
    async with doors(ws=ws) as here:
        for _ in range(5):
            upgrade = handshake(here.address.host, "/ws")
            closed = await anyio.to_thread.run_sync(ask, here, upgrade, masked(1, b"\xff\xfe"))
            assert closed[2:4] == b"\x03\xef", "1007"
            refused = await anyio.to_thread.run_sync(ask, here, b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 400 " in refused
        await until(lambda: not here.hub.node.roster, "nobody is left")
    assert not [one for one in caplog.records if one.exc_info]
    assert noise.count - before == (10 if ws == PLAIN_ASGI else 5)
    assert len(caplog.records) <= 2
