"""`Rooms`: the keyed sibling of `ConnectionManager`, for users, rooms and whatever else has a key."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from starlette.websockets import WebSocket

from .audience.audience import DONE, LIMITS, Audience, Sent
from .audience.kept import Kept
from .audience.relay import way_of
from .isolation.outgoing import outgoing
from .model import Stats
from .options import Limits, MiB

HISTORY_BYTES = 1 * MiB
"""Kept of one key by default."""

TOTAL_HISTORY_BYTES = 64 * MiB
"""Kept of all keys; the one that was told nothing for longest loses what it has first."""

STORED_KEYS, STORED_MESSAGES = 1000, 100_000
"""A store keeps the history of so many keys in full, and so many messages of all."""

EVERYBODY = object()
"""The key that all connections have."""


class Rooms:
    """Accepts WebSockets under keys, and tells those under a key what is meant for them.

    A key is any hashable value. A connection may have several, come to more and leave some. With
    `history` the newest so many broadcasts of each key, of at most `history_bytes`, are told again to
    who comes under it, each as it was, and then what follows: nothing twice and nothing left out.

    With a `store` (`sqlite:///app.db`, `redis://…`) what is sent in one process reaches those under
    the key in all that have the same, in one order, and what is kept survives a restart; keys are
    text or whole numbers then. `sqlite:///app.db#chat` has nothing to do with others of another
    name in that file.

    Clients that do not take what they are sent are treated as in `ConnectionManager`.
    """

    def __init__(
        self,
        *,
        history: int = 0,
        history_bytes: int = HISTORY_BYTES,
        limits: Limits | None = None,
        store: str | None = None,
    ) -> None:
        self._limits = limits or LIMITS
        self._audience = Audience(Kept(history, history_bytes, TOTAL_HISTORY_BYTES), self._limits)
        kept = {"size": min(history * STORED_KEYS, STORED_MESSAGES), "history_bytes": TOTAL_HISTORY_BYTES}
        self._way = way_of(store, self._audience, self._limits, everybody=EVERYBODY, **kept)

    async def connect(self, websocket: WebSocket, *keys: Hashable) -> None:
        """Let a connection stand under these keys, beside those it has. Accepts what was not accepted yet.

        Raises:
            BrokerError: the store cannot be opened.
        """
        await self._way.ready()
        await self._audience.enter(websocket, (EVERYBODY, *keys))

    def disconnect(self, websocket: WebSocket, *keys: Hashable) -> Sent:
        """Forget a connection under these keys, without any under all. May be awaited, and need not be.

        What waits for it still goes out. Forgetting what is unknown does nothing.
        """
        self._audience.leave(websocket, keys or None)
        return DONE

    def members(self, key: Hashable = EVERYBODY) -> list[WebSocket]:
        """The connections that are there now under a key, without one all, as they came."""
        return self._audience.members(key)

    def broadcast(self, message: Any, key: Hashable = EVERYBODY) -> Sent:
        """Send to all under a key, and keep it for who comes; without a key to each connection once.

        Text and bytes go out as they are, anything else as JSON. Never waits for a client; works on any
        loop, in any thread and from sync code. May be awaited, which gives others a turn, and need not be.

        Raises:
            TypeError: the message cannot be JSON.
            LimitExceeded: it is larger than `limits.server_payload_bytes`.
            Overloaded: another loop has not taken `limits.in_flight_bytes` of what was told before.
        """
        keep = key is not EVERYBODY
        return self._way.tell(key, outgoing(message, self._limits.server_payload_bytes), keep=keep)

    def send(self, message: Any, to: Hashable | WebSocket) -> Sent:
        """Send to those who are under a key now, or to one connection; nothing of it is kept.

        Its place among the broadcasts is that of the calls. Raises what `broadcast` does.
        """
        told = outgoing(message, self._limits.server_payload_bytes)
        if isinstance(to, WebSocket):
            return self._way.tell_one(to, told)
        return self._way.tell(to, told)

    def stats(self) -> Stats:
        """Counts and how things stand: see `Stats`. Its channels are the keys that somebody has."""
        return self._audience.stats()
