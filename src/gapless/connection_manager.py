"""`ConnectionManager`: the class that many FastAPI projects copy, without its faults.

The same methods and the same frames: one history frame on connect, then each message as it was
broadcast. What the copies suffer from is gone: no client waits for another, nothing is sent twice
or left out between history and live, and every client sees the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from starlette.websockets import WebSocket

from .audience.audience import DONE, LIMITS, Audience, Sent
from .audience.kept import Kept
from .audience.relay import way_of
from .isolation.outgoing import Outgoing, as_json, outgoing
from .model import Stats
from .options import Limits, MiB

HISTORY_BYTES = 16 * MiB
"""Kept by default. All of it is one frame, as in the class that is copied."""

EVERYBODY = "everybody"


class ConnectionManager:
    """Accepts WebSockets, replays what is kept, and broadcasts to everybody.

    `keeps` says which messages are kept, by the name in their `channel`; by default those that
    end in `:logs` or `:events`. The newest `size` of them are replayed, of at most `history_bytes`.
    `history_channel` is the name in the history frame; by default the prefix of what is kept, so
    that `app:logs` is replayed as `app:history`.

    With a `store` (`sqlite:///app.db`, `redis://…`) what is broadcast in one process reaches the
    clients of all that have the same, in one order, and what is kept survives a restart.
    `sqlite:///app.db#chat` has nothing to do with others of another name in that file. Awaiting a
    broadcast then waits for the store, and raises BrokerError when that did not take it; without
    await a failure is logged.

    It needs no lifespan. A client that accepts no byte of what waits for it for
    `limits.stall_timeout`, or for which more than 16 MiB wait, is closed with 3008 as soon as its
    socket takes that; it is no longer in `active` from then on, and its endpoint's `receive` ends
    with the close. What an endpoint sends by itself keeps its place among the broadcasts.
    """

    def __init__(
        self,
        *,
        size: int = 200,
        keeps: Callable[[str], bool] | None = None,
        history_channel: str | None = None,
        history_bytes: int = HISTORY_BYTES,
        limits: Limits | None = None,
        store: str | None = None,
    ) -> None:
        self._keeps = keeps or _ends_in_logs_or_events
        self._history_channel = history_channel
        self._limits = limits or LIMITS
        self._audience = Audience(Kept(size, history_bytes, history_bytes), self._limits, self._history)
        kept = {"size": size, "history_bytes": history_bytes}
        self._way = way_of(store, self._audience, self._limits, everybody=EVERYBODY, **kept)
        self._history_frame: tuple[int, Outgoing] | None = None

    # -- who is there

    @property
    def active(self) -> list[WebSocket]:
        """The connections that are there now."""
        return self._audience.members(EVERYBODY)

    @property
    def active_connections(self) -> list[WebSocket]:
        """`active`, by its other name. A list of its own: leaving is `disconnect`."""
        return self.active

    @property
    def log_buffer(self) -> list[dict[str, Any]]:
        """The messages that are kept now, oldest first."""
        return [orjson.loads(one.data) for one in self._audience.kept.of(EVERYBODY)]

    async def connect(self, websocket: WebSocket) -> None:
        """Accept, register and replay. Accepts only what was not accepted yet.

        Raises:
            BrokerError: the store cannot be opened.
        """
        await self._way.ready()
        await self._audience.enter(websocket, (EVERYBODY,))

    def disconnect(self, websocket: WebSocket) -> Sent:
        """Forget a connection; what waits for it still goes out. May be awaited, and need not be.

        Forgetting one that is unknown does nothing.
        """
        self._audience.leave(websocket)
        return DONE

    # -- what they are told

    def broadcast(self, message: Any) -> Sent:
        """Send a message to everybody; never waits for a client. May be awaited, and need not be.

        Text and bytes go out as they are, anything else as JSON; what is kept is a mapping with a
        `channel`. Works on any loop, in any thread and from sync code. Awaiting it gives others a turn.

        Raises:
            TypeError: the message cannot be JSON.
            LimitExceeded: it is larger than `limits.server_payload_bytes`.
            Overloaded: another loop has not taken `limits.in_flight_bytes` of what was broadcast before.
        """
        has_channel = type(message) is dict or (not isinstance(message, str) and isinstance(message, Mapping))
        keep = has_channel and self._keeps(str(message.get("channel", "")))
        told = outgoing(message, self._limits.server_payload_bytes)
        return self._way.tell(EVERYBODY, told, keep=keep)

    def broadcast_json(self, data: Any) -> Sent:
        """As `broadcast`, but a string too is sent as JSON."""
        return self.broadcast(as_json(data) if isinstance(data, str) else data)

    def broadcast_text(self, text: str) -> Sent:
        """As `broadcast`."""
        return self.broadcast(text)

    def broadcast_bytes(self, data: bytes) -> Sent:
        """As `broadcast`."""
        return self.broadcast(data)

    def publish(self, message: Any) -> None:
        """`broadcast` for who prefers a plain function. Raises what `broadcast` does."""
        self.broadcast(message)

    def send_personal_message(self, message: Any, websocket: WebSocket) -> Sent:
        """Send a message to one connection, as `broadcast` would; it keeps its place among the broadcasts.

        The arguments may be the other way round. Raises what `broadcast` does.
        """
        if isinstance(message, WebSocket):
            message, websocket = websocket, message
        return self._way.tell_one(websocket, outgoing(message, self._limits.server_payload_bytes))

    def send_json(self, data: Any, websocket: WebSocket) -> Sent:
        """As `send_personal_message`, but a string too is sent as JSON."""
        if isinstance(data, WebSocket):
            data, websocket = websocket, data
        return self.send_personal_message(as_json(data) if isinstance(data, str) else data, websocket)

    send_personal_json = send_json
    send_message = send_text = send_bytes = send_personal_message

    def stats(self) -> Stats:
        """Counts and how things stand: see `Stats`."""
        return self._audience.stats()

    def _history(self, kept: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """One frame with everything that is kept; none when nothing is."""
        if not kept:
            return ()
        revision = self._audience.kept.revision
        if self._history_frame is None or self._history_frame[0] != revision:
            first = str(kept[0].data)
            name = as_json(self._history_channel or _history_name(first))
            body = ",".join(str(one.data) for one in kept)
            self._history_frame = revision, Outgoing(f'{{"channel":{name},"data":[{body}]}}')
        return (self._history_frame[1],)


def _ends_in_logs_or_events(channel: str) -> bool:
    return channel.endswith((":logs", ":events"))


def _history_name(payload: str) -> str:
    channel = str(orjson.loads(payload).get("channel", ""))
    return channel.rpartition(":")[0] + ":history" if ":" in channel else "history"
