"""The HTTP doors that are no streams: the API, health, the page and the sign-in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..api import BadBody, call, call_lines
from ..api.watching import MAX_ROWS
from ..auth.attempts import Attempts
from ..board import Board
from ..brokers.base import Searches
from ..errors import BrokerError
from ..hub import Hub
from ..model import NOTHING
from ..protocol.strict import Malformed, parse
from ..version import __version__
from ..watch.stats import unstorable
from .assets import assets, assets_soon
from .entrance import worded
from .guard import Guard, is_loopback
from .request import JSON_TYPE, Aside, Refused, Request, read_body

PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}

TOLD_LIMITS = (
    "message_bytes",
    "client_payload_bytes",
    "server_payload_bytes",
    "history_publications",
    "history_frame_bytes",
    "answer_bytes",
    "subscriptions",
    "max_pace_ms",
    "ingest_bytes",
)
"""What a page has to stay within, and may be told."""

# HTTP statuses of error codes, for clients that ask for them with X-Centrifugo-Error-Mode: transport.
STATUSES = {100: 500, 102: 404, 104: 404, 107: 400, 108: 400, 112: 416, 113: 409}


def answered(status: int, reason: str, **headers: str) -> Response:
    """What is refused, as a response."""
    said, head = worded(status, reason)
    found = {name.decode(): value.decode() for name, value in head} | headers
    return Response(said, status, headers=found)


class ApiDoor:
    """`POST /api/METHOD`; and, where old clients are served, `POST /api` with a call on each line."""

    def __init__(self, guard: Guard, aside: Aside) -> None:
        self._guard = guard
        self._aside = aside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(HttpRequest(scope, receive))
        if response.status_code >= 400 or bytes(response.body).startswith(b'{"error":'):
            self._guard.hub.counters.api_refused += 1
        await response(scope, receive, send)

    async def _answer(self, request: HttpRequest) -> Response:
        hub = self._guard.hub
        try:
            self._guard.admit_operator(request.scope, Request.of(request.scope))
            unready = hub.lifecycle.unready()
            if unready is not None:
                return answered(503, unready)
            old = self._guard.access.old_api_clients
            body = await read_body(request, hub.limits, max_bytes=hub.limits.body_bytes, undeclared=old)
            method = request.path_params.get("method")
            read = self._aside.read
            answer = await (call_lines(hub, body, read) if method is None else call(hub, method, body, read))
        except Refused as refused:
            return answered(refused.status, refused.reason)
        except BadBody as error:
            return answered(400, str(error))
        if answer is None:
            return answered(404, "there is no such method")
        if request.headers.get("x-centrifugo-error-mode") == "transport":
            said = orjson.loads(answer)
            if "error" in said:
                status = STATUSES.get(said["error"]["code"], 500)
                return Response(orjson.dumps(said["error"]), status, media_type=JSON_TYPE)
        return Response(answer, media_type=JSON_TYPE)


class Health:
    """`/health`: the process lives. `/ready`: the hub takes publications, and can store them."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def health(self, request: HttpRequest) -> Response:
        """`/health`: 200 as long as the process answers at all."""
        return Response(b'{"status":"ok"}', media_type=JSON_TYPE)

    async def ready(self, request: HttpRequest) -> Response:
        """`/ready`: 200, or 503 with the reason why nothing is taken just now."""
        reason = self._hub.lifecycle.unready() or unstorable(self._hub)
        if reason is None:
            return Response(b'{"status":"ready"}', media_type=JSON_TYPE)
        body = orjson.dumps({"status": "not ready", "reason": reason})
        return Response(body, 503, media_type=JSON_TYPE, headers={"retry-after": "5"})


