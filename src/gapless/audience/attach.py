"""The sender of somebody's Starlette WebSocket: put in the place of what it sends and receives with."""

from __future__ import annotations

from starlette.websockets import WebSocket, WebSocketState

from ..isolation.bounds import Bounds, IsolationCounters
from ..isolation.pressure import pressure_here
from ..isolation.sender import SENDER, Sender
from ..isolation.server import find_server, plain_way


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
