"""What the kernel knows of a connection, and what it is told: bytes that the peer took, and the end."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable

_BYTES_ACKED = 120
"""Where Linux keeps it in `struct tcp_info` (linux/tcp.h), since 4.1."""

_INFO_BYTES = _BYTES_ACKED + 8

SEND_BUFFER_BYTES = 64 * 1024
"""SO_SNDBUF. Left alone, Linux lets one client that does not read hold 4 MiB of kernel memory, and
tells of what a slow one took only in steps of a third of that."""

_NO_LINGER = struct.pack("ii", 1, 0)


def descriptor_of(transport: asyncio.BaseTransport) -> int:
    """The socket under a transport; -1: it has none. Not to be used once the transport is closing."""
    connected = transport.get_extra_info("socket")
    return -1 if connected is None else int(connected.fileno())


def bound_send_buffer(descriptor: int) -> None:
    """Let the kernel hold no more than `SEND_BUFFER_BYTES`, twice for its own use, for this connection."""
    if descriptor >= 0:
        with Borrowed(descriptor) as lent:
            try:
                lent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            except OSError:
                pass  # a Unix socket does not know the option; nothing depends on it


def bytes_taken(descriptor: int) -> int | None:
    """How many bytes the peer's side has acknowledged, ever; None where the kernel does not say.

    What was written and lies in the send buffer is not among them.
    """
    if descriptor < 0 or sys.platform != "linux":
        return None
    with Borrowed(descriptor) as lent:
        try:
            info = lent.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        except OSError:
            return None  # a Unix socket has no such thing
    return int.from_bytes(info[_BYTES_ACKED:], sys.byteorder) if len(info) == _INFO_BYTES else None


def unacknowledged(descriptor: int) -> int:
    """Bytes that were written and that the peer's side has not acknowledged; 0 where nobody says."""
    if descriptor < 0 or sys.platform != "linux":
        return 0
    import fcntl  # not on every platform
    import termios

    waiting = bytearray(4)
    try:
        fcntl.ioctl(descriptor, termios.TIOCOUTQ, waiting)
    except OSError:
        return 0
    return int.from_bytes(waiting, sys.byteorder)


def cut_off(descriptor: int, abort: Callable[[], None]) -> None:
    """Abort a connection so that the kernel forgets at once what its peer did not take.

    Without it a socket that is aborted stays for a minute, with all that waits for somebody who
    reads nothing.
    """
    if descriptor >= 0:
        with Borrowed(descriptor) as lent:
            try:
                lent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            except OSError:
                pass  # it is closed already, or no socket that lingers
    abort()


class Borrowed:
    """The descriptor as a socket, for its options. uvloop's stand-in for one makes another at every call.

    It calls itself one of IPv4: options are the same for all, and to ask takes three system calls.
    """

    __slots__ = ("_lent",)

    def __init__(self, descriptor: int) -> None:
        self._lent = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)

    def __enter__(self) -> socket.socket:
        return self._lent

    def __exit__(self, *_: object) -> None:
        self._lent.detach()
