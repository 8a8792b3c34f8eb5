"""Peers whose machine or network is gone: the kernel finds them, where it is asked to.

A stream only goes down: nothing a client says shows that it is there, and the few bytes of a heartbeat
fit into the kernel's buffer for hours.
"""

from __future__ import annotations

import socket

from starlette.types import Send

from ..isolation.server import find_server

_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
"""Linux (RFC 5482)."""


def find_dead_peer(send: Send, seconds: float) -> bool:
    """End the connection under an ASGI `send` when its peer acknowledges nothing for so long.

    False: the server does not let us, or the system cannot.
    """
    transport = find_server(send).transport
    descriptor = transport.descriptor() if transport is not None else -1
    if descriptor < 0 or _USER_TIMEOUT is None:
        return False
    lent = socket.socket(fileno=descriptor)
    try:
        lent.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(seconds * 1000))
    except OSError:
        return False  # no TCP
    finally:
        lent.detach()
    return True
