"""`ConnectionManager`: the class that many FastAPI projects copy, on the hub.

The same methods and the same frames: one history frame on connect, then each message as it was
broadcast. What the copies suffer from is gone: no client waits for another, nothing is sent twice
or left out between history and live, and every client sees the same order.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketState

from .brokers.memory import MemoryBroker
from .core.cursor import Lost
from .core.log import Entry, SteadyView
from .errors import Disconnect
from .hooks import Client
from .hub import Hub, encode
from .model import Grant, Publication, Stats
from .options import ChannelOptions, Limits, MiB
from .receipt import Receipt
from .session import Session
from .subscription import Subscription
from .transports.writer import Writer, flows, log_lost

log = logging.getLogger("gapless")

CHANNEL = "messages"
"""The one internal channel: so the order across all channels of the messages stays what it was."""

LIMITS = Limits(server_payload_bytes=16 * MiB, in_flight_bytes=256 * MiB)


class ConnectionManager:
    """Accepts WebSockets, replays what is kept, and broadcasts to everybody.

    `keeps` says which messages are kept, by the name in their `channel`; by default those that
    end in `:logs` or `:events`. The newest `size` of them are replayed. `history_channel` is the
    name in the history frame; by default the prefix of what is kept, so that `app:logs` is
    replayed as `app:history`.

    It starts itself on the running loop when it is first used. A client that falls further
    behind than the ring reaches is closed with 3008; one that accepts nothing for
    `limits.stall_timeout` is detached and counted in `stats().counters`.
    """

    def __init__(
        self,
        *,
        size: int = 200,
        keeps: Callable[[str], bool] | None = None,
        history_channel: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._keeps = keeps or _ends_in_logs_or_events
        self._history_channel = history_channel
        self._limits = limits or LIMITS
        self._options = ChannelOptions(
            history=size, history_bytes=None, ring=4096, ring_bytes=64 * MiB, on_gap="disconnect"
        )
        self._make_hub()
        self._ids = itertools.count(1)
        self._frame: tuple[Any, str] | None = None

    @property
    def active(self) -> list[WebSocket]:
        """The connections that are there now."""
        found = (session.websocket() for session in self._sessions.values())
        return [websocket for websocket in found if websocket is not None]

    @property
    def log_buffer(self) -> list[dict[str, Any]]:
        """The messages that are kept now, oldest first."""
        return [orjson.loads(payload) for payload in self._kept()]

    def stats(self) -> Stats:
        """Counts and how things stand: see `Stats`."""
        return self._hub.stats()

    async def connect(self, websocket: WebSocket) -> None:
        """Accept, register and replay. Accepts only what was not accepted yet."""
        if websocket.application_state is WebSocketState.CONNECTING:
            await websocket.accept()
        if self._find(websocket) is not None:
            return
        hub = await self._running_hub()
        session = _DropInSession(hub, websocket, number=next(self._ids), on_end=self._forget)
        self._sessions[session.number] = session
        try:
            await session.begin_reading(self._history_frame)
        except BaseException:
            session.end(Disconnect(3004))
            raise

    def disconnect(self, websocket: WebSocket) -> None:
        """Forget a connection. Forgetting one that is unknown does nothing."""
        session = self._find(websocket)
        if session is not None:
            session.end(Disconnect(3000))
            session.stop_writing()

    async def broadcast(self, message: Mapping[str, Any]) -> None:
        """Send `{"channel": …, "data": …}` to everybody; never waits for a client.

        Works on any loop and in any thread. From sync code call `publish`.

        Raises:
            TypeError: the message cannot be JSON.
        """
        await self._running_hub()
        receipt = self.publish(message)
        if self._hub.is_here():
            await receipt
        else:
            await asyncio.to_thread(receipt.result)

    def publish(self, message: Mapping[str, Any]) -> Receipt:
        """`broadcast` for sync code, from any thread: returns at once.

        Raises:
            TypeError: the message cannot be JSON.
            NotRunning: nobody has connected or broadcast yet.
        """
        keep = self._keeps(str(message.get("channel", "")))
        return self._hub.publish(CHANNEL, message, skip_history=not keep)

    # -- history

    def _kept(self) -> list[bytes]:
        return [publication.payload for publication in self._broker.kept(CHANNEL)]

    def _history_frame(self, publications: list[Publication]) -> str | None:
        """One frame with everything that is kept; None when nothing is."""
        if not publications:
            return None
        at = publications[-1].position, len(publications)
        if self._frame is None or self._frame[0] != at:
            name = self._history_channel or _history_name(publications[0].payload)
            body = b",".join(publication.payload for publication in publications)
            frame = b'{"channel":%b,"data":[%b]}' % (encode(name), body)
            self._frame = at, frame.decode()
        return self._frame[1]

    async def _running_hub(self) -> Hub:
        """The hub, running. When its loop is gone (tests make one each), a new one takes over."""
        if self._hub.is_stranded():
            kept = self._kept()
            self._make_hub()
            await self._hub.start()
            for payload in kept:
                await self._hub.publish(CHANNEL, orjson.Fragment(payload))
        elif not self._hub.running:
            await self._hub.start()
        return self._hub

    def _make_hub(self) -> None:
        self._broker = MemoryBroker(self._limits)
        self._hub = Hub(self._broker, channels={CHANNEL: self._options}, limits=self._limits)
        self._sessions: dict[int, _DropInSession] = {}

    # -- connections

    def _find(self, websocket: WebSocket) -> _DropInSession | None:
        for session in self._sessions.values():
            if session.websocket() is websocket:
                return session
        return None

    def _forget(self, session: _DropInSession) -> None:
        self._sessions.pop(session.number, None)


class _DropInSession(Session):
    """One WebSocket of somebody's endpoint: written to here, read from there.

    Only a weak reference is held: when the endpoint has ended without a word, its WebSocket is
    gone, and so is the session.
    """

    __slots__ = ("_hub", "_on_end", "_writer", "number", "websocket")

    def __init__(
        self, hub: Hub, websocket: WebSocket, *, number: int, on_end: Callable[[_DropInSession], None]
    ) -> None:
        self.number = number
        self._on_end = on_end
        self._hub = hub
        self.websocket = weakref.ref(websocket, self._abandoned)
        # Starlette keeps the server's `send` here; without it the writer's task does all the sending.
        eager = flows(getattr(websocket, "_send", None))
        self._writer = Writer(self._send, self._send_close, hub.limits, eager=eager)
        self._writer.on_room = self.on_room
        self._writer.on_lost = self._lost
        client = Client(str(number))
        super().__init__(
            hub.node, hub.rules, self._writer, client=client.id, grant=Grant(operator=True), about=client
        )
        self.open()

    async def begin_reading(self, history_frame: Callable[[list[Publication]], str | None]) -> None:
        subscription = self.subscriptions[CHANNEL] = Subscription(self, CHANNEL, _VIEW)
        subscription.sit(await self.node.join(CHANNEL))
        interest = subscription.ring.head
        page = await self.node.page(CHANNEL)
        cursor = subscription.cursor
        cursor.epoch, cursor.offset = page.top.epoch, page.top.offset
        frame = history_frame(page.publications)
        if frame is not None:
            self.outlet.push((frame,), len(frame))
        subscription.go_live(interest)

    async def _send(self, frame: str) -> None:
        websocket = self.websocket()
        if websocket is None:
            raise ConnectionResetError("the endpoint is gone")
        await websocket.send_text(frame)

    async def _send_close(self, code: int, reason: str) -> None:
        websocket = self.websocket()
        if websocket is not None:
            await websocket.close(code, reason)

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        self.node.counters.slow_disconnects += 1
        self.close(Disconnect(3008))
        return False

    def _lost(self, error: Exception) -> None:
        log_lost(error, self.node.counters)
        self.end(Disconnect(3000))

    def _abandoned(self, _: object) -> None:
        if self.closed is None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_abandoned)

    def _end_abandoned(self) -> None:
        self.end(Disconnect(3000))
        self.stop_writing()

    def stop_writing(self) -> None:
        self._writer.abort()

    def end(self, disconnect: Disconnect) -> None:
        if self.closed is None:
            super().end(disconnect)
            self._on_end(self)


class _RawView(SteadyView):
    """Each message as it was broadcast."""

    key = "drop-in"

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> str | None:
        frame: str | None = entry.frames.get(self.key)
        if frame is None and entry.publication is not None:
            frame = entry.frames[self.key] = entry.publication.payload.decode()
        return frame

    def join(self, channel: str, frames: list[Any]) -> tuple[str, ...]:
        return tuple(frames)


_VIEW = _RawView()


def _ends_in_logs_or_events(channel: str) -> bool:
    return channel.endswith((":logs", ":events"))


def _history_name(payload: bytes) -> str:
    channel = str(orjson.loads(payload).get("channel", ""))
    return channel.rpartition(":")[0] + ":history" if ":" in channel else "history"
