"""`/api/export`: what a channel keeps, as a file that is read while it is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..api import BadBody
from ..api.arguments import read
from ..api.exporting import Wanted, export, wanted
from ..api.publishing import REFUSALS, error_shape
from ..errors import BrokerError
from ..isolation.server import Server, find_server
from ..protocol.strict import Malformed
from ..server.sockets import cut_off
from ..transports.stream import until_left
from .guard import Guard
from .http import STATUSES, answered
from .request import JSON_TYPE, Refused, Request, read_body

AT_ONCE = 4
"""Files under way at the same time, for all who ask; the next is asked to come again (429)."""

SEND_BYTES = 64 * 1024
"""Handed to the server in one go; within `Limits.stall_timeout` it has to be on its way."""

LOOK_SECONDS = 0.5
"""Between two looks whether the hub closes."""

NUMBERS = frozenset(("from", "to", "since", "until"))
"""Parameters of a query that are no texts."""

Parts = AsyncGenerator[bytes]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class ExportDoor:
    """`POST /api/export` with JSON, or `GET` with a query, as a link of a page asks for it.

    For operators, as `history` is. What is refused has its status; after that the file is written as the
    client takes it. Who takes nothing for `Limits.stall_timeout` is cut off, and so is a file that cannot be
    read to its end, or whose hub closes: a download that ended would look like a whole one.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._hub = guard.hub
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        wish = await self._wish(request)
        if isinstance(wish, Response):
            self._hub.counters.api_refused += 1
            await wish(scope, receive, send)
        elif request.method == "HEAD":
            await Response(headers=_headers(wish))(scope, receive, send)
        else:
            self._under_way += 1
            try:
                async with aclosing(export(self._hub, wish)) as parts:
                    await self._serve(wish, parts, receive, find_server(send))
            finally:
                self._under_way -= 1

    async def _wish(self, request: HttpRequest) -> Wanted | Response:
        hub = self._hub
        try:
            seen = Request.of(request.scope)
            self._guard.admit_operator(request.scope, seen)
            unready = hub.lifecycle.unready()
            if unready is not None:
                return answered(503, unready)
            if request.method == "POST":
                body = await read_body(request, hub.limits, max_bytes=hub.limits.body_bytes)
            else:
                body = _as_json(seen.query)
            if self._under_way >= AT_ONCE:
                return answered(429, f"{AT_ONCE} exports are under way: try again")
            return wanted(hub, read(hub, body))
        except Refused as refused:
            return answered(refused.status, refused.reason)
        except (BadBody, Malformed) as error:
            return answered(400, str(error))
        except REFUSALS as error:
            return _refused(error)

    async def _serve(self, wish: Wanted, parts: Parts, receive: Receive, server: Server) -> None:
        left = asyncio.ensure_future(until_left(receive))
        begun = False
        try:
            first = await anext(parts)
            begun = True
            server.bound_send_buffer()
            await server.send(
                {"type": "http.response.start", "status": 200, "headers": _listed(_headers(wish))}
            )
            await self._write(first, parts, left, server)
        except (BrokerError, TimeoutError) as error:
            self._hub.counters.api_refused += 1
            if not begun:
                await _refused(error)({"type": "http"}, receive, server.send)
            elif server.transport is not None:
                cut_off(server.transport.descriptor(), server.transport.abort)
                await left  # the server has seen it then, and asks for no end of the response
        finally:
            left.cancel()

    async def _write(self, first: bytes, parts: Parts, left: asyncio.Future[None], server: Server) -> None:
        """Raises BrokerError, or TimeoutError: the client takes nothing, or the hub closes."""
        async for piece in _pieces(first, parts):
            if not await self._sent(piece, left, server):
                return
        await server.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _sent(self, piece: bytes, left: asyncio.Future[None], server: Server) -> bool:
        """Is it on its way? False: the client has left. Raises TimeoutError."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._hub.limits.stall_timeout
        message = {"type": "http.response.body", "body": piece, "more_body": True}
        sending = asyncio.ensure_future(server.send(message))
        try:
            while True:
                # Not for all of the time at once: a hub that closes waits for nobody who takes nothing.
                await asyncio.wait([sending, left], timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if left.done():
                    return False
                if self._hub.lifecycle.unready() is not None or (not sending.done() and clock() >= until):
                    raise TimeoutError
                if sending.done():
                    sending.result()
                    return True
        finally:
            sending.cancel()


def _refused(error: Exception) -> Response:
    shape = error_shape(error)
    return Response(orjson.dumps(shape), STATUSES.get(shape["code"], 500), media_type=JSON_TYPE)


async def _pieces(first: bytes, parts: Parts) -> AsyncIterator[bytes]:
    """None is empty or longer than `SEND_BYTES`, and the loop has a turn after each page."""
    if first:
        yield first
    async for part in parts:
        for at in range(0, len(part), SEND_BYTES):
            yield part[at : at + SEND_BYTES]
        await asyncio.sleep(0)


def _listed(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _headers(wish: Wanted) -> dict[str, str]:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    name = f"{_UNSAFE.sub('_', wish.channel)[:80]}-{stamp}.{wish.form.suffix}"
    return {
        "content-type": wish.form.media_type,
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        # Nginx and its kin would otherwise take all of it at once, and wait in our place.
        "x-accel-buffering": "no",
    }


def _as_json(query: list[tuple[str, str]]) -> bytes:
    """The query as a body would say it. Raises BadBody: a number that is none."""
    said: dict[str, Any] = {}
    for name, value in query:
        try:
            said[name] = orjson.loads(value) if name in NUMBERS else value
        except orjson.JSONDecodeError:
            raise BadBody(f"{name} is a number") from None
    return orjson.dumps(said)
