"""HubApp: every door of a hub as one ASGI application, to be mounted or served on its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ..auth.access import Access, AccessSettings
from ..board import Board
from ..errors import GaplessError
from ..hub import Hub
from ..model import NOTHING
from ..server.direct import DirectRequests
from ..server.noise import hide_tokens, keep_down
from ..watch.channels import watch
from .centrifuge import CentrifugeDoor, UniDoor
from .direct import DirectDoors
from .emulation import KINDS, Emulated, EmulationDoor, StreamDoor
from .entrance import HttpEntrance, WebSocketEntrance
from .export import ExportDoor
from .guard import Guard
from .http import ApiDoor, Health, Page
from .ingest import Ingest, IngestDoor
from .loki import LokiDoor
from .metrics import Metrics
from .otlp import OtlpDoor
from .request import Aside
from .serverflags import ServerFlags
from .shortcut import Shortcut
from .sse import SseDoor
from .websocket import PlainDoor

log = logging.getLogger("gapless")


class HubApp:
    """The doors of a hub: `/ws`, `/sse`, `/api/…`, `/health`, `/ready`, `/metrics`, `/client.js`, the page.

    Served as the root application it answers the ASGI lifespan and so starts and closes the hub.
    Mounted in another one it does not: pass `lifespan=hub.lifespan` there. Where nobody starts the hub
    it starts with its first request. A path may end in a slash.

    `access` says who may come in. Its fields may also be given here one by one:
    `HubApp(hub, token=…, origins=[…])`. `default_channels` are those of a connection to `/ws` or
    `/sse` that names none, `board` is what the page's board shows; without one it shows what it finds.
    `configuration` is what operators are shown of the settings: each with its value and who said it.

    Raises:
        ConfigError: the token or an origin cannot be.
        TypeError: both `access` and one of its fields.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        access: Access | None = None,
        default_channels: Sequence[str] = (),
        board: Board | None = None,
        configuration: Mapping[str, tuple[Any, str]] = NOTHING,
        **settings: Unpack[AccessSettings],
    ) -> None:
        if access is not None and settings:
            raise TypeError(f"give {', '.join(settings)} to Access(…), or leave out access")
        self.hub = hub
        access = access or Access(**settings)
        guard = Guard(hub, access)
        hide_tokens()
        watch(hub)
        keep_down()
        self._flags = ServerFlags()
        channels = tuple(default_channels)
        self._websockets: dict[str, ASGIApp] = {
            "/ws": WebSocketEntrance(guard, PlainDoor(guard, channels).admit),
            "/connection/websocket": WebSocketEntrance(guard, CentrifugeDoor(guard).admit),
            "/connection/uni_websocket": WebSocketEntrance(guard, UniDoor(guard).admit),
        }
        page, emulated = Page(guard, board, configuration), Emulated()
        self._page = page
        sse = SseDoor(guard, channels, emulated)
        ingest, api = Ingest(hub), ApiDoor(guard, Aside(hub.limits.body_bytes))
        direct = DirectDoors(guard, ingest).admit
        self._shortcut = Shortcut(direct)
        self.direct_requests = DirectRequests(direct)
        """What a server may answer without calling this, where this is what it serves; an application that
        mounts this at `/live` may say `app.direct_requests = live.direct_requests.below("/live")`."""
        routes: list[BaseRoute] = [
            *_emulated(guard, emulated),
            Route("/connection/init", page.warm_up, methods=["GET"]),
            Route("/sse", HttpEntrance(guard, sse.admit), methods=["GET", "OPTIONS"]),
            Route("/api/session", page.session, methods=["POST"]),
            Route("/api/export", ExportDoor(guard), methods=["GET", "POST"]),
            Route("/api/{method}", api, methods=["POST"]),
            *([Route("/api", api, methods=["POST"])] if access.old_api_clients else []),
            Route("/ingest/{channel:path}", IngestDoor(guard, ingest), methods=["POST"]),
            Route("/v1/logs", OtlpDoor(guard, ingest), methods=["POST"]),
            Route("/loki/api/v1/push", LokiDoor(guard, ingest), methods=["POST"]),
            Route("/health", Health(hub).health, methods=["GET"]),
            Route("/ready", Health(hub).ready, methods=["GET"]),
            Route("/metrics", Metrics(guard).show, methods=["GET"]),
            Route("/signin", page.sign_in, methods=["POST"]),
            Route("/signout", page.sign_out, methods=["POST"]),
            Route("/client.js", page.client, methods=["GET"]),
            Route("/client/{part}", page.client, methods=["GET"]),
            Route("/static/{path:path}", page.asset, methods=["GET"]),
            Route("/", page.index, methods=["GET"]),
        ]
        # A router and no application around it: its middleware would wrap the `send` of every
        # connection, and the doors answer their own errors.
        self._http = Router(routes=routes, lifespan=hub.lifespan, redirect_slashes=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything that is answered, below where it is mounted."""
        return (*self._websockets, *(route.path for route in self._http.routes if isinstance(route, Route)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._flags.looked:
            self._flags.look(send)
            self._page.prepare()
        if scope["type"] != "lifespan":
            if not self.hub.running:
                await self._wake()
            if scope["path"].endswith("/"):
                scope = _without_slash(scope)
        if scope["type"] == "http":
            answerer = self._shortcut.find(scope, _path_below(scope))
            if answerer is not None:
                for_door = await self._shortcut.answer(answerer, receive, send)
                if for_door is None:
                    return
                receive = for_door
        elif scope["type"] == "websocket":
            # Few paths and many clients: looked up, not compared with one pattern after the other.
            door = self._websockets.get(_path_below(scope))
            if door is not None:
                await door(scope, receive, send)
                return
        await self._http(scope, receive, send)

    async def _wake(self) -> None:
        try:
            await self.hub.wake()
        except GaplessError as error:
            log.error("the hub cannot start: %s", error)  # the door says 503, and the next one tries again


def _without_slash(scope: Scope) -> Scope:
    """The same door: frameworks differ in whether they hand `/ws` or `/ws/` over."""
    below = _path_below(scope)
    if len(below) < 2:
        return scope
    path: str = scope["path"]
    return {**scope, "path": path[:-1]}


def _path_below(scope: Scope) -> str:
    """The path below where this application is mounted (ASGI: `path` begins with `root_path`)."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


def _emulated(guard: Guard, emulated: Emulated) -> Iterator[Route]:
    for kind in KINDS:
        door = StreamDoor(guard, emulated, kind)
        yield Route(f"/connection/{kind.transport}", HttpEntrance(guard, door.admit), methods=kind.methods)
    commands = EmulationDoor(guard, emulated)
    yield Route("/emulation", HttpEntrance(guard, commands.admit), methods=["POST", "OPTIONS"])
