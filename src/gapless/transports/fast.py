"""The fast path on the server's side: a handshake after which the connection is on offer to the application.

An application that takes the offer, as the doors of a hub do, gets the connection itself (see
`taken`). Everybody else is served by uvicorn's own protocol and sees no difference but three: an
empty `Sec-WebSocket-Protocol` header is taken as none (clients of existing SDKs send it), the
kernel's send buffer is bounded, so that a client which does not read cannot make the kernel hold
megabytes for it, and compression is not negotiated: it would hold tens of KiB for every idle
connection, and helps guessing secrets that travel beside an attacker's text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote

from ..node.inbound import Inbound
from ..server.counters import counters
from .direct import EXTENSION
from .patient import EARLY_BYTES
from .taken import Handshake, TakenConnection
from .upgrade import Upgrade, read_upgrade
from .uvicorn_inside import ServerProtocol, Settings, part_from_http, plain_protocol, prepare, settings_of

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

log = logging.getLogger("uvicorn.error")

Event = MutableMapping[str, Any]

_NO_SUBPROTOCOL = re.compile(rb"\r\nsec-websocket-protocol:[ \t]*(?=\r\n)", re.IGNORECASE)


class Phase(Enum):
    """How far a handshake has come. Each may be followed by those below it."""

    NEW = "the handshake was not read yet"
    CALLED = "the application was called, and has not asked what for"
    TOLD = "it knows that somebody connects, and has not answered"
    ACCEPTED = "it has accepted, in this turn: the answer is held back, and the connection is on offer"
    TAKEN = "the application has taken it over"
    GONE = "the client has left before the answer"
    PLAIN = "uvicorn's own protocol has it, and whatever happens is passed on"


class ClientGoneError(ConnectionResetError):
    """What `send` raises when there is nobody to send to (ASGI: an OSError)."""


class FastProtocol(asyncio.Protocol):
    """One handshake. In the scope's extensions it makes itself a `direct.Offer`.

    Whatever is not usual, in the handshake or in what the application does, makes it `PLAIN`.
    """

    __slots__ = (
        "__weakref__",
        "_accepted",
        "_addresses",
        "_app_state",
        "_call",
        "_config",
        "_early",
        "_head",
        "_loop",
        "_phase",
        "_plain",
        "_server_state",
        "_settings",
        "_taken",
        "_upgrade",
        "_way",
        "_ways",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._settings = settings_of(config)
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._phase = Phase.NEW
        self._head = b""
        self._upgrade: Upgrade | None = None
        self._early: list[bytes] = []
        """What came before the application had decided; reading has stopped."""
        self._call: asyncio.Task[None] | None = None
        self._accepted: Event | None = None
        self._taken: TakenConnection | None = None
        self._plain: ServerProtocol | None = None
        self._way: Way | None = None
        self._ways: list[asyncio.Future[Way]] | None = None

    @property
    def config(self) -> Config:
        """What its server was told."""
        return self._config

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        self._addresses = part_from_http(transport)

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.NEW:
            self._on_head(data)
        elif self._plain is not None:
            self._plain.data_received(data)
        else:
            self._hold(data)

    def _hold(self, data: bytes) -> None:
        """It comes too early: the application may take its time to decide."""
        self.transport.pause_reading()
        self._early.append(data)
        if sum(map(len, self._early)) > EARLY_BYTES:
            counters.early_cut += 1
            self._early = []
            self.transport.abort()

    def eof_received(self) -> bool | None:
        return self._plain.eof_received() if self._plain is not None else None

    def pause_writing(self) -> None:
        if self._plain is not None:
            self._plain.pause_writing()

    def resume_writing(self) -> None:
        if self._plain is not None:
            self._plain.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._plain is not None:
            self._plain.connection_lost(exc)
            return
        self._server_state.connections.discard(self)
        self._phase = Phase.GONE

    def shutdown(self) -> None:
        """uvicorn calls this for each connection when the server stops."""
        match self._phase:
            case Phase.CALLED | Phase.TOLD | Phase.ACCEPTED:
                self.go_plain()
                self.shutdown()
            case Phase.PLAIN if self._plain is not None:
                self._plain.shutdown()
            case _:
                self.transport.abort()

    # -- the handshake

    def _on_head(self, head: bytes) -> None:
        upgrade = read_upgrade(head)
        if upgrade is None:
            prepare(self.transport)
            self._become_plain(_NO_SUBPROTOCOL.sub(b"", head), None)
            return
        self._head, self._upgrade, self._phase = head, upgrade, Phase.CALLED
        settings = self._settings
        self._call = self._loop.create_task(self._run(settings.app, self._scope(settings, upgrade)))
        self._server_state.tasks.add(self._call)
        self._call.add_done_callback(self._server_state.tasks.discard)

    def _scope(self, settings: Settings, upgrade: Upgrade) -> Event:
        """As uvicorn's own, key by key."""
        path, _, query = upgrade.target.partition(b"?")
        root, (server, client) = settings.root_path, self._addresses
        prepare(self.transport)
        return {
            "type": "websocket",
            "asgi": settings.asgi.copy(),
            "http_version": "1.1",
            "scheme": "wss" if self.transport.get_extra_info("sslcontext") else "ws",
            "server": server,
            "client": client,
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "headers": upgrade.headers,
            "subprotocols": upgrade.subprotocols,
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: self},
        }

    async def _run(self, app: Any, scope: Event) -> None:
        """The ASGI call. A connection that was taken over outlives it."""
        try:
            await app(scope, self.receive, self.send)
        except ClientGoneError:
            pass  # it left before it was answered
        except BaseException:
            if self._phase not in _BEYOND_ASGI:
                self.go_plain()  # which is told, and answers
                raise
            log.exception("Exception in ASGI application\n")
            if self._taken is not None:
                self._taken.forsake()
        else:
            if self._phase not in _BEYOND_ASGI:
                self.go_plain()

    async def receive(self) -> Any:
        """ASGI's."""
        if self._phase is Phase.CALLED:
            self._phase = Phase.TOLD
            return {"type": "websocket.connect"}
        if self._phase in _BEYOND_ASGI:
            return {"type": "websocket.disconnect", "code": 1006}
        return await (await self.go_plain()).receive()

    async def send(self, message: Event) -> None:
        """ASGI's."""
        if self._phase is Phase.TOLD and message["type"] == "websocket.accept":
            self._accept(message)
        elif self._phase in _BEYOND_ASGI:
            raise ClientGoneError("the client has left, or the connection was taken over")
        else:
            await (await self.go_plain()).send(message)

    def _accept(self, message: Event) -> None:
        self._phase = Phase.ACCEPTED
        self._accepted = message
        self._loop.call_soon(self._end_of_offer)

    def _end_of_offer(self) -> None:
        if self._phase is Phase.ACCEPTED:
            self.go_plain()
        elif self._taken is not None:
            self._taken.flush()

    # -- without the fast path

    def go_plain(self) -> asyncio.Future[Way]:
        """Let uvicorn's own protocol read the handshake again, and the application go on with it.

        What it gives is uvicorn's own `receive` and `send`; who has them no longer needs to come by here.

        A future of its own for each who asks: a send that was begun outside a task waits for one,
        and a future serves one such at a time.
        """
        way: asyncio.Future[Way] = self._loop.create_future()
        if self._way is not None:
            way.set_result(self._way)
            return way
        if self._ways is None:
            self._ways = []
            self._resume()
        self._ways.append(way)
        return way

    def _resume(self) -> None:
        told, accepted, call = self._phase is not Phase.CALLED, self._accepted, self._call

        async def resumed(scope: Event, receive: _Receive, send: _Send) -> None:
            """To uvicorn an application like any other."""
            if told:
                await receive()  # websocket.connect
            if accepted is not None:
                with contextlib.suppress(OSError):  # the client left; the next one says so
                    await send(accepted)
            self._way = Way(receive, send)
            for way in self._ways or ():
                if not way.done():
                    way.set_result(self._way)
            self._ways = None
            if call is not None:
                await call

        self._become_plain(self._head, resumed)

    def _become_plain(self, head: bytes, app: Any) -> None:
        self._phase = Phase.PLAIN
        self._server_state.connections.discard(self)
        if self._early and not self.transport.is_closing():
            self.transport.resume_reading()
        self._plain = plain = plain_protocol(self._config, self._server_state, self._app_state, app=app)
        plain.connection_made(self.transport)
        early, self._early = self._early, []
        for data in (head, *early):
            plain.data_received(data)

    # -- the offer

    def take(self, inbound: Inbound) -> TakenConnection | None:
        """See `direct.Offer`."""
        if self._phase is not Phase.ACCEPTED:
            return None
        self._phase = Phase.TAKEN
        settings, connections = self._settings, self._server_state.connections
        connections.discard(self)
        self._taken = taken = TakenConnection(
            self.transport,
            connections,
            Handshake(self._answer(), self._early),
            inbound,
            max_bytes=settings.max_bytes,
            pings=settings.pings,
        )
        self.transport.set_protocol(taken)
        self._head, self._upgrade, self._accepted, self._call, self._early = b"", None, None, None, []
        return taken

    def _answer(self) -> bytes:
        """The answer to the handshake, as the application has accepted it."""
        upgrade, accepted = self._upgrade, self._accepted
        assert upgrade is not None and accepted is not None  # noqa: S101, PT018 - it is on offer
        if log.isEnabledFor(logging.INFO):
            peer = self.transport.get_extra_info("peername")
            log.info(
                '%s - "WebSocket %s" [accepted]',
                ":".join(map(str, peer or ())),
                upgrade.target.decode("ascii"),
            )
        headers = [
            *self._server_state.default_headers,
            *((name.lower(), value) for name, value in accepted.get("headers", ())),
        ]
        if subprotocol := accepted.get("subprotocol"):
            headers.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
        return upgrade.answer(headers)


_BEYOND_ASGI = (Phase.TAKEN, Phase.GONE)
"""There is nothing to say or to hear by `send` and `receive`."""

_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]


class Way(NamedTuple):
    """How an application goes on under uvicorn's own protocol."""

    receive: _Receive
    send: _Send
