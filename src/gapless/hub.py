"""The hub: what an application holds. Publish, subscribe, read, and say who may do what."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from .auth.claims import NO_OVERRIDE, Override
from .brokers.base import Broker, PresenceStore
from .brokers.memory import MemoryPresence
from .brokers.url import broker_from
from .core.counters import Counters
from .core.cursor import Lost
from .core.patterns import PatternMap
from .errors import BadRequest, LimitExceeded, NotRunning
from .hooks.decorators import HookDecorators
from .hooks.registry import Hooks
from .model import Draft, History, Member, Position, Stats
from .node.drafts import check_labels, encode
from .node.intake import NOT_STARTED, Intake
from .node.lifecycle import Life
from .node.members import Members
from .node.node import Node
from .node.receipt import Receipt
from .node.roster import Connections
from .node.signals import Farewell
from .options import ChannelOptions, Limits
from .sessions.listener import Listener
from .sessions.session import Rules

_RESOLVED_MAX = 100_000
"""Channel names whose options are remembered; a cache, emptied when it is full."""

_DEFAULT = ChannelOptions()


class Hub(HookDecorators):
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
        broker = broker_from(broker, self.limits) if isinstance(broker, str) else broker
        self.node = Node(
            broker, presence or MemoryPresence(self.limits), self.options, self.limits, self.counters
        )
        self.rules = Rules(
            declared=self.declared,
            publish=self.publish_draft,
            check_channel=self.check_channel,
            encode=encode,
            hooks=self.hooks,
            members=Members(self.node),
        )
        self._intake = Intake(self.node)
        self._life = Life(self.node, self._intake)
        self._farewell = Farewell(self.drain_soon)

    # -- life

    @property
    def running(self) -> bool:
        return self._intake.loop is not None

    def is_here(self) -> bool:
        """Is this the thread that the hub runs in?"""
        return self._intake.is_here()

    def is_stranded(self) -> bool:
        """Was the loop that it ran on closed without closing the hub?"""
        return self._life.is_stranded()

    async def start(self) -> None:
        """Begin. Starting again on the same loop counts: it ends with as many calls of `close`.

        Raises:
            BrokerError: the broker cannot be reached.
            NotRunning: it runs on another event loop already.
        """
        await self._life.start()

    async def close(self) -> None:
        """Say goodbye to every client and stop. What was published is with the broker.

        Hooks that are told of the goodbyes may still publish.
        """
        await self._life.close()

    def drain(self) -> None:
        """Close every connection with 3001; they come back elsewhere with their positions.

        Call it on the hub's loop; from a signal handler or another thread call `drain_soon`.
        """
        self._life.drain()

    def drain_soon(self) -> None:
        """`drain` in the loop's next turn, from wherever this is called."""
        self._life.drain_soon()

    def unready(self) -> str | None:
        """Why the hub cannot take publications or clients just now; None when it can."""
        return self._life.unready()

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
            check_labels(draft, self.limits)
        return self._intake.publish(channel, draft)

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

    async def remove_history(self, channel: str) -> None:
        """Drop what a channel keeps; offset and epoch go on. Raises BrokerError."""
        self.check_channel(channel)
        await self._running_node().remove_history(channel)

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

    # -- clients that are connected

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
        found = Connections(self._running_node(), user, client, session, keep)
        found.close(code, reason)
        return len(found)

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
        found = Connections(self._running_node(), user, client, session)
        await found.subscribe(
            channel, info=info, data=data, since=since, expires_at=expires_at, override=override
        )
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
        found = Connections(self._running_node(), user, client, session)
        found.unsubscribe(channel, code, reason)
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
        found = Connections(self._running_node(), user, client, session)
        if expired:
            found.close(3005)
        else:
            found.refresh(expires_at, info)
        return len(found)

    # -- how things stand

    def stats(self) -> Stats:
        """One snapshot of counts and of how things stand."""
        node = self.node
        subscribers = node.subscribers()
        return Stats(
            clients=len(node.sessions),
            users=len({session.user for session in node.sessions.values()}),
            channels=len(subscribers),
            subscriptions=sum(subscribers.values()),
            uptime_seconds=self._life.uptime_seconds,
            ring_bytes=node.budget.used,
            in_flight_bytes=self._intake.in_flight_bytes,
            counters=self.counters.snapshot(),
        )

    def _running_node(self) -> Node:
        if not self.running:
            raise NotRunning(NOT_STARTED)
        return self.node
