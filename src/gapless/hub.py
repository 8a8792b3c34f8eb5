"""The hub: what an application holds. Publish, subscribe, read, and say who may do what."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import orjson

from .auth.claims import NO_OVERRIDE, Override
from .brokers.base import Broker, PresenceStore
from .brokers.memory import MemoryBroker, MemoryPresence
from .core.cursor import Lost
from .errors import BadRequest, ConfigError, Disconnect, LimitExceeded, NotRunning, Overloaded
from .farewell import Farewell
from .hooks import Hook, Hooks
from .listener import Listener
from .metrics import Counters
from .model import Draft, History, Member, Position, Stats
from .node import Node
from .options import ChannelOptions, Limits
from .patterns import PatternMap
from .receipt import Receipt
from .session import Rules, Session

log = logging.getLogger("gapless")

H = TypeVar("H", bound=Hook)

_RESOLVED_MAX = 100_000
"""Channel names whose options are remembered; a cache, emptied when it is full."""

_INBOX_SLICE = 256
"""Publications of other threads taken in one turn of the loop; the rest after the flush had a turn."""

_NOT_STARTED = (
    "the hub is not running: use `async with hub:`, or pass `lifespan=hub.lifespan` to your application "
    "(FastAPI(lifespan=hub.lifespan)), or serve HubApp(hub) as the root application"
)


class Hub:
    """A realtime hub. Making one opens nothing; it runs between `start` and `close`, on one loop.

    `broker` is a URL (`memory://`) or a broker. `channels` declares which channels clients may
    subscribe to, by pattern: the longest that matches gives a channel its options. Channels that
    match none are the application's own.

    Raises:
        ConfigError: an option that cannot be.
    """

    def __init__(
        self,
        broker: str | Broker = "memory://",
        *,
        channels: Mapping[str, ChannelOptions] | None = None,
        limits: Limits | None = None,
        presence: PresenceStore | None = None,
        name: str | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.counters = Counters()
        self.hooks = Hooks(self.counters)
        self.uid = str(uuid.uuid4())
        self.name = name or f"{socket.gethostname()}_{os.getpid()}"
        self._patterns = PatternMap(dict(channels or {}))
        self._resolved: dict[str, ChannelOptions | None] = {}
        broker = _broker_from(broker, self.limits) if isinstance(broker, str) else broker
        self.node = Node(
            broker, presence or MemoryPresence(self.limits), self.options, self.limits, self.counters
        )
        self.rules = Rules(
            declared=self.declared,
            publish=self.publish_draft,
            check_channel=self.check_channel,
            encode=encode,
            hooks=self.hooks,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changing: asyncio.Future[None] | None = None
        self._thread: int | None = None
        self._inbox: deque[tuple[str, Draft, Receipt]] = deque()
        self._inbox_lock = threading.Lock()
        self._inbox_bytes = 0
        self._waking = False
        self._started_at = 0.0
        self._uses = 0
        self._draining = False
        self._farewell = Farewell(self.drain_soon)

    # -- life

    @property
    def running(self) -> bool:
        return self._loop is not None

    def is_here(self) -> bool:
        """Is this the thread that the hub runs in?"""
        return self._thread == threading.get_ident()

    def is_stranded(self) -> bool:
        """Was the loop that it ran on closed without closing the hub?"""
        return self._loop is not None and self._loop.is_closed()

    async def start(self) -> None:
        """Begin. Starting again on the same loop counts: it ends with as many calls of `close`.

        Raises:
            BrokerError: the broker cannot be reached.
            NotRunning: it runs on another event loop already.
        """
        loop = asyncio.get_running_loop()
        while (changing := self._changing) is not None and changing.get_loop() is loop:
            await asyncio.shield(changing)  # somebody else starts or closes it just now
        if changing is not None or self._loop not in (None, loop):
            raise NotRunning("the hub runs on another event loop already; make one hub per loop")
        if self._loop is not None:
            self._uses += 1
            return
        with self._change(loop):
            await self.node.start()
            self._loop, self._thread = loop, threading.get_ident()
            self._started_at = time.monotonic()
            self._uses = 1
            self._draining = False

    async def close(self) -> None:
        """Say goodbye to every client and stop. What was published is with the broker.

        Hooks that are told of the goodbyes may still publish.
        """
        self._uses -= 1
        if self._uses != 0 or self._loop is None:
            return
        with self._change(self._loop):
            self.drain()
            try:
                await self.node.farewell()
            finally:
                with self._inbox_lock:
                    self._loop = self._thread = None  # from here on nothing comes into the inbox
                while self._inbox:
                    self._drain_inbox()
                await self.node.close()

    @contextmanager
    def _change(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        changing = self._changing = loop.create_future()
        try:
            yield
        finally:
            self._changing = None
            changing.set_result(None)

    def drain(self) -> None:
        """Close every connection with 3001; they come back elsewhere with their positions.

        Call it on the hub's loop; from a signal handler or another thread call `drain_soon`.
        """
        self._draining = True
        for session in list(self.node.sessions.values()):
            session.close(Disconnect(3001))

    def drain_soon(self) -> None:
        """`drain` in the loop's next turn, from wherever this is called."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.drain)

    def unready(self) -> str | None:
        """Why the hub cannot take publications or clients just now; None when it can."""
        if self._loop is None:
            return "the hub is not running"
        return "the hub is shutting down" if self._draining else None

    async def __aenter__(self) -> Self:
        """As `start`; and in the main thread SIGINT and SIGTERM also drain it, see `Farewell`."""
        await self.start()
        self._farewell.begin()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        finally:
            if not self.running:
                self._farewell.end()

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncIterator[None]:
        """For applications: `FastAPI(lifespan=hub.lifespan)`."""
        async with self:
            yield

    # -- channels

    def declared(self, channel: str) -> ChannelOptions | None:
        """The options of a channel that clients may know, else None."""
        try:
            return self._resolved[channel]
        except KeyError:
            if len(self._resolved) >= _RESOLVED_MAX:
                self._resolved.clear()
            options = self._resolved[channel] = self._patterns.find(channel)
            return options

    def options(self, channel: str) -> ChannelOptions:
        """The options of any channel."""
        return self.declared(channel) or _DEFAULT

    def check_channel(self, channel: str) -> None:
        """Raises BadRequest (107) unless this is a name that a channel can have."""
        if not channel:
            raise BadRequest("a channel's name is empty")
        if not channel.isprintable():
            raise BadRequest("a channel's name holds control characters or text that is not valid")
        size = len(channel.encode("utf-8", "surrogatepass"))
        if size > self.limits.channel_bytes:
            raise LimitExceeded("bytes of a channel's name", self.limits.channel_bytes, size, code=107)

    # -- publishing

    def publish(
        self,
        channel: str,
        data: Any,
        *,
        tags: Mapping[str, str] | None = None,
        skip_history: bool = False,
        idempotency_key: str | None = None,
        exclude: str | None = None,
    ) -> Receipt:
        """Publish to a channel: everybody who is subscribed gets it, in order.

        A plain function: call it from any thread, from async code or not; it never blocks and
        never waits for a client. `data` is anything JSON can hold. `exclude` is the id of the
        client that published it and knows it already. Publications of one thread keep their
        order. The receipt may be ignored: a failure that nobody looked at is logged and counted.

        Raises:
            BadRequest: the channel cannot exist, or a tag or key is not allowed.
            TypeError: `data` cannot be JSON; the message names what is in the way.
            LimitExceeded: `data` is larger than `Limits.server_payload_bytes`.
            Overloaded: more is in flight than `Limits.in_flight_bytes`.
            NotRunning: the hub was not started.
        """
        payload = encode(data)
        if len(payload) > self.limits.server_payload_bytes:
            raise LimitExceeded(
                "bytes of a publication", self.limits.server_payload_bytes, len(payload), code=107
            )
        draft = Draft(
            payload,
            tags=tags,
            skip_history=skip_history,
            idempotency_key=idempotency_key,
            exclude=exclude,
        )
        return self.publish_draft(channel, draft)

    def publish_draft(self, channel: str, draft: Draft) -> Receipt:
        """Publish what is encoded already. `draft.payload` must be valid JSON without raw newlines."""
        if channel not in self._resolved:
            self.check_channel(channel)
        if draft.tags or draft.idempotency_key is not None:
            _check_draft(draft, self.limits)
        return self._publish(channel, draft)

    def _publish(self, channel: str, draft: Draft) -> Receipt:
        size = len(draft.payload)
        receipt = Receipt(self, channel, size)
        if self._loop is None:
            raise NotRunning(_NOT_STARTED)
        in_flight = self.node.in_flight_bytes + self._inbox_bytes + size
        if in_flight > self.limits.in_flight_bytes:
            self.counters.overloaded += 1
            raise Overloaded(in_flight, self.limits.in_flight_bytes)
        if threading.get_ident() == self._thread:
            self.node.publish(channel, draft, receipt)
            return receipt
        with self._inbox_lock:
            self._wake_up()
            self._inbox.append((channel, draft, receipt))
            self._inbox_bytes += size
        return receipt

    def _wake_up(self) -> None:
        """Have the inbox emptied. One wake-up for a burst: whoever comes before it ran is taken along."""
        if self._loop is None:
            raise NotRunning(_NOT_STARTED)
        if not self._waking:
            try:
                self._loop.call_soon_threadsafe(self._drain_inbox)
            except RuntimeError:
                raise NotRunning(
                    "the event loop that the hub ran on was closed and the hub was not: make a new hub"
                ) from None
            self._waking = True

    def _drain_inbox(self) -> None:
        """Publish what threads have put in, as much in one turn as the flush can keep up with."""
        for _ in range(_INBOX_SLICE):
            with self._inbox_lock:
                if not self._inbox:
                    break
                channel, draft, receipt = self._inbox.popleft()
                self._inbox_bytes -= receipt.size
            try:
                self.node.publish(channel, draft, receipt)
            except Exception as error:
                # The others in the inbox are not lost because of one.
                if not receipt.done:
                    receipt.fail(error)
            if self.node.is_behind(channel):
                break
        with self._inbox_lock:
            self._waking = bool(self._inbox) and self._loop is not None
            if self._waking and self._loop is not None:
                self._loop.call_soon(self._drain_inbox)

    # The desk of receipts.

    def settled(self, receipt: Receipt) -> None:
        if receipt.in_flight:
            self.node.in_flight_bytes -= receipt.size
        if receipt.error is None:
            self.counters.published += 1
        else:
            self.counters.publish_failed += 1

    def relieve(self, channel: str) -> Awaitable[None] | None:
        return self.node.relieve(channel) if self._loop is not None else None

    def unseen(self, error: Exception) -> None:
        self.counters.publish_unnoticed += 1
        log.error("a publication failed and nobody looked at its receipt: %s", error)

    # -- reading

    def subscribe(
        self,
        channel: str,
        *,
        since: Position | str | None = None,
        history: int | None = 0,
        on_gap: Callable[[Lost], None] | None = None,
    ) -> Listener:
        """Listen in this process: `async with hub.subscribe("logs") as feed: async for p in feed`.

        `since` resumes right after a position (a Position, or `EPOCH:OFFSET`); else the newest
        `history` publications come first, all that are kept with None. See `Listener` for gaps.

        Raises:
            ValueError: `since` is no position.
            BadRequest: the channel cannot exist.
        """
        self.check_channel(channel)
        if isinstance(since, str):
            since = Position.parse(since)
        return Listener(self._running_node(), channel, since=since, history=history, on_gap=on_gap)

    async def history(
        self,
        channel: str,
        *,
        since: Position | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> History:
        """Read what a channel keeps: after `since` oldest first, or before it with `reverse`.

        Raises:
            BrokerError: the broker failed.
        """
        self.check_channel(channel)
        after = None if since is None else since.offset
        return await self._running_node().read(channel, after=after, limit=limit, reverse=reverse)

    async def presence(self, channel: str) -> dict[str, Member]:
        """Who is subscribed, by client id; empty where presence is off."""
        return await self._running_node().presence.members(channel)

    async def presence_stats(self, channel: str) -> tuple[int, int]:
        """How many clients are subscribed, and how many distinct users they are."""
        return await self._running_node().presence.counts(channel)

    def channels(self, *, all: bool = False) -> dict[str, int]:  # noqa: A002 - as on the wire
        """How many subscribers each channel has here; with `all` also channels without."""
        node = self._running_node()
        found = dict.fromkeys(node.broker.known(), 0) if all else {}
        return found | node.subscribers()

    def disconnect(
        self,
        *,
        user: str | None = None,
        client: str | None = None,
        session: str | None = None,
        keep: frozenset[str] = frozenset(),
        code: int = 3503,
        reason: str | None = None,
    ) -> int:
        """Close the connections of a user, or one connection; returns how many there were.

        `session` is the secret session id that an emulated or unidirectional connection was told.

        Raises:
            ValueError: neither `user` nor `client` nor `session` was given.
        """
        if user is None and client is None and session is None:
            raise ValueError("disconnect(user=…) or disconnect(client=…): name whom to disconnect")
        gone = [one for one in self._connections(user, client, session) if one.client not in keep]
        for connection in gone:
            connection.close(Disconnect(code, reason))
        return len(gone)

    async def remove_history(self, channel: str) -> None:
        """Drop what a channel keeps; offset and epoch go on. Raises BrokerError."""
        self.check_channel(channel)
        await self._running_node().broker.remove_history(channel)

    async def subscribe_client(
        self,
        channel: str,
        *,
        user: str,
        client: str | None = None,
        session: str | None = None,
        info: bytes | None = None,
        data: bytes | None = None,
        since: Position | None = None,
        expires_at: float | None = None,
        override: Override = NO_OVERRIDE,
    ) -> int:
        """Subscribe a user's connections on their behalf; returns how many there were.

        `info` is JSON bytes that others see, `data` JSON bytes for the client. `since` recovers,
        `override` replaces options of the channel for these seats. Who is subscribed already is
        left alone. An empty user addresses anonymous connections.

        Raises:
            ClientError: a connection could not be subscribed; the others were.
            BrokerError: likewise.
        """
        found = self._connections(user, client, session)
        outcomes = await asyncio.gather(
            *(
                connection.subscribe_from_server(
                    channel, info=info, data=data, since=since, expires_at=expires_at, override=override
                )
                for connection in found
            ),
            return_exceptions=True,
        )
        for connection, outcome in zip(found, outcomes, strict=True):
            if isinstance(outcome, BaseException) and connection.closed is None:
                raise outcome
        return len(found)

    def unsubscribe_client(
        self,
        channel: str | None,
        *,
        user: str,
        client: str | None = None,
        session: str | None = None,
        code: int = 2000,
        reason: str | None = None,
    ) -> int:
        """End a user's subscriptions to a channel, or, with None, to all; returns the connections."""
        found = self._connections(user, client, session)
        for connection in found:
            for name in [channel] if channel is not None else list(connection.subscriptions):
                connection.unsubscribe_from_server(name, code, reason)
        return len(found)

    def refresh_client(
        self,
        *,
        user: str,
        client: str | None = None,
        session: str | None = None,
        expired: bool = False,
        expires_at: float | None = None,
        info: bytes | None = None,
    ) -> int:
        """Let a user's connections expire at another time (Unix seconds, None: never), or now."""
        found = self._connections(user, client, session)
        for connection in found:
            if expired:
                connection.close(Disconnect(3005))
            else:
                connection.refresh_from_server(expires_at, info)
        return len(found)

    def _connections(self, user: str | None, client: str | None, session: str | None) -> list[Session]:
        return [
            connection
            for connection in self._running_node().sessions.values()
            if isinstance(connection, Session)
            and (user is None or connection.user == user)
            and (client is None or connection.client == client)
            and (session is None or connection.secret == session)
        ]

    def stats(self) -> Stats:
        """One snapshot of counts and of how things stand."""
        node = self.node
        subscribers = node.subscribers()
        return Stats(
            clients=len(node.sessions),
            users=len({session.user for session in node.sessions.values()}),
            channels=len(subscribers),
            subscriptions=sum(subscribers.values()),
            uptime_seconds=time.monotonic() - self._started_at if self.running else 0.0,
            ring_bytes=node.budget.used,
            in_flight_bytes=node.in_flight_bytes + self._inbox_bytes,
            counters=self.counters.snapshot(),
        )

    def _running_node(self) -> Node:
        if self._loop is None:
            raise NotRunning(_NOT_STARTED)
        return self.node

    # -- hooks

    def on_connect(self, function: H) -> H:
        """Ask this function about each new client: see `ConnectEvent`."""
        self.hooks.add("connect", None, function)
        return function

    def on_disconnect(self, function: H) -> H:
        """Tell this function about each client that is gone: see `DisconnectEvent`."""
        self.hooks.add("disconnect", None, function)
        return function

    @overload
    def on_unsubscribe(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_unsubscribe(self, pattern: H) -> H: ...
    def on_unsubscribe(self, pattern: str | H) -> Callable[[H], H] | H:
        """Tell when a client left a channel: see `UnsubscribeEvent`."""
        return self._on("unsubscribe", pattern)

    @overload
    def on_occupied(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_occupied(self, pattern: H) -> H: ...
    def on_occupied(self, pattern: str | H) -> Callable[[H], H] | H:
        """Tell when a channel gets its first subscriber on this node: see `ChannelEvent`."""
        return self._on("occupied", pattern)

    @overload
    def on_vacated(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_vacated(self, pattern: H) -> H: ...
    def on_vacated(self, pattern: str | H) -> Callable[[H], H] | H:
        """Tell when a channel loses its last subscriber on this node: see `ChannelEvent`."""
        return self._on("vacated", pattern)

    @overload
    def on_rpc(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_rpc(self, pattern: H) -> H: ...
    def on_rpc(self, pattern: str | H) -> Callable[[H], H] | H:
        """Answer a call of a client: `@hub.on_rpc("sum")`, by method name or pattern: see `RpcEvent`."""
        return self._on("rpc", pattern)

    @overload
    def on_api_rpc(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_api_rpc(self, pattern: H) -> H: ...
    def on_api_rpc(self, pattern: str | H) -> Callable[[H], H] | H:
        """Answer the HTTP API's `rpc`: the function gets `params`, its result is the answer's `data`."""
        return self._on("api_rpc", pattern)

    def on_message(self, function: H) -> H:
        """Take a message of a client that wants no answer: see `MessageEvent`."""
        self.hooks.add("message", None, function)
        return function

    def on_refresh(self, function: H) -> H:
        """Ask before a connection or subscription expires: see `RefreshEvent`."""
        self.hooks.add("refresh", None, function)
        self.hooks.add("sub_refresh", None, function)
        return function

    @overload
    def on_subscribe(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_subscribe(self, pattern: H) -> H: ...
    def on_subscribe(self, pattern: str | H) -> Callable[[H], H] | H:
        """Ask before a client subscribes: `@hub.on_subscribe("orders:{order_id}")`, or without a pattern."""
        return self._on("subscribe", pattern)

    @overload
    def on_publish(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_publish(self, pattern: H) -> H: ...
    def on_publish(self, pattern: str | H) -> Callable[[H], H] | H:
        """Ask before a client publishes; who lets it pass allows it: `@hub.on_publish("chat:{room}")`."""
        return self._on("publish", pattern)

    def _on(self, event: str, pattern: str | H) -> Callable[[H], H] | H:
        if not isinstance(pattern, str):
            self.hooks.add(event, None, pattern)
            return pattern

        def register(function: H) -> H:
            self.hooks.add(event, pattern, function)
            return function

        return register


_DEFAULT = ChannelOptions()


def encode(data: Any) -> bytes:
    """`data` as JSON bytes. Raises TypeError naming what JSON cannot hold."""
    try:
        return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"data cannot be published as JSON: {error}") from None


def _check_draft(draft: Draft, limits: Limits) -> None:
    key = draft.idempotency_key
    if key is not None and not 0 < _size(key) <= limits.idempotency_key_bytes:
        raise BadRequest(f"an idempotency key has 1 to {limits.idempotency_key_bytes} bytes")
    tags = draft.tags or {}
    if len(tags) > limits.tags:
        raise LimitExceeded("tags of a publication", limits.tags, len(tags), code=107)
    for name, value in tags.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadRequest("tags are strings by name")
        size = max(_size(name), _size(value))
        if size > limits.tag_bytes:
            raise LimitExceeded("bytes of a tag", limits.tag_bytes, size, code=107)


def _size(text: str) -> int:
    """Bytes of a text. Raises BadRequest when it cannot be written as UTF-8."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise BadRequest("tags and keys are text that can be written as UTF-8") from None


def _broker_from(url: str, limits: Limits) -> Broker:
    if url in ("memory://", "memory:"):
        return MemoryBroker(limits)
    scheme = url.partition(":")[0]
    raise ConfigError(f"there is no broker for {scheme!r} URLs in this version; use memory://")
