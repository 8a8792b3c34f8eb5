"""`ConnectionManager`: the class that many FastAPI projects copy, on the hub.

The same methods and the same frames: one history frame on connect, then each message as it was
broadcast. What the copies suffer from is gone: no client waits for another, nothing is sent twice
or left out between history and live, and every client sees the same order.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketState

from .brokers.memory import MemoryBroker
from .core.cursor import Lost
from .core.log import Entry, SteadyView
from .errors import Disconnect, LimitExceeded, NotRunning
from .hooks.events import Client
from .hub import Hub
from .model import Draft, Grant, Publication, Stats
from .node.receipt import Receipt
from .options import ChannelOptions, Limits, MiB
from .protocol.encode import encode
from .sessions.catchup import Catchup
from .sessions.session import Session
from .sessions.subscription import Subscription
from .transports.writer import Writer, flows, log_lost

log = logging.getLogger("gapless")

CHANNEL = "messages"
"""The one internal channel: so the order across all channels of the messages stays what it was."""

PATIENCE_SECONDS = 1.0
"""How long `broadcast` waits for another loop to take a message, so that it does not outrun it."""

LIMITS = Limits(server_payload_bytes=16 * MiB, in_flight_bytes=256 * MiB)


class ConnectionManager:
    """Accepts WebSockets, replays what is kept, and broadcasts to everybody.

    `keeps` says which messages are kept, by the name in their `channel`; by default those that
    end in `:logs` or `:events`. The newest `size` of them are replayed. `history_channel` is the
    name in the history frame; by default the prefix of what is kept, so that `app:logs` is
    replayed as `app:history`.

    It needs no lifespan: it starts on the loop of its first client. A client that falls further
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
        # One hub for each loop that has clients: a server has one, tests make one after the other.
        # Who publishes holds the lock, so that no message slips in between what a new hub is given
        # and what it is told.
        self._lock = threading.Lock()
        self._hubs: dict[asyncio.AbstractEventLoop, _LoopHub] = {}
        self._newest = _LoopHub(self._options, self._limits)
        self._buffer: deque[bytes] = deque(maxlen=size)
        self._sessions: dict[int, _DropInSession] = {}
        self._ids = itertools.count(1)
        self._frame: tuple[Any, str] | None = None

    @property
    def active(self) -> list[WebSocket]:
        """The connections that are there now."""
        found = [session.websocket() for session in list(self._sessions.values())]
        return [websocket for websocket in found if websocket is not None and not _is_over(websocket)]

    @property
    def log_buffer(self) -> list[dict[str, Any]]:
        """The messages that are kept now, oldest first."""
        with self._lock:
            kept = list(self._buffer)
        return [orjson.loads(payload) for payload in kept]

    def stats(self) -> Stats:
        """Counts and how things stand: see `Stats`."""
        return self._newest.stats()

    async def connect(self, websocket: WebSocket) -> None:
        """Accept, register and replay. Accepts only what was not accepted yet."""
        if websocket.application_state is WebSocketState.CONNECTING:
            await websocket.accept()
        if self._find(websocket) is not None:
            return
        hub = await self._hub_here()
        session = _DropInSession(hub, websocket, number=next(self._ids), on_end=self._forget)
        self._sessions[session.key] = session
        try:
            await session.begin_reading(self._history_frame)
        except BaseException:
            session.end(Disconnect(3004))
            session.stop_writing()
            raise

    def disconnect(self, websocket: WebSocket) -> None:
        """Forget a connection. Forgetting one that is unknown does nothing."""
        session = self._find(websocket)
        if session is not None:
            session.leave()

    async def broadcast(self, message: Mapping[str, Any]) -> None:
        """Send `{"channel": …, "data": …}` to everybody; never waits for a client.

        Works on any loop and in any thread. From sync code call `publish`.

        Raises:
            TypeError: the message cannot be JSON.
            LimitExceeded: it is larger than `limits.server_payload_bytes`.
            Overloaded: more is in flight than `limits.in_flight_bytes`.
        """
        receipts = self._publish(message)
        here = asyncio.get_running_loop()
        for loop, receipt in receipts:
            if loop is here:
                await receipt
            else:
                await asyncio.to_thread(_wait, receipt)
        if not receipts:
            await asyncio.sleep(0)

    def publish(self, message: Mapping[str, Any]) -> None:
        """`broadcast` for sync code, from any thread: returns at once. Raises what `broadcast` does."""
        self._publish(message)

    def _publish(self, message: Mapping[str, Any]) -> list[tuple[asyncio.AbstractEventLoop, Receipt]]:
        payload = encode(message)
        if len(payload) > self._limits.server_payload_bytes:
            limit = self._limits.server_payload_bytes
            raise LimitExceeded("bytes of a message", limit, len(payload), code=107)
        keep = self._keeps(str(message.get("channel", "")))
        draft = Draft(payload, skip_history=not keep)
        with self._lock:
            receipts = []
            for loop, hub in self._hubs.items():
                if loop.is_closed():
                    continue
                try:
                    receipts.append((loop, hub.node.intake.publish(CHANNEL, draft)))
                except NotRunning:
                    pass  # closed just now, and its clients with it
            if keep:
                self._buffer.append(payload)
        return receipts

    # -- history

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

    # -- hubs

    async def _hub_here(self) -> _LoopHub:
        """The hub of the running loop; the loop's first client starts it, with what is kept."""
        loop = asyncio.get_running_loop()
        hub = self._hubs.get(loop)
        if hub is not None:
            return hub
        hub = _LoopHub(self._options, self._limits)
        await hub.start()
        with self._lock:
            self._forget_closed_loops()
            first = self._hubs.setdefault(loop, hub)
            if first is hub:
                self._newest = hub
                for payload in self._buffer:
                    hub.node.intake.publish(CHANNEL, Draft(payload))
        if first is not hub:
            await hub.close()  # somebody else was first
        return first

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._hubs if loop.is_closed()]:
            hub = self._hubs.pop(loop)
            for session in [session for session in self._sessions.values() if session.hub is hub]:
                self._forget(session)

    # -- connections

    def _find(self, websocket: WebSocket) -> _DropInSession | None:
        session = self._sessions.get(id(websocket))
        return session if session is not None and session.websocket() is websocket else None

    def _forget(self, session: _DropInSession) -> None:
        if self._sessions.get(session.key) is session:
            del self._sessions[session.key]


