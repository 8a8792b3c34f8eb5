"""An id for each request of an ASGI application, which its log records carry."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

request_id: ContextVar[str | None] = ContextVar("gapless_request_id", default=None)
"""The id of the request that is being answered; None outside of one."""

_GOOD = re.compile(rb"[\w.:/+=-]{1,128}", re.ASCII)


class RequestIds:
    """ASGI middleware: `app = RequestIds(app)`.

    A request brings its id in `header` where that is a plain word, or gets one; the answer carries it, and so
    does every record that is logged while it is answered, as `fields.request_id`.
    """

    def __init__(self, app: App, *, header: str = "x-request-id") -> None:
        self._app = app
        self._header = header.lower().encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        brought = next((value for name, value in scope["headers"] if name == self._header), b"")
        found = brought.decode() if _GOOD.fullmatch(brought) else uuid.uuid4().hex
        said = (self._header, found.encode())

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message = {**message, "headers": [*message.get("headers", ()), said]}
            await send(message)

        before = request_id.set(found)
        try:
            await self._app(scope, receive, answer)
        finally:
            request_id.reset(before)
