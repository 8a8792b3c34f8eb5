"""The server under an ASGI `send`: what can be known of it beside what ASGI says.

Nothing of a server is changed. Where its transport can be found, the kernel's buffer for the
connection is bounded, what the client takes is seen byte by byte, and one that never moves again
can be cut off. Where it cannot, a completed `send` is all there is to see.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from typing import Any, Protocol, TypeVar

from ..server import sockets

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

T = TypeVar("T")

HIGH_WATER_BYTES = 64 * 1024
"""As in asyncio's transports, for a server whose `send` does not wait for its socket."""

POLL_SECONDS = (0.001, 0.032)
"""The first and the longest pause between two looks at such a server's buffer; each is twice the last."""

_WRAPPERS = ("starlette.", "fastapi.")
"""Whose wrappers around `send` do nothing but call it."""


class Transport(Protocol):
    """What is asked of a server's transport."""

    def buffered(self) -> int:
        """Bytes that the server holds because the kernel has not taken them."""

    def abort(self) -> None:
        """Cut the connection off."""

    def descriptor(self) -> int:
        """The socket's; -1: there is none to be had."""


class Direct:
    """The way past uvicorn's `send`: frames that are made already go to its transport as they are.

    The application's own messages go on through `send`; both are written where they are called, so
    their order is that of the calls.
    """

    __slots__ = ("_is_closing", "_write", "until_room")

    def __init__(self, protocol: Any) -> None:
        transport = protocol.transport
        self._write: Callable[[bytes], None] = transport.write
        self._is_closing: Callable[[], bool] = transport.is_closing
        self.until_room: Callable[[], Awaitable[object]] = protocol.writable.wait

    def write(self, frames: bytes) -> None:
        """Raises ConnectionResetError: the connection is closing, and nothing may follow its last word."""
        if self._is_closing():
            raise ConnectionResetError("the connection is closing")
        self._write(frames)


class Server:
    """One connection's server.

    `send` returns when the socket has room for more, whatever the server's own does. With `eager`
    it is known to wait for nothing but the socket: it may be begun in one task and go on in another.
    While `has_room` says so it does not wait at all, and the client is not known to have left.
    `direct`, where there is one, takes frames that are made already.
    """

    __slots__ = ("direct", "eager", "has_room", "send", "transport")

    def __init__(
        self,
        send: Send,
        *,
        eager: bool = False,
        has_room: Callable[[], bool] | None = None,
        transport: Transport | None = None,
        direct: Direct | None = None,
    ) -> None:
        self.direct = direct
        self.send = send
        self.eager = eager
        self.has_room = has_room or _unknown
        self.transport = transport

    def bound_send_buffer(self) -> None:
        """Bound what the kernel holds for this connection, where its socket can be reached."""
        if self.transport is not None:
            sockets.bound_send_buffer(self.transport.descriptor())


def find_server(send: Send) -> Server:
    """Whose `send` is this?"""
    inner: Any = _unwrapped(send)
    if isinstance(inner, functools.partial):
        if _module(inner.func).startswith("daphne.") and inner.args:
            return _daphne(inner)
        return Server(send)
    module = _module(inner)
    if module.startswith(("uvicorn.", "gapless.transports.")):
        return _uvicorn(inner)
    if module.startswith("hypercorn."):
        return Server(inner, eager=True, transport=_asyncio(_hypercorn_transport(inner)))
    return Server(send)


def uvicorn_config(send: Send) -> Any | None:
    """What the uvicorn that this `send` belongs to was told; None: it is another server's, or hidden."""
    owner = getattr(_unwrapped(send), "__self__", None)
    if not type(owner).__module__.startswith(("uvicorn.", "gapless.transports.")):
        return None
    transport: Any = getattr(owner, "transport", None)
    protocol = transport.get_protocol() if hasattr(transport, "get_protocol") else None
    for holder in (owner, protocol):
        config = getattr(holder, "config", None)
        if config is not None:
            return config
    return None


def says_gone(error: Exception) -> bool:
    """Does what a `send` raised say that the client is gone? Servers have no common class for it."""
    # ASGI 2.4 says OSError, and uvicorn does. Hypercorn and Starlette raise a RuntimeError of their own
    # after a close, and so does a server that closed because of a bad frame, before that was read here.
    if isinstance(error, OSError):
        return True
    if isinstance(error, RuntimeError) and "after sending 'websocket.close'" in str(error):
        return True
    name = type(error).__name__
    return name in ("ClientDisconnected", "WebSocketDisconnect", "ConnectionClosed", "ConnectionClosedError")


