"""`/connection/websocket`: the Centrifuge client protocol over WebSocket, in JSON and Protobuf."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.types import Scope

from ..auth.admission import unanswered
from ..core.outbox import Outlet
from ..errors import BrokerError, ClientError, Disconnect
from ..protocol.centrifuge import messages as m
from ..protocol.centrifuge.codecs import JSON, PROTOBUF, Codec
from ..sessions.centrifuge.session import CentrifugeSession
from ..sessions.views import Framing
from .entrance import Opening
from .guard import Guard
from .request import Refused, Request

PROTOBUF_SUBPROTOCOL = "centrifuge-protobuf"
JSON_SUBPROTOCOL = "centrifuge-json"


class CentrifugeDoor:
    """Who comes in at `/connection/websocket`; the connect command then says who it is."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def admit(self, scope: Scope, request: Request) -> Opening:
        """Raises Refused."""
        hub = self._guard.hub
        query = dict(request.query)
        codec, subprotocol = _codec(scope.get("subprotocols", ()), query)
        handshake = self._guard.handshake(scope, request, "websocket")

        def make(outlet: Outlet, framing: Framing) -> CentrifugeSession:
            return CentrifugeSession(
                hub.node,
                outlet,
                framing,
                codec=codec,
                reception=self._guard.reception,
                handshake=handshake,
                app_ping=query.get("cf_ws_frame_ping_pong") != "true",
            )

        return Opening(make, binary=not codec.text, subprotocol=subprotocol)


class UniDoor:
    """Who comes in at `/connection/uni_websocket`: bare pushes to a client that only says who it is.

    Its connect request is the first text frame, or `?cf_connect=…`.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def admit(self, scope: Scope, request: Request) -> Opening:
        """Raises Refused."""
        hub = self._guard.hub
        handshake = self._guard.handshake(scope, request, "uni_websocket")

        def make(outlet: Outlet, framing: Framing) -> UniSession:
            return UniSession(
                hub.node,
                outlet,
                framing,
                codec=JSON,
                reception=self._guard.reception,
                handshake=handshake,
                bare=True,
                secret=new_secret(),
                first=handshake.query.get("cf_connect"),
            )

        return Opening(make)


class UniSession(CentrifugeSession):
    """The unidirectional form over WebSocket: it listens to the connect request, and to nothing after it."""

    __slots__ = ("_first", "_heard")

    def __init__(self, *args: Any, first: str | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._first = first
        self._heard = False

    async def begin(self) -> None:
        if self._first is not None:
            await self.handle(self._first)

    async def handle(self, message: str | bytes) -> None:
        if self._heard:
            return
        self._heard = True
        if isinstance(message, bytes):
            raise Disconnect(3506, "inappropriate protocol: text frames only")
        await connect_bare(self, JSON.decode_connect(message, self.node.limits))

    def close(self, disconnect: Disconnect) -> None:
        if self.flow.closed is None:
            self.announce(m.DisconnectPush(disconnect.code, disconnect.reason))
        super().close(disconnect)


async def connect_bare(session: CentrifugeSession, request: m.Connect) -> None:
    """Connect a client that gets no replies. Raises Disconnect where it would be told an error."""
    try:
        await session.connect(0, request)
    except ClientError as error:
        raise unanswered(error) from error
    except BrokerError as error:
        raise Disconnect(3004) from error


def new_secret() -> str:
    """A session id that cannot be guessed."""
    return secrets.token_urlsafe(24)


def _codec(offered: Sequence[str], query: Mapping[str, str]) -> tuple[Codec, str | None]:
    """Which encoding, and which of the offered subprotocols to echo. Raises Refused (400)."""
    wants_protobuf = (
        PROTOBUF_SUBPROTOCOL in offered
        or query.get("format") == "protobuf"
        or query.get("cf_protocol") == "protobuf"
    )
    if not wants_protobuf:
        return JSON, JSON_SUBPROTOCOL if JSON_SUBPROTOCOL in offered else None
    if PROTOBUF is None:
        raise Refused(400, 'Protobuf is not installed on this server: pip install "gapless[protobuf]"')
    return PROTOBUF, PROTOBUF_SUBPROTOCOL if PROTOBUF_SUBPROTOCOL in offered else None
