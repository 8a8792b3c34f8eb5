"""`/ws`: the plain protocol over WebSocket."""

from __future__ import annotations

from starlette.types import Scope

from ..core.outbox import Outlet
from ..sessions.plain import PlainSession
from ..sessions.views import Framing
from .entrance import Opening
from .guard import Guard
from .query import Query
from .request import Request, bearer_subprotocol


class PlainDoor:
    """Who comes in at `/ws`. `default_channels` are those of a query without any."""

    def __init__(self, guard: Guard, default_channels: tuple[str, ...]) -> None:
        self._guard = guard
        self._default_channels = default_channels

    async def admit(self, scope: Scope, request: Request) -> Opening:
        """Raises Refused, Disconnect or BadQuery."""
        hub = self._guard.hub
        client, admitted = await self._guard.admit(scope, request, "websocket")
        query = Query.parse(request.query, hub.limits, default_channels=self._default_channels)
        query = query.with_channels(admitted.subs)

        def make(outlet: Outlet, framing: Framing) -> PlainSession:
            return PlainSession(
                hub.node,
                outlet,
                framing,
                client=client.id,
                grant=admitted.grant,
                subs=admitted.subs,
                about=client,
                query=query.commands(),
                batch=query.batch,
                pace=query.pace,
            )

        return Opening(make, subprotocol=bearer_subprotocol(scope))