class Page:
    """The page at `/`, its assets, and the sign-in that stands in front of it where there is a credential."""

    def __init__(
        self,
        guard: Guard,
        board: Board | None = None,
        configuration: Mapping[str, tuple[Any, str]] = NOTHING,
    ) -> None:
        self._guard = guard
        self._board = board
        self._configuration = configuration
        self._attempts = Attempts()

    def prepare(self) -> None:
        """Begin to read and compress the files, beside the loop, so that nobody who comes waits for it."""
        asyncio.get_running_loop().run_in_executor(None, assets)

    async def index(self, request: HttpRequest) -> Response:
        """The page at `/`, or the form to sign in."""
        try:
            seen = Request.of(request.scope)
            self._guard.check_place(request.scope, seen)
        except Refused as refused:
            return answered(refused.status, refused.reason)
        name = "index.html" if self._is_inside(request.scope) else "signin.html"
        return _of_page((await assets_soon()).page(name, request))

    async def asset(self, request: HttpRequest) -> Response:
        """`/static/…`"""
        return await _file(request.path_params["path"], request)

    async def session(self, request: HttpRequest) -> Response:
        """`/api/session`: what the page may do here, for everybody who may see the page.

        `role` is `operator` for who may call the API, else `viewer`; `sign_in` says whether there is
        a credential to sign in with, `digest` which files the page should be made of. `open` says that the
        API asks nobody for a credential: `local` where only this machine can call it, else `insecure`.
        `board` is the configured one, for whoever sees the page and not only the form to sign in; `channels`
        is what the method of that name says, for an operator and where there are not too many: without it
        the page would have to ask before it can subscribe.
        """
        try:
            seen = Request.of(request.scope)
            self._guard.check_place(request.scope, seen)
        except Refused as refused:
            return answered(refused.status, refused.reason)
        guard = self._guard
        operator = guard.access.open_api or guard.is_operator(request.scope, seen)
        result: dict[str, Any] = {
            "role": "operator" if operator else "viewer",
            "sign_in": guard.access.credential is not None,
            "name": guard.hub.name,
            "version": __version__,
            "digest": (await assets_soon()).digest,
            "time": time.time(),
            "open": self._openness(request.scope),
            "limits": {name: getattr(guard.hub.limits, name) for name in TOLD_LIMITS},
            "features": self._features(),
        }
        if self._board is not None and self._is_inside(request.scope):
            result |= {"board": self._board.as_json(), "title": self._board.title}
        if operator and self._configuration:
            result["configuration"] = [
                {"name": name, "value": value, "origin": origin}
                for name, (value, origin) in self._configuration.items()
            ]
        if operator and (channels := await self._channels()) is not None:
            result["channels"] = channels
        headers = {"cache-control": "no-store"}
        return Response(orjson.dumps({"result": result}), media_type=JSON_TYPE, headers=headers)

    async def _channels(self) -> dict[str, dict[str, int]] | None:
        """All of them with how many read each; None when they are too many, or are not known just now."""
        if self._guard.hub.lifecycle.unready() is not None:
            return None
        found: dict[str, dict[str, int]] = {}
        try:
            async for some in self._guard.hub.node.peers.occupancy(idle=True):
                found.update({name: {"num_clients": n} for name, n in some.items()})
                if len(found) > MAX_ROWS:
                    return None
        except BrokerError:
            return None
        return found

    def _openness(self, scope: Scope) -> str | None:
        if not self._guard.access.open_api:
            return None
        return "local" if is_loopback(scope) else "insecure"

    def _features(self) -> list[str]:
        """What this hub can do beside what every hub can."""
        searches = isinstance(self._guard.hub.node.broker, Searches)
        return ["watch", *(["search"] if searches else [])]

    def _is_inside(self, scope: Scope) -> bool:
        # The cookie alone is enough for the page, which holds nothing secret. What it then asks
        # for carries an origin; a visit to a page does not, and over plain HTTP no fetch metadata.
        credential = self._guard.access.credential
        return (
            credential is None
            or self._guard.access.open_api
            or credential.present_in(scope["headers"], time.time()) is not None
            or self._guard.knows_operator(scope)
        )

    async def warm_up(self, request: HttpRequest) -> Response:
        """`/connection/init`: for clients and load balancers that open the way first."""
        return Response(b"{}", media_type=JSON_TYPE)

    async def client(self, request: HttpRequest) -> Response:
        """`/client.js`, and what it imports from `/client/…` when it is needed."""
        part = request.path_params.get("part")
        path = "client.js" if part is None else f"client/{part}"
        return await _file(path, request)

    async def sign_in(self, request: HttpRequest) -> Response:
        """`{"token": …}` in, the cookie out."""
        credential = self._guard.access.credential
        if credential is None:
            return answered(404, "this hub has no sign-in")
        try:
            seen = Request.of(request.scope)
            self._guard.check_place(request.scope, seen)
            said = parse(await read_body(request, self._guard.hub.limits, max_bytes=4096))
        except Refused as refused:
            return answered(refused.status, refused.reason)
        except Malformed:
            return answered(400, 'the body is {"token": "…"}')
        token = said.get("token") if isinstance(said, dict) else None
        if not isinstance(token, str):
            return answered(400, 'the body is {"token": "…"}')
        now = time.monotonic()
        wait = self._attempts.take(seen.address, now)
        if wait:
            return answered(429, "too many tries", **{"retry-after": str(int(wait) + 1)})
        if not credential.matches(token):
            return answered(401, "that is not the token")
        self._attempts.succeeded(seen.address)
        cookie = credential.cookie(
            time.time(), secure=request.url.scheme == "https", path=_cookie_path(request)
        )
        return Response(status_code=204, headers={"set-cookie": cookie, "cache-control": "no-store"})

    async def sign_out(self, request: HttpRequest) -> Response:
        """The cookie is forgotten. A page of another origin can sign nobody out."""
        credential = self._guard.access.credential
        if credential is None:
            return answered(404, "this hub has no sign-in")
        try:
            self._guard.check_place(request.scope, Request.of(request.scope))
        except Refused as refused:
            return answered(refused.status, refused.reason)
        cookie = credential.sign_out_cookie(secure=request.url.scheme == "https", path=_cookie_path(request))
        return Response(status_code=204, headers={"set-cookie": cookie, "cache-control": "no-store"})


def _cookie_path(request: HttpRequest) -> str:
    """Where the hub is mounted: nothing else gets the cookie."""
    return (request.scope.get("root_path") or "") + "/"


async def _file(path: str, request: HttpRequest) -> Response:
    return _of_page((await assets_soon()).answer(path, request) or answered(404, "Not Found"))


def _of_page(response: Response) -> Response:
    response.headers.update(PAGE_HEADERS)
    return response
