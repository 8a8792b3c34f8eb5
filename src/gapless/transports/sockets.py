"""The socket under a transport: what it is told, and which addresses it connects."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from uvicorn.protocols.utils import get_local_addr, get_remote_addr

SEND_BUFFER_BYTES = 64 * 1024
"""SO_SNDBUF. Left alone, Linux lets one stalled client hold 4 MiB of kernel memory."""


class Addresses(NamedTuple):
    """As ASGI scopes have them; None where there is none to know."""

    server: tuple[str, int | None] | None
    client: tuple[str, int] | None


def prepare(transport: asyncio.Transport) -> Addresses:
    """Bound the send buffer, send without delay, and read the addresses."""
    connected = transport.get_extra_info("socket")
    if connected is None or connected.fileno() < 0:
        return Addresses(get_local_addr(transport), get_remote_addr(transport))
    with _borrowed(connected.fileno()) as lent:
        try:
            lent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            # asyncio leaves Nagle on where the listening socket does not name its protocol.
            lent.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            pass  # a Unix socket does not know the option; nothing depends on it
        known = _Known(lent)
        return Addresses(get_local_addr(known), get_remote_addr(known))


@contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    """The transport's socket as a real one. uvloop's stand-in makes one for every single call."""
    lent = socket.socket(fileno=descriptor)
    try:
        yield lent
    finally:
        lent.detach()


class _Known(asyncio.Transport):
    """Gives uvicorn's readers of addresses the socket that they ask for."""

    __slots__ = ("_socket",)

    def __init__(self, known: socket.socket) -> None:
        self._socket = known

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket if name == "socket" else default
