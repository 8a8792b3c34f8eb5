"""Nobody who sends to a WebSocket waits for its client: `NeverWait` for an application, or for one alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketState

from .pressure import QUEUE_BYTES, STALL_TIMEOUT, THAW_TIMEOUT, Bounds, IsolationCounters, pressure_here
from .sender import SENDER, Sender
from .server import find_server, plain_way

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


async def accept(websocket: WebSocket) -> None:
    """Accept it if nobody has, and go past whatever stands between it and the server only to accept it."""
    if websocket.application_state is WebSocketState.CONNECTING:
        await websocket.accept()
    websocket._receive, websocket._send = await plain_way(websocket._receive, websocket._send)


def sender_of(websocket: WebSocket, bounds: Bounds, counters: IsolationCounters) -> Sender:
    """The one it has, from `NeverWait` or from before; else a new one, on the running loop.

    From then on what the endpoint itself sends goes the same way, so the order stays that of the calls.
    """
    extensions = websocket.scope.get("extensions") or {}
    found: Sender | None = extensions.get(SENDER)
    if found is None:
        found = Sender(websocket._receive, find_server(websocket._send), bounds, counters, pressure_here())
        # A copy: granian has one for all its connections.
        websocket.scope["extensions"] = {**extensions, SENDER: found}
        websocket._receive = found.receive
        websocket._send = found.send
        if websocket.application_state is WebSocketState.CONNECTED:
            found.open()
    return found


def is_over(websocket: WebSocket) -> bool:
    """Was it closed, or was the endpoint told that the client left?"""
    return WebSocketState.DISCONNECTED in (websocket.client_state, websocket.application_state)
