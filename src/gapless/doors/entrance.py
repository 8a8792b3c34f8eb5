"""What happens before a door opens, at every door alike: the request is read, admitted or refused, counted.

A door's `admit` says who comes in and what is spoken then. How a refusal is told depends on what
the client can hear: a status before the upgrade, a close code behind it, or a short answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from ..errors import Disconnect
from ..protocol import plain
from ..transports.conversation import converse
from ..transports.session import MakeSession
from .guard import Guard
from .query import BadQuery
from .request import Refused, Request, Unreadable

Headers = list[tuple[bytes, bytes]]

Respond = Callable[[Receive, Send, Headers], Awaitable[None]]
"""What an admitted request is answered with. The headers belong to any answer."""


@dataclass(frozen=True, slots=True)
class Opening:
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
            counters.refused_connections += 1
            await _refuse(scope, send, refused)
            return
        except Disconnect as disconnect:
            counters.refused_connections += 1
            await _dismiss(send, disconnect.code, disconnect.reason)
            return
        except BadQuery as error:
            counters.bad_protocol += 1
            await _dismiss(send, 3501, "bad request", plain.error(107, str(error)))
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
            counters.refused_connections += 1
            await answer(send, refused.status, refused.reason, headers)
        except Disconnect as disconnect:
            counters.refused_connections += 1
            # EventSource comes back by itself, except after an answer such as these (HTML, 9.2.3).
            await answer(send, 503 if disconnect.reconnect else 403, disconnect.reason, headers)
        else:
            await respond(receive, send, headers)


async def answer(send: Send, status: int, reason: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """A whole response: its body is the reason."""
    head = [*_text_headers(status), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": reason.encode()})


async def _refuse(scope: Scope, send: Send, refused: Refused) -> None:
    """Answer the handshake with a status, where the server can; else it says 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 3507 if refused.status < 500 else 3001})
        return
    head = _text_headers(refused.status)
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": head})
    await send({"type": "websocket.http.response.body", "body": refused.reason.encode()})
    # uvicorn takes a call that returns before the socket is closed for one that forgot to answer,
    # and logs an error for each client that was refused. The socket closes in this turn.
    await asyncio.sleep(0)


async def _dismiss(send: Send, code: int, reason: str, said: bytes | None = None) -> None:
    """Accept, for pages see neither status nor text of a handshake, and close with a code."""
    await send({"type": "websocket.accept"})
    if said is not None:
        await send({"type": "websocket.send", "text": said.decode()})
    await send({"type": "websocket.close", "code": code, "reason": reason})


def _text_headers(status: int) -> Headers:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    return headers


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
