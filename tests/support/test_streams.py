"""The server of streams that tests use leaves nothing open, whenever it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from .streams import Streams
from .until import DEADLINE, turns


async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("after", range(8))
def test_a_connection_is_closed_with_its_loop_however_lately_it_was_accepted(after: int) -> None:
    async def accept(peer: socket.socket) -> None:
        async with Streams(wait) as server:
            peer.connect(("127.0.0.1", server.port))
            await turns(after)

    with socket.socket() as peer:
        peer.settimeout(DEADLINE)
        asyncio.run(accept(peer))
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""


def test_a_connection_that_does_not_read_its_answer_is_closed_with_its_loop() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * (64 << 20))

    async def accept(peer: socket.socket) -> None:
        async with Streams(answer) as server:
            peer.connect(("127.0.0.1", server.port))
            await turns()

    with socket.socket() as peer:
        peer.settimeout(DEADLINE)
        asyncio.run(accept(peer))
        with contextlib.suppress(ConnectionResetError):
            while peer.recv(1 << 20):
                pass
