"""The live connections of a user, a client or a session, for what an application does to them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Disconnect
from ..model import NO_SUBSCRIPTION, Position, ServerSubscription
from .roster import Connected


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose connections are meant; None for any."""

    user: str | None = None
    client: str | None = None
    session: str | None = None
    keep: frozenset[str] = frozenset()


Tell = Callable[..., None]
"""`tell(verb, whom, **arguments)`: have all other nodes do the same."""


class Connections:
    """Those of this node that there were when this was made.

    Each verb returns how many these are, as `len` does. With a broker whose nodes talk to each other the
    others are told to do the same to theirs, which nobody counts.
    """

    def __init__(self, found: list[Connected], whom: Whom | None = None, tell: Tell | None = None) -> None:
        self._found = found
        self._whom = whom or Whom()
        self._tell = tell

    def __len__(self) -> int:
        return len(self._found)

    def but(self, clients: frozenset[str]) -> Connections:
        """The same without these client ids."""
        kept = [each for each in self._found if each.client not in clients]
        return Connections(kept, replace(self._whom, keep=self._whom.keep | clients), self._tell)

    def _tell_others(self, verb: str, **arguments: Any) -> None:
        if self._tell is not None:
            self._tell(verb, self._whom, **arguments)

    async def subscribe(
        self, channel: str, server: ServerSubscription = NO_SUBSCRIPTION, *, since: Position | None = None
    ) -> int:
        """Subscribe them on their clients' behalf, as `server` says; `since` recovers.

        Who is subscribed already is left alone; each that can be subscribed is.

        Raises:
            ClientError, BrokerError: what stood in the way of the first that could not.
        """
        self._tell_others("subscribe", channel=channel, server=server, since=since)
        outcomes = await asyncio.gather(
            *(each.subscribe_from_server(channel, server, since) for each in self._found),
            return_exceptions=True,
        )
        for each, outcome in zip(self._found, outcomes, strict=True):
            if isinstance(outcome, BaseException) and each.flow.closed is None:
                raise outcome
        return len(self._found)

    def unsubscribe(self, channel: str | None, code: int = 2000, reason: str | None = None) -> int:
        """End their subscriptions to one channel, or, with None, to all."""
        self._tell_others("unsubscribe", channel=channel, code=code, reason=reason)
        for each in self._found:
            for name in [channel] if channel is not None else list(each.channels):
                each.unsubscribe_from_server(name, code, reason)
        return len(self._found)

    def refresh(self, expires_at: float | None, info: bytes | None = None) -> int:
        """Let them expire at another time, in Unix seconds, or never; `info` is JSON bytes others see."""
        self._tell_others("refresh", expires_at=expires_at, info=info)
        for each in self._found:
            each.refresh_from_server(expires_at, info)
        return len(self._found)

    def close(self, code: int = 3503, reason: str | None = None) -> int:
        """Close them with a code of the Centrifuge protocol and a reason."""
        self._tell_others("close", code=code, reason=reason)
        for each in self._found:
            each.close(Disconnect(code, reason))
        return len(self._found)
