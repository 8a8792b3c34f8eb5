"""The live connections of a user, a client or a session, for what an application does to them all."""

from __future__ import annotations

import asyncio

from ..auth.claims import Override
from ..errors import Disconnect
from ..model import Position
from ..sessions.session import Session
from .node import Node


class Connections:
    """Those that there are when this is made; None for `user`, `client` or `session` means any.

    `session` is the secret session id that an emulated or unidirectional connection was told.
    Clients in `keep` are left out.
    """

    def __init__(
        self,
        node: Node,
        user: str | None,
        client: str | None,
        session: str | None,
        keep: frozenset[str] = frozenset(),
    ) -> None:
        self._found = [
            connection
            for connection in node.sessions.values()
            if isinstance(connection, Session)
            and (user is None or connection.user == user)
            and (client is None or connection.client == client)
            and (session is None or connection.secret == session)
            and connection.client not in keep
        ]

    def __len__(self) -> int:
        return len(self._found)

    async def subscribe(
        self,
        channel: str,
        *,
        info: bytes | None,
        data: bytes | None,
        since: Position | None,
        expires_at: float | None,
        override: Override,
    ) -> None:
        """Subscribe all that can be. Raises what stood in the way of the first that could not."""
        outcomes = await asyncio.gather(
            *(
                connection.subscribe_from_server(
                    channel, info=info, data=data, since=since, expires_at=expires_at, override=override
                )
                for connection in self._found
            ),
            return_exceptions=True,
        )
        for connection, outcome in zip(self._found, outcomes, strict=True):
            if isinstance(outcome, BaseException) and connection.closed is None:
                raise outcome

    def unsubscribe(self, channel: str | None, code: int, reason: str | None) -> None:
        """From one channel, or, with None, from all."""
        for connection in self._found:
            for name in [channel] if channel is not None else list(connection.subscriptions):
                connection.unsubscribe_from_server(name, code, reason)

    def refresh(self, expires_at: float | None, info: bytes | None) -> None:
        """Let them expire at another time; None: never."""
        for connection in self._found:
            connection.refresh_from_server(expires_at, info)

    def close(self, code: int, reason: str | None = None) -> None:
        for connection in self._found:
            connection.close(Disconnect(code, reason))
