"""What happens before a door opens, at every door alike: the request is read, admitted or refused, counted.

A door's `admit` says who comes in and what is spoken then. How a refusal is told depends on what
the client can hear: a status before the upgrade, a close code behind it, or a short answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import orjson
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from ..errors import Disconnect
from ..protocol import plain
from ..transports.conversation import converse
from ..transports.session import MakeSession
from .guard import Guard
from .query import BadQuery
from .request import JSON_TYPE, Refused, Request, Unreadable, bearer_subprotocol

Headers = list[tuple[bytes, bytes]]

REFUSAL_CODES = {401: 101, 403: 103}
"""The error codes that stand in the bodies of these statuses."""

COME_BACK = (429, 503)
"""The statuses of refusals that are not for good."""

TOO_MANY = 3504
"""The code for a user with more connections than `Limits.user_connections`."""

RETRY_MS = 5000
"""An event stream that there is no room for comes back after so long, or up to twice that."""

BEARER = (b"www-authenticate", b"Bearer")
"""What a 401 has to name (RFC 9110, 15.5.2)."""

Respond = Callable[[Receive, Send, Headers], Awaitable[None]]
"""What an admitted request is answered with. The headers belong to any answer."""


class Opening(NamedTuple):
    """A WebSocket that may be accepted: whose session it will be, and what it speaks."""

    make: MakeSession
    binary: bool = False
    subprotocol: str | None = None


class WebSocketEntrance:
    """An ASGI endpoint.

    `admit` raises Refused (answered before the upgrade, where the server can), Disconnect (the
    application's word: accepted, and closed with its code) or BadQuery (accepted, and told why).
    """

    def __init__(self, guard: Guard, admit: Callable[[Scope, Request], Awaitable[Opening]]) -> None:
        self._hub = guard.hub
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        counters = self._hub.counters
        await receive()  # websocket.connect
        try:
            opening = await self._admit(scope, Request.of(scope))
        except Refused as refused:
            counters.count_refusal(refused.status)
            await _refuse(scope, send, refused)
            return
        except Disconnect as disconnect:
            counters.count_refusal(_wanting(disconnect))
            await _dismiss(scope, send, disconnect.code, disconnect.reason)
            return
        except BadQuery as error:
            counters.bad_protocol += 1
            await _dismiss(scope, send, 3501, "bad request", plain.error(107, str(error)))
            return
        await send({"type": "websocket.accept", "subprotocol": opening.subprotocol})
        await converse(self._hub.node, scope, receive, send, opening.make, binary=opening.binary)


class HttpEntrance:
    """An ASGI endpoint, which also answers what browsers ask before they let a page come (CORS).

    `admit` raises Refused or Unreadable (answered with its status), or Disconnect (the application's
    word).
    """

    def __init__(self, guard: Guard, admit: Callable[[HttpRequest, Request], Awaitable[Respond]]) -> None:
        self._guard = guard
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        counters = self._guard.hub.counters
        headers: Headers = []
        try:
            request = Request.of(scope)
            self._guard.check_place(scope, request)
            headers = _cors(self._guard, request)
            if scope["method"] == "OPTIONS":
                await answer(send, 204, "", headers + _preflight(request))
                return
            respond = await self._admit(HttpRequest(scope, receive), request)
        except Unreadable as error:
            counters.bad_protocol += 1
            await answer(send, error.status, error.reason, headers)
        except Refused as refused:
            counters.count_refusal(refused.status)
            await _turn_away(send, scope, refused.status, refused.reason, headers)
        except Disconnect as disconnect:
            counters.count_refusal(_wanting(disconnect))
            # EventSource comes back by itself, except after an answer such as these (HTML, 9.2.3).
            await _turn_away(send, scope, _status(disconnect), disconnect.reason, headers)
        else:
            await respond(receive, send, headers)


async def _turn_away(send: Send, scope: Scope, status: int, reason: str, headers: Headers) -> None:
    """Answer with a status; an event stream that may come back is told when, by a stream that ends.

    EventSource never comes back after any other status than 200 (HTML, 9.2.3).
    """
    if status not in COME_BACK or not _wants_events(scope):
        await answer(send, status, reason, headers)
        return
    retry = random.randrange(RETRY_MS, 2 * RETRY_MS)  # not all of them at once
    head = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": [*head, *headers]})
    await send({"type": "http.response.body", "body": f"retry: {retry}\n: {reason}\n\n".encode()})


def _wants_events(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/event-stream" in value for name, value in scope["headers"])


def _status(disconnect: Disconnect) -> int:
    """What an answer says in place of a close code."""
    if disconnect.code in (3005, 3500):
        return 401
    return 503 if disconnect.reconnect else 403


def _wanting(disconnect: Disconnect) -> int:
    """The status of what there was no room for; 0: a hook said no."""
    return 503 if disconnect.code == TOO_MANY else 0


async def answer(send: Send, status: int, reason: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """A whole response: its body is the reason."""
    said, head = worded(status, reason)
    await send({"type": "http.response.start", "status": status, "headers": [*head, *headers]})
    await send({"type": "http.response.body", "body": said})


async def _refuse(scope: Scope, send: Send, refused: Refused) -> None:
    """Answer the handshake with a status, where the server can; else it says 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 3001 if refused.status in COME_BACK else 3507})
        return
    said, head = worded(refused.status, refused.reason)
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": head})
    await send({"type": "websocket.http.response.body", "body": said})
    # uvicorn takes a call that returns before the socket is closed for one that forgot to answer,
    # and logs an error for each client that was refused. The socket closes in this turn.
    await asyncio.sleep(0)


async def _dismiss(scope: Scope, send: Send, code: int, reason: str, said: bytes | None = None) -> None:
    """Accept, for pages see neither status nor text of a handshake, and close with a code."""
    await send({"type": "websocket.accept", "subprotocol": bearer_subprotocol(scope)})
    if said is not None:
        await send({"type": "websocket.send", "text": said.decode()})
    await send({"type": "websocket.close", "code": code, "reason": reason})


def worded(status: int, reason: str) -> tuple[bytes, Headers]:
    """A refusal's body and what says of it: who was refused access reads JSON, as the API's errors are."""
    code = REFUSAL_CODES.get(status)
    if code is not None:
        error = {"error": {"code": code, "message": reason}}
        headers = [(b"content-type", JSON_TYPE.encode())]
        return orjson.dumps(error), [*headers, *([BEARER] if status == 401 else [])]
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if status in COME_BACK:
        headers.append((b"retry-after", b"5"))
    return reason.encode(), headers


def _cors(guard: Guard, request: Request) -> Headers:
    """For a page of an origin that was allowed. Credentials never go with `*`."""
    headers = [(b"vary", b"Origin")]
    if not request.origins:
        return headers
    headers.append((b"access-control-allow-origin", request.origins[0].encode("latin-1")))
    if not guard.access.policy.allows_any:
        headers.append((b"access-control-allow-credentials", b"true"))
    return headers


def _preflight(request: Request) -> Headers:
    asked = request.headers.get("access-control-request-headers", "content-type")
    return [
        (b"access-control-allow-headers", asked.encode("latin-1")),
        (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
        (b"access-control-max-age", b"300"),
    ]
