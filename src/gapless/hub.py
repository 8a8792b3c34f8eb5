"""The hub: what an application holds. Publish, subscribe, read, and say who may do what."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import uuid
from asyncio import _get_running_loop
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self, get_args

from .brokers.base import Broker, PresenceStore, Searches
from .brokers.memory import MemoryBroker
from .brokers.url import broker_from, presence_of
from .core.counters import Counters
from .core.cursor import Lost
from .errors import ConfigError, LimitExceeded, NotAvailable, NotRunning
from .hooks.registry import Hooks, On, OnName
from .model import Draft, History, Matches, Member, Position, Stats
from .node.connections import Connections, Whom
from .node.history import Range
from .node.intake import NOT_STARTED, there
from .node.lifecycle import Lifecycle, Signals
from .node.node import Node
from .node.receipt import Receipt
from .node.registry import Registry
from .node.siblings import Siblings, Workers
from .options import ChannelOptions, Limits
from .protocol.encode import encode
from .sessions.distant import DistantListener
from .sessions.listener import Listener, LocalListener
from .version import __version__

log = logging.getLogger("gapless")

QUERY_CHARACTERS = 4096
"""Of a search. An index takes a tenth of a millisecond a word, and no deadline ends that."""


class Hub:
    """A realtime hub. Making one opens nothing; it runs between `start` and `close`, on one loop.

    `publish` works in every thread. What is awaited may be awaited on any loop of another thread, too,
    as in `asyncio.run` within a sync route: it is done on the hub's.

    `broker` is a URL (`memory://`, `sqlite:///app.db`, `redis://…`) or a broker. `channels` declares
    which channels clients may subscribe to, by pattern: the longest that matches gives a channel its
    options. Channels that match none are the application's own: publishing to one that nobody in this
    process reads is logged once, and with `strict` raises UnknownChannel. `workers` says what happens
    where several workers of one server each have a `memory://` of their own: each `warn`s once, or
    `error` lets none but the first start, or it is as wanted (`allow`).
    `default` makes of a value that JSON does not have, and this hub does not know either, one that it has, as
    in `json.dumps`; for what it does not know it raises TypeError.

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
        strict: bool = False,
        workers: Workers = "warn",
        default: Callable[[Any], Any] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.counters = Counters()
        self._encode = partial(encode, default=default) if default is not None else encode
        self.hooks = Hooks(self.counters, self._encode)
        self.uid = str(uuid.uuid4())
        self.name = name or f"{socket.gethostname()}_{os.getpid()}"
        self.group = ""
        """What the processes that share a port have in common: `/metrics` of one is then that of all."""
        broker = broker_from(broker, self.limits) if isinstance(broker, str) else broker
        self.node = Node(
            broker,
            presence or presence_of(broker, self.limits),
            Registry(channels or {}, self.limits, strict=strict),
            self.hooks,
            self.limits,
            self.counters,
            uid=self.uid,
            describe=self._about,
        )
        self.lifecycle = Lifecycle(self.node)
        self._signals = Signals(self.lifecycle.drain_soon)
        self._waking: asyncio.Future[None] | None = None
        self._ending: AsyncIterator[None] | None = None
        self._workers = _checked(workers)
        self._siblings = Siblings(_caller()) if isinstance(broker, MemoryBroker) else None

        self.on_connect = On(self.hooks, "connect")
        """Ask about each new client: see `ConnectEvent`."""
        self.on_disconnect = On(self.hooks, "disconnect")
        """Tell about each client that is gone: see `DisconnectEvent`."""
        self.on_subscribe = OnName(self.hooks, "subscribe")
        """Ask before a client subscribes: `@hub.on_subscribe("orders:{order_id}")`; see `SubscribeEvent`."""
        self.on_unsubscribe = OnName(self.hooks, "unsubscribe")
        """Tell when a client left a channel: see `UnsubscribeEvent`."""
        self.on_publish = OnName(self.hooks, "publish")
        """Ask before a client publishes; who lets it pass allows it: see `PublishEvent`."""
        self.on_occupied = OnName(self.hooks, "occupied")
        """Tell when a channel gets its first subscriber on this node: see `ChannelEvent`."""
        self.on_vacated = OnName(self.hooks, "vacated")
        """Tell when a channel loses its last subscriber on this node: see `ChannelEvent`."""
        self.on_message = On(self.hooks, "message")
        """Take a message of a client that wants no answer: see `MessageEvent`."""
        self.on_rpc = OnName(self.hooks, "rpc")
        """Answer a call of a client: `@hub.on_rpc("sum")`, by method name or pattern; see `RpcEvent`."""
        self.on_refresh = On(self.hooks, "refresh", "sub_refresh")
        """Ask before a connection or subscription expires: see `RefreshEvent`."""
        self.on_api_rpc = OnName(self.hooks, "api_rpc")
        """Answer the HTTP API's `rpc`: the function gets `params`, its result is the answer's `data`."""

    # -- life

    @property
    def running(self) -> bool:
        """Does it take publications and clients?"""
        return self.node.intake.loop is not None

    async def start(self) -> None:
        """Begin. Starting again on the same loop counts: it ends with as many calls of `close`.

        Raises:
            BrokerError: the broker cannot be reached.
            NotRunning: it runs on another event loop already.
            ConfigError: it lives in memory, is one of several workers, and `workers` is `error`.
        """
        if self._siblings is not None and not self.running:
            self._siblings.begin(self._workers)
        await self.lifecycle.start()

    async def close(self) -> None:
        """Say goodbye to every client and stop. What was published is with the broker.

        Hooks that are told of the goodbyes may still publish.
        """
        await self.lifecycle.close()
        if self._siblings is not None and not self.running:
            self._siblings.end()

    def drain(self) -> None:
        """Close every connection with 3001; they come back elsewhere with their positions.

        At once on the hub's loop; called in another thread in the loop's next turn.
        """
        self.lifecycle.drain()

    async def __aenter__(self) -> Self:
        """As `start`; and in the main thread SIGINT and SIGTERM also drain it, see `Signals`."""
        await self.start()
        self._signals.begin()
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
                self._signals.end()

    async def wake(self) -> None:
        """Start where nobody did: with the first request, on a server that has no lifespan.

        It then ends with the loop. A hub that was started before, and closed, stays so.

        Raises:
            BrokerError: the broker cannot be reached; the next one tries again.
        """
        if self.running or self.lifecycle.was_started:
            return
        if self._waking is None:
            log.warning(
                "the hub starts with its first request: pass lifespan=hub.lifespan to your application, "
                "if its server has lifespans, so that it ends with it too"
            )
            self._waking = asyncio.ensure_future(self._wake())
        try:
            await asyncio.shield(self._waking)
        finally:
            if self._waking is not None and self._waking.done():
                self._waking = None

    async def _wake(self) -> None:
        await self.start()
        self._signals.begin()
        self._ending = self._end_with_the_loop()
        await anext(self._ending)

    async def _end_with_the_loop(self) -> AsyncIterator[None]:
        try:
            yield
        finally:  # when the loop shuts its generators down
            await self.close()
            self._signals.end()

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncIterator[None]:
        """For applications: `FastAPI(lifespan=hub.lifespan)`."""
        async with self:
            yield

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
        never waits for a client. `data` is anything that can be JSON: see `protocol.encode` for what of
        Pydantic, numpy and others is known, and `default` for the rest. `exclude` is the id of the
        client that published it and knows it already. Publications of one thread keep their
        order. With `skip_history` it is not kept, and has no position. The receipt may be ignored: a
        failure that nobody looked at is logged and counted.

        Raises:
            BadRequest: the channel cannot exist, or a tag or key is not allowed.
            TypeError: `data` cannot be JSON; the message names what is in the way, and where in it.
            LimitExceeded: `data` is larger than `Limits.server_payload_bytes`.
            Overloaded: more is in flight than `Limits.in_flight_bytes`.
            NotRunning: the hub was not started.
        """
        payload = self._encode(data)
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
        return self.node.intake.publish(channel, draft)

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

        Call it on the loop that reads. On another than the hub's each publication crosses threads.

        `since` resumes right after a position (a Position, or `EPOCH:OFFSET`); else the newest
        `history` publications come first, all that are kept with None. See `Listener` for gaps.

        Raises:
            ValueError: `since` is no position.
            BadRequest: the channel cannot exist.
            RuntimeError: the hub's loop stands still while this one runs.
        """
        node = self._running_node()
        node.registry.check(channel)
        if isinstance(since, str):
            since = Position.parse(since)
        here = _get_running_loop()
        if here is None or here is node.intake.loop:
            return LocalListener(node, channel, since=since, history=history, on_gap=on_gap)
        node.intake.check_loop()
        return DistantListener(node, channel, since=since, history=history, on_gap=on_gap)

    async def history(
        self,
        channel: str,
        *,
        since: Position | None = None,
        limit: int | None = None,
        reverse: bool = False,
        max_bytes: int | None = None,
    ) -> History:
        """Read what a channel keeps: after `since` oldest first, or before it with `reverse`.

        At most `limit` publications, and of at most `max_bytes`, unless the first alone is larger.

        Raises:
            BrokerError: the broker failed.
        """
        self.node.registry.check(channel)
        after = None if since is None else since.offset
        node = self._running_node()
        part = Range(after, limit, max_bytes, reverse)
        return await there(node.intake, node.pages.read(channel, part))

    async def search(
        self,
        channel: str,
        query: str,
        *,
        before: int | None = None,
        limit: int = 100,
        since: float | None = None,
        until: float | None = None,
        level: str | None = None,
    ) -> Matches:
        """Find publications by their words: the newest first, and those below the offset `before`.

        Every word must be there, in any order; `"in quotes"` they stand together, and `word*`
        begins a word. `since` and `until` are Unix seconds, `level` is that of a log record.
        What was acknowledged is found.

        Raises:
            LimitExceeded: the query has more than 4,096 characters.
            NotAvailable: the channel's options do not say `search=True`, or the broker cannot.
            BrokerError: the broker failed, or would have to look at too much.
        """
        node = self._running_node()
        node.registry.check(channel)
        if len(query) > QUERY_CHARACTERS:
            raise LimitExceeded("characters of a search", QUERY_CHARACTERS, len(query), code=107)
        options = node.registry.options(channel)
        if not options.search:
            raise NotAvailable("search is off in this channel: ChannelOptions(history=…, search=True)")
        if not isinstance(node.broker, Searches):
            raise NotAvailable("search needs a store that can: sqlite:///app.db")
        found = node.broker.search(
            channel, options, query, before=before, limit=limit, since=since, until=until, level=level
        )
        return await there(node.intake, found)

    async def remove_history(self, channel: str) -> None:
        """Drop what a channel keeps; offset and epoch go on. Raises BrokerError."""
        self.node.registry.check(channel)
        node = self._running_node()
        await there(node.intake, node.remove_history(channel))

    async def presence(self, channel: str) -> dict[str, Member]:
        """Who is subscribed, by client id; empty where presence is off."""
        node = self._running_node()
        return await there(node.intake, node.presence.members(channel))

    async def presence_stats(self, channel: str) -> tuple[int, int]:
        """How many clients are subscribed, and how many distinct users they are."""
        node = self._running_node()
        return await there(node.intake, node.presence.counts(channel))

    def channels(self, *, all: bool = False) -> dict[str, int]:  # noqa: A002 - as on the wire
        """How many subscribers each channel has here; with `all` also channels without."""
        node = self._running_node()
        found = dict.fromkeys(node.broker.known(), 0) if all else {}
        return found | node.rings.subscribers()

    async def occupancy(self, *, all: bool = False) -> dict[str, int]:  # noqa: A002 - as on the wire
        """How many subscribers each channel has on all nodes together; with `all` also channels without.

        Raises:
            BrokerError: the broker failed.
        """
        node = self._running_node()

        async def together() -> dict[str, int]:
            found: dict[str, int] = {}
            async for some in node.peers.occupancy(idle=all):
                found |= some
            return found

        return await there(node.intake, together())

    # -- clients that are connected

    def connections(
        self, *, user: str | None = None, client: str | None = None, session: str | None = None
    ) -> Connections:
        """The live connections of a user, a client or a session, to do something to them all.

        What is None is not asked; without any it is all connections. Where nodes share a broker, what
        is done to those of this node is also done to those of the others. An empty user
        means those without a user id. `session` is the secret session id that an emulated or
        unidirectional connection was told.
        """
        node = self._running_node()
        found = node.roster.find(user, client, session)
        return Connections(found, Whom(user, client, session), node.peers.tell)

    def disconnect(
        self,
        *,
        user: str | None = None,
        client: str | None = None,
        code: int = 3503,
        reason: str | None = None,
    ) -> int:
        """Close the connections of a user, or one connection; returns how many there were here.

        Raises:
            ValueError: neither `user` nor `client` was given.
        """
        if user is None and client is None:
            raise ValueError("disconnect(user=…) or disconnect(client=…): name whom to disconnect")
        return self.connections(user=user, client=client).close(code, reason)

    # -- how things stand

    def stats(self) -> Stats:
        """One snapshot of counts and of how things stand."""
        node = self.node
        subscribers = node.rings.subscribers()
        return Stats(
            clients=len(node.roster),
            users=node.roster.users,
            channels=len(subscribers),
            subscriptions=sum(subscribers.values()),
            uptime_seconds=self.lifecycle.uptime_seconds,
            ring_bytes=node.rings.budget.used,
            in_flight_bytes=node.intake.in_flight_bytes,
            counters=self.counters.snapshot(),
        )

    async def nodes(self) -> list[dict[str, Any]]:
        """How each process of this hub stands, this one first; others as of a few seconds ago.

        Raises:
            BrokerError: the broker failed.
        """
        node = self._running_node()
        return await there(node.intake, node.peers.all())

    def _about(self) -> dict[str, Any]:
        stats = self.stats()
        return {
            "uid": self.uid,
            "name": self.name,
            "version": __version__,
            "num_clients": stats.clients,
            "num_users": stats.users,
            "num_channels": stats.channels,
            "num_subs": stats.subscriptions,
            "uptime": int(stats.uptime_seconds),
            "metrics": {"items": {name: float(n) for name, n in stats.counters.items()}},
            "process": {"rss": _resident_bytes()},
        }

    def _running_node(self) -> Node:
        if not self.running:
            raise NotRunning(NOT_STARTED)
        return self.node


def _caller() -> str:
    """Where the hub was made: the same line in every worker, and another in another application."""
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _checked(workers: Workers) -> Workers:
    if workers not in get_args(Workers):
        raise ConfigError(f"workers is one of {', '.join(get_args(Workers))}, not {workers!r}")
    return workers


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0  # not Linux; the field is optional
