"""Connections on the fast path without a network: their wires, and applications behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from gapless import ChannelOptions, Limits
from gapless.core.counters import Counters
from gapless.node.inbound import Inbound
from gapless.transports.direct import EXTENSION, Connection
from gapless.transports.fast import FastProtocol

from ..support.sockets import handshake
from ..support.wire import Wire


def configured(app: Any, **settings: Any) -> Config:
    config = Config(app, **{"ws_ping_interval": None, "log_config": None, **settings})
    config.load()
    return config


def connect(
    app: Any, path: str = "/ws?channel=room&history=0", *, wire: Wire | None = None, **settings: Any
) -> Wire:
    """The wire of a client whose handshake has come."""
    wire = begun(app, wire or Wire(), **settings)
    wire.receive(handshake("127.0.0.1:80", path))
    return wire


def begun(app: Any, wire: Wire, **settings: Any) -> Wire:
    """One on which nothing has come yet."""
    protocol = FastProtocol(configured(app, **settings), ServerState(), {})
    wire.set_protocol(protocol)
    protocol.connection_made(wire)
    return wire


class Taker:
    """An application that takes the connection over, and hears what comes of it."""

    def __init__(
        self, then: Callable[[Connection], None] = lambda connection: None, limits: Limits | None = None
    ) -> None:
        self.inbound = Inbound(limits or Limits(), Counters())
        self.heard: list[str | bytes] = []
        self.writable: list[bool] = []
        self.codes: list[int] = []
        self._then = then

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept"})
        offer = scope["extensions"][EXTENSION]
        connection = offer.take(self.inbound)
        assert connection is not None
        connection.begin(self, self.heard.append)
        self._then(connection)

    def on_writable(self, writable: bool) -> None:
        self.writable.append(writable)

    def on_closed(self, code: int) -> None:
        self.codes.append(code)


def written(wire: Wire, count: int) -> bool:
    return len(wire.writes) == count


async def silent(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"X-Said", b"1")], "subprotocol": "mine"})
    await receive()


ROOM = {"room": ChannelOptions(history=10)}