class _LoopHub(Hub):
    """The hub of one loop. Its ring is there from the start and stays."""

    def __init__(self, options: ChannelOptions, limits: Limits) -> None:
        super().__init__(MemoryBroker(limits), channels={CHANNEL: options}, limits=limits)

    async def start(self) -> None:
        await super().start()
        await self.node.rings.join(CHANNEL)


class _DropInSession(Session):
    """One WebSocket of somebody's endpoint: written to here, read from there.

    Only a weak reference is held: when the endpoint has ended without a word, its WebSocket is
    gone, and so is the session.
    """

    __slots__ = ("_on_end", "_writer", "hub", "key", "websocket")

    def __init__(
        self, hub: _LoopHub, websocket: WebSocket, *, number: int, on_end: Callable[[_DropInSession], None]
    ) -> None:
        self.hub = hub
        self.key = id(websocket)
        self._on_end = on_end
        self.websocket = weakref.ref(websocket, _leaving(weakref.ref(self)))
        self._writer = Writer(self._send, self._send_close, hub.limits, eager=flows())
        self._writer.on_lost = self._lost
        client = Client(str(number))
        super().__init__(hub.node, self._writer, client=client.id, grant=Grant(operator=True), about=client)
        self._writer.on_room = self.flow.on_room
        self.open()

    async def begin_reading(self, history_frame: Callable[[list[Publication]], str | None]) -> None:
        subscription = self.subscriptions[CHANNEL] = Subscription(self, CHANNEL, _VIEW)
        channel = await self.node.rings.join(CHANNEL)
        subscription.sit(channel)
        # Memory never waits: nothing is awaited from the look at what is kept to standing right behind it.
        _, kept, _ = await Catchup(self.node, channel, subscription.cursor).begin(None, None)
        frame = history_frame(kept)
        if frame is not None:
            self.flow.outlet.push((frame,), len(frame))
        subscription.go_live()

    async def _send(self, frame: str) -> None:
        websocket = self.websocket()
        if websocket is None or _is_over(websocket):
            raise ConnectionResetError("the endpoint is gone")
        await websocket.send_text(frame)

    async def _send_close(self, code: int, reason: str) -> None:
        websocket = self.websocket()
        if websocket is not None and not _is_over(websocket):
            await websocket.close(code, reason)

    def check(self, now: float) -> None:
        websocket = self.websocket()
        if websocket is None or _is_over(websocket):
            self.leave()
        else:
            super().check(now)

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        self.node.counters.slow_disconnects += 1
        self.close(Disconnect(3008))
        return False

    def leave(self) -> None:
        """End without a word, from whichever thread."""
        self._on_end(self)
        if self._loop.is_closed():
            return  # and with it everything that was under way
        if self.hub.is_here():
            self._leave()
        else:
            self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self.end(Disconnect(3000))
        self.stop_writing()

    def stop_writing(self) -> None:
        self._writer.abort()

    def end(self, disconnect: Disconnect) -> None:
        if self.closed is None:
            super().end(disconnect)
            self._on_end(self)

    def _lost(self, error: Exception) -> None:
        log_lost(error, self.node.counters)
        self.end(Disconnect(3000))


def _leaving(session: weakref.ref[_DropInSession]) -> Callable[[object], None]:
    """What happens when the endpoint's WebSocket is no more."""

    def leave(_: object) -> None:
        left = session()
        if left is not None and left.closed is None:
            left.leave()

    return leave


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

    def concat(self, chunks: list[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(frame for chunk in chunks for frame in chunk)


_VIEW = _RawView()


def _is_over(websocket: WebSocket) -> bool:
    """Was it closed, or was the endpoint told that the client left?"""
    return WebSocketState.DISCONNECTED in (websocket.client_state, websocket.application_state)


def _wait(receipt: Receipt) -> None:
    """For a loop that is not ours: a while, for it may end before it answers."""
    try:
        receipt.result(PATIENCE_SECONDS)
    except TimeoutError:
        pass  # it is on its way all the same


def _ends_in_logs_or_events(channel: str) -> bool:
    return channel.endswith((":logs", ":events"))


def _history_name(payload: bytes) -> str:
    channel = str(orjson.loads(payload).get("channel", ""))
    return channel.rpartition(":")[0] + ":history" if ":" in channel else "history"