async def plain_way(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """What to receive and send with, past a protocol of ours that waits for somebody to take its offer.

    Nobody will, so uvicorn's own is asked for now, and every message is spared the way by ours.
    """
    protocol = getattr(_unwrapped(send), "__self__", None)
    go_plain = getattr(protocol, "go_plain", None)
    if go_plain is None or getattr(receive, "__self__", None) is not protocol:
        return receive, send
    way = await go_plain()
    return way.receive, way.send


def _unknown() -> bool:
    return False


def _unwrapped(send: Any) -> Any:
    """The innermost `send` under the closures that Starlette and FastAPI put around it."""
    while inspect.isfunction(send) and send.__module__.startswith(_WRAPPERS):
        wrapped = inspect.getclosurevars(send).nonlocals.get("send")
        if wrapped is None:
            break
        send = wrapped
    return send


def _module(method: Any) -> str:
    """The module of the object that a method is bound to; empty for anything else."""
    owner = getattr(method, "__self__", None)
    return type(owner).__module__ if owner is not None else ""


def _uvicorn(send: Any) -> Server:
    protocol = send.__self__
    transport = _asyncio(getattr(protocol, "transport", None))
    writable = getattr(protocol, "writable", None)
    if transport is None or not isinstance(writable, asyncio.Event):
        return Server(send, eager=True, transport=transport)
    is_writable, is_closing = writable.is_set, protocol.transport.is_closing

    def has_room() -> bool:
        return is_writable() and not is_closing()

    direct = Direct(protocol) if _sends_plain_frames(protocol) else None
    return Server(send, eager=True, has_room=has_room, transport=transport, direct=direct)


def _sends_plain_frames(protocol: Any) -> bool:
    """Does it write a message as one frame that is the same for everybody? Not when it compresses."""
    if not any(kind.__module__.endswith(".websockets_sansio_impl") for kind in type(protocol).__mro__):
        return False
    return getattr(getattr(protocol, "conn", None), "extensions", None) == []


class _AsyncioTransport:
    """uvicorn's and hypercorn's."""

    __slots__ = ("_transport", "abort", "buffered")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.buffered: Callable[[], int] = transport.get_write_buffer_size
        self.abort: Callable[[], None] = transport.abort

    def descriptor(self) -> int:
        connected = self._transport.get_extra_info("socket")
        return -1 if connected is None else int(connected.fileno())


def _asyncio(transport: Any) -> _AsyncioTransport | None:
    # uvloop's transports are none of asyncio's classes.
    return _AsyncioTransport(transport) if hasattr(transport, "get_write_buffer_size") else None


def _hypercorn_transport(send: Any) -> Any:
    """From its stream through its protocol to its connection: each keeps the `send` of the next."""
    for _ in range(4):
        send = getattr(getattr(send, "__self__", None), "send", None)
        writer = getattr(getattr(send, "__self__", None), "writer", None)
        if writer is not None:
            return writer.transport
    return None


class _TwistedTransport:
    """daphne's. It takes whatever it is given."""

    __slots__ = ("_transport",)

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def buffered(self) -> int:
        transport = self._transport
        return len(transport.dataBuffer) - int(transport.offset) + int(transport._tempDataLen)

    def abort(self) -> None:
        self._transport.abortConnection()

    def descriptor(self) -> int:
        return int(self._transport.fileno())


def _daphne(send: functools.partial[Awaitable[None]]) -> Server:
    """It sends at once, into a buffer without a bound: here whoever sends waits for that buffer."""
    connected = getattr(send.args[0], "transport", None)
    if not hasattr(connected, "_tempDataLen"):
        return Server(send, eager=True)  # TLS, or another Twisted: its buffer cannot be seen
    transport = _TwistedTransport(connected)

    async def send_with_room(message: MutableMapping[str, Any]) -> None:
        pause, longest = POLL_SECONDS
        while transport.buffered() > HIGH_WATER_BYTES:
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
        await send(message)

    return Server(send_with_room, eager=True, transport=transport)


class Begun(Generator[Any, Any, T]):
    """The rest of a coroutine that was begun already, for any task to await; `step` is what it waits for."""

    __slots__ = ("_coroutine", "_step")

    def __init__(self, coroutine: Coroutine[Any, Any, T], step: Any) -> None:
        self._coroutine = coroutine
        self._step = [step]

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any) -> Any:
        return self._step.pop() if self._step else self._coroutine.send(value)

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        return self._coroutine.throw(kind if value is None else value)

    def close(self) -> None:
        """It is not to go on."""
        self._coroutine.close()
