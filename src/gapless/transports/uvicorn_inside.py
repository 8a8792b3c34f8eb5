"""What the fast path needs of uvicorn beyond its documentation, all of it, and whether it is there.

uvicorn documents that `--ws` takes a class, and nothing about that class. A version that was not
tried may have changed what is used here, so it is served on plain ASGI: slower, and right.
"""

from __future__ import annotations

import asyncio
import copy
import socket
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import uvicorn

from ..server.sockets import SEND_BUFFER_BYTES, Borrowed

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

TESTED = ((0, 54), (0, 55))
"""Versions from the first on, before the second. `pyproject.toml` says the same."""


class ServerProtocol(Protocol):
    """A WebSocket protocol of a server: what uvicorn calls on it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def shutdown(self) -> None: ...


def why_not() -> str | None:
    """Why there is no fast path with the uvicorn that is installed; None when there is one."""
    low, high = TESTED
    if not low <= _numbers(uvicorn.__version__) < high:
        return (
            f"uvicorn {uvicorn.__version__} was not tested with it; {_text(low)} to below {_text(high)} was"
        )
    try:
        _try_out()
    except Exception as error:  # whatever it is that another inside does
        return f"uvicorn {uvicorn.__version__} is not as it was: {error}"
    return None


def _try_out() -> None:
    """Touch everything that is used. Raises when something is missing."""
    config = uvicorn.Config(_nothing, log_config=None, lifespan="off")
    config.load()
    settings_of(config)
    state = uvicorn.server.ServerState()
    _ = state.connections, state.tasks, state.default_headers
    if not hasattr(plain_class(), "shutdown"):
        raise AttributeError("its WebSocket protocol has no shutdown")


async def _nothing(scope: Any, receive: Any, send: Any) -> None: ...


def plain_class() -> type[Any]:
    """uvicorn's own WebSocket protocol: sans-I/O where it has that, else the one it would choose."""
    try:
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

        return WebSocketsSansIOProtocol
    except ImportError:
        from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

        if not isinstance(AutoWebSocketsProtocol, type):
            raise ImportError("no WebSocket library is installed: pip install websockets") from None
        return AutoWebSocketsProtocol


def plain_protocol(
    config: Config, state: ServerState, app_state: dict[str, Any], *, app: Any = None
) -> ServerProtocol:
    """uvicorn's own protocol for one connection, without compression; it calls `app`, if given."""
    config = copy.copy(config)
    config.ws_per_message_deflate = False
    if app is not None:
        config.loaded_app = app
    made: ServerProtocol = _patient_class()(config=config, server_state=state, app_state=app_state)
    return made


def _patient_class() -> type[Any]:
    """The same, as it hears a client that speaks too early."""
    try:
        from .patient import PatientProtocol
    except ImportError:
        return plain_class()
    return PatientProtocol


class Settings(NamedTuple):
    """What a configuration says that the fast path must know."""

    app: Any
    root_path: str
    asgi: dict[str, str]
    max_bytes: int
    pings: tuple[float, float | None] | None


_known: WeakKeyDictionary[Config, Settings] = WeakKeyDictionary()
"""Weak: an application, and the hub within it, may go when its server does."""


def settings_of(config: Config) -> Settings:
    """Those of one server: the same for all its connections."""
    found = _known.get(config)
    if found is None:
        found = _known[config] = _read(config)
    return found


def _read(config: Config) -> Settings:
    if not config.loaded:
        config.load()
    return Settings(
        config.loaded_app,
        config.root_path,
        {"version": config.asgi_version, "spec_version": "2.4"},
        config.ws_max_size,
        (config.ws_ping_interval, config.ws_ping_timeout) if config.ws_ping_interval else None,
    )


class Addresses(NamedTuple):
    """As ASGI scopes have them; None where there is none to know."""

    server: tuple[str, int | None] | None
    client: tuple[str, int] | None


def part_from_http(transport: asyncio.Transport) -> Addresses:
    """Let go of the HTTP protocol that read the handshake; what it has read of the addresses.

    It and its parser know each other, and after an upgrade nobody parts them: a hundred objects of
    every connection would wait for the garbage collector.
    """
    before: Any = transport.get_protocol()
    if hasattr(before, "parser"):
        before.parser = None
    return Addresses(getattr(before, "server", None), getattr(before, "client", None))


def prepare(transport: asyncio.Transport) -> None:
    """Bound the send buffer, and send without delay."""
    connected = transport.get_extra_info("socket")
    if connected is None or connected.fileno() < 0:
        return
    with Borrowed(connected.fileno()) as lent:
        try:
            lent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            # asyncio leaves Nagle on where the listening socket does not name its protocol.
            lent.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            pass  # a Unix socket does not know the option; nothing depends on it


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
