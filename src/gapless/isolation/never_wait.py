"""`NeverWait`: an ASGI middleware after which no `send` of a WebSocket waits for its client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .bounds import QUEUE_BYTES, STALL_TIMEOUT, THAW_TIMEOUT, Bounds, IsolationCounters
from .pressure import pressure_here
from .sender import SENDER, Sender
from .server import find_server

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class NeverWait:
    """One line that frees every class that sends to many WebSockets of waiting for each of them.

        app.add_middleware(gapless.NeverWait)

    What a client has not taken waits in a queue of its own, in order: at most `queue_bytes`. One that
    takes no byte for `stall_timeout` seconds, or for whom more than that waits, is closed with
    3008 as soon as its socket takes that, and what is sent to it after is dropped without a word.
    An endpoint that sends its own client more than may wait goes at that client's pace.

    What was sent before an endpoint returns still goes out. Everything else of ASGI is as it was.
    `counters`, when given, counts what was done.

    Raises:
        ValueError: a bound that is not above 0.
    """

    def __init__(
        self,
        app: App,
        *,
        queue_bytes: int = QUEUE_BYTES,
        stall_timeout: float = STALL_TIMEOUT,
        thaw_timeout: float = THAW_TIMEOUT,
        counters: IsolationCounters | None = None,
    ) -> None:
        self.app = app
        self.counters = counters or IsolationCounters()
        self._bounds = Bounds(queue_bytes, stall_timeout, thaw_timeout)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        sender = Sender(receive, find_server(send), self._bounds, self.counters, pressure_here())
        scope["extensions"] = {**(scope.get("extensions") or {}), SENDER: sender}
        try:
            await self.app(scope, sender.receive, sender.send)
        finally:
            await sender.finish()
