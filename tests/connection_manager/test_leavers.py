"""Who leaves while others are told something: everyday, on each loop, and nothing is logged of it."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import Any

import pytest

from gapless import ConnectionManager

from ..support.serving import FAST_PATH, PLAIN_ASGI, Address, serve
from ..support.sockets import handshake
from ..support.until import until
from .copied import application, client, message

LEAVERS = 30

AT_ONCE = 10
"""Messages in one turn of the loop, which learns in the middle of them that somebody has left.

Loops log the fifth write to a socket that is gone.
"""

RESET = struct.pack("ii", 1, 0)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "anyio_backend",
        [
            pytest.param(("asyncio", {}), id="asyncio"),
            pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
        ],
    ),
]


async def _come(address: Address) -> socket.socket:
    loop = asyncio.get_running_loop()
    leaver = socket.socket()
    leaver.setblocking(False)
    await loop.sock_connect(leaver, ("127.0.0.1", address.port))
    await loop.sock_sendall(leaver, handshake(address.host, "/ws"))
    assert (await loop.sock_recv(leaver, 12)).startswith(b"HTTP/1.1 101")
    return leaver


@pytest.mark.parametrize("ws", [PLAIN_ASGI, FAST_PATH], ids=["uvicorn", "ours"])
async def test_nothing_is_logged_of_those_who_leave_in_the_middle_of_a_broadcast(
    ws: str, caplog: pytest.LogCaptureFixture
) -> None:
    manager = ConnectionManager()
    troubles: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    with caplog.at_level(logging.WARNING):
        async with serve(application(manager), ws=ws) as address, client(address) as stays:
            for n in range(LEAVERS):
                leaver = await _come(address)
                await until(lambda: len(manager.active) > 1)
                manager.broadcast(message("app:stats", "x" * 100_000))
                if n % 2:
                    leaver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                leaver.close()
                for _ in range(AT_ONCE):
                    manager.broadcast(message("app:stats", n))
            said = [(await stays.next())["data"] for _ in range((1 + AT_ONCE) * LEAVERS)]
            await until(lambda: len(manager.active) == 1)
    assert [n for n in said if isinstance(n, int)] == [n for n in range(LEAVERS) for _ in range(AT_ONCE)]
    assert troubles == []
    assert [record.getMessage() for record in caplog.records] == []
