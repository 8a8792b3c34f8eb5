"""HubApp: every door of a hub as one ASGI application, to be mounted or served on its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import Receive, Scope, Send

from ..auth.admission import Reception
from ..auth.verifier import TokenVerifier
from ..hub import Hub
from .centrifuge import CentrifugeDoor, UniDoor
from .emulation import Emulated, EmulationDoor, Kind, StreamDoor
from .guard import Guard
from .http import ApiDoor, Health, Page
from .sse import SseDoor
from .websocket import PlainDoor

log = logging.getLogger("gapless")


class HubApp:
    """The doors of a hub: `/ws`, `/sse`, `/api/…`, `/health`, `/ready`, `/client.js` and the page at `/`.

    Served as the root application it answers the ASGI lifespan and so starts and closes the hub.
    Mounted in another one it does not: pass `lifespan=hub.lifespan` there.

    `token` is the credential of publishers and operators; without one the API answers 401, unless
    `open_api` says that everybody may publish (for a hub that only this machine can reach).
    `require_credential` keeps out clients that neither present it nor are let in by an
    `on_connect` hook. `origins` may connect besides the server's own. `default_channels` are
    those of a connection that names none.

    For the Centrifuge doors, `tokens` verifies the JSON Web Tokens of clients. `anonymous` lets in
    those without a token (default: where no tokens are verified), `insecure` lets everybody do
    everything, and `personal_namespace` subscribes each user to a channel of its own: `#USER`, or
    `NAMESPACE:#USER`.

    Raises:
        ConfigError: the token or an origin cannot be.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        token: str | None = None,
        origins: Sequence[str] = (),
        default_channels: Sequence[str] = (),
        open_api: bool = False,
        require_credential: bool = False,
        tokens: TokenVerifier | None = None,
        anonymous: bool | None = None,
        insecure: bool = False,
        personal_namespace: str | None = None,
    ) -> None:
        self.hub = hub
        guard = Guard(
            hub, token=token, origins=origins, open_api=open_api, require_credential=require_credential
        )
        channels = tuple(default_channels)
        if anonymous is None:
            anonymous = tokens is None and not require_credential
        reception = Reception(
            hub.hooks,
            tokens,
            anonymous=anonymous,
            insecure=insecure,
            personal_namespace=personal_namespace,
        )
        page = Page(guard)
        routes: list[BaseRoute] = [
            WebSocketRoute("/ws", PlainDoor(guard, channels)),
            WebSocketRoute("/connection/websocket", CentrifugeDoor(guard, reception)),
            WebSocketRoute("/connection/uni_websocket", UniDoor(guard, reception)),
            *_streams(guard, reception),
            Route("/connection/init", page.warm_up, methods=["GET"]),
            Route("/sse", SseDoor(guard, channels), methods=["GET"]),
            Route("/api/{method}", ApiDoor(guard), methods=["POST"]),
            Route("/health", Health(hub).health, methods=["GET"]),
            Route("/ready", Health(hub).ready, methods=["GET"]),
            Route("/signin", page.sign_in, methods=["POST"]),
            Route("/client.js", page.client, methods=["GET"]),
            Mount("/static", page.assets),
            Route("/", page.index, methods=["GET"]),
        ]
        # A router and no application around it: its middleware would wrap the `send` of every
        # connection, and the doors answer their own errors.
        self._app = Router(routes=routes, lifespan=hub.lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _streams(guard: Guard, reception: Reception) -> list[BaseRoute]:
    emulated = Emulated()
    kinds = [
        Kind("http_stream", events=False, bare=False),
        Kind("sse", events=True, bare=False),
        Kind("uni_http_stream", events=False, bare=True),
        Kind("uni_sse", events=True, bare=True),
    ]
    routes: list[BaseRoute] = []
    for kind in kinds:
        methods = ["GET", "POST", "OPTIONS"] if kind.events else ["POST", "OPTIONS"]
        door = StreamDoor(guard, reception, emulated, kind)
        routes.append(Route(f"/connection/{kind.transport}", door, methods=methods))
    routes.append(Route("/emulation", EmulationDoor(guard, emulated), methods=["POST", "OPTIONS"]))
    return routes
