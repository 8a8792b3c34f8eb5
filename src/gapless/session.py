"""One client connection: who it is, what it may do, which channels it reads.

What all doors share is here: room and pace, the subscribe sequence, closing. What a door says on
the wire is in its own session class.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from .core.cursor import Lost
from .core.log import View
from .core.outbox import Outlet
from .core.rate import Rate
from .errors import (
    AlreadySubscribed,
    BadRequest,
    ClientError,
    Disconnect,
    Internal,
    LimitExceeded,
    PermissionDenied,
    TooManyRequests,
    UnknownChannel,
)
from .hooks import Client, DisconnectEvent, Hooks, PublishEvent, Replace, SubscribeEvent
from .model import Draft, Grant, Member, Position
from .node import Node
from .options import ChannelOptions
from .receipt import Receipt
from .subscription import Subscription

log = logging.getLogger("gapless")


class Rules:
    """What sessions ask the hub: which channels are declared, and how to publish."""

    def __init__(
        self,
        *,
        declared: Callable[[str], ChannelOptions | None],
        publish: Callable[[str, Draft], Receipt],
        check_channel: Callable[[str], None],
        encode: Callable[[Any], bytes],
        hooks: Hooks,
    ) -> None:
        self.declared = declared
        self.publish = publish
        self.check_channel = check_channel
        self.encode = encode
        self.hooks = hooks


class Session:
    """What every connection has, whichever door it came through.

    Subclasses say on the wire what happened: `view_for`, `tell_lost`.
    """

    def __init__(
        self,
        node: Node,
        rules: Rules,
        outlet: Outlet,
        *,
        client: str,
        grant: Grant,
        about: Client,
        pace: float = 0.0,
    ) -> None:
        self.node = node
        self.rules = rules
        self.outlet = outlet
        self.client = client
        self.grant = grant
        self.about = about
        self.subscriptions: dict[str, Subscription] = {}
        self.closed: Disconnect | None = None
        self.resting = False
        self.pace = pace
        self._room_waiters: list[asyncio.Future[None]] = []
        self._moved = 0
        self._moved_at = 0.0
        self._loop = asyncio.get_running_loop()
        limits = node.limits
        self._subscribe_rate = Rate(limits.subscribe_rate, limits.subscribe_burst)
        self._publish_rate = Rate(limits.publish_rate, limits.publish_burst)
        self._read_rate = Rate(limits.read_rate, limits.read_burst)
        self._errors = Rate(limits.rejected_commands / 60.0, limits.rejected_commands)

    @property
    def user(self) -> str:
        return self.grant.user

    def open(self) -> None:
        """Count this connection among the node's sessions."""
        self.node.sessions[self.client] = self
        self.node.counters.connections += 1

    # -- room

    @property
    def room(self) -> bool:
        return self.outlet.room and not self.resting

    @property
    def crowded(self) -> bool:
        return len(self.subscriptions) > 1

    def push(self, chunk: Any, size: int) -> None:
        """Write joined frames; only when there is room."""
        self.node.counters.writes += 1
        self.outlet.push(chunk, size)
        if self.pace:
            self.resting = True
            self._loop.call_later(self.pace, self._rested)

    def reply(self, frame: Any) -> None:
        """Write one frame now or as soon as possible; a client that reads no replies is closed."""
        if self.closed is None and not self.outlet.reply(frame):
            self.node.counters.slow_replies += 1
            self.close(Disconnect(3008))

    def _rested(self) -> None:
        self.resting = False
        if self.outlet.room:
            self.on_room()

    def on_room(self) -> None:
        """The socket has drained: history goes on first, then what lags."""
        if self.closed is not None or not self.room:
            return
        while self._room_waiters:
            waiter = self._room_waiters.pop(0)
            if not waiter.done():
                # One at a time: whoever wakes may write a page; what room is left then is looked
                # at again right after it ran.
                waiter.set_result(None)
                self._loop.call_soon(self.on_room)
                return
        self.flush()

    def flush(self) -> None:
        """Deliver what the subscriptions have, in one write of at most `Limits.flush_bytes`."""
        chunks: list[tuple[Any, int]] = []
        size = 0
        for subscription in list(self.subscriptions.values()):
            if subscription.channel is None or not subscription.pending:
                continue
            if not self.room or size >= self.node.limits.flush_bytes:
                subscription.channel.mark_lagging(subscription)
                continue
            chunk = subscription.next_chunk()
            if chunk is not None:
                chunks.append(chunk)
                size += chunk[1]
        if len(chunks) == 1:
            self.push(*chunks[0])
        elif chunks:
            self.push(self.concat([chunk for chunk, _ in chunks]), size)

    async def until_room(self) -> None:
        """Wait until a push can be written. Raises Disconnect when the session closes meanwhile."""
        while not self.room:
            if self.closed is not None:
                raise self.closed
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._room_waiters.append(waiter)
            await waiter
        if self.closed is not None:
            raise self.closed

    # -- what a door says on its wire

    def concat(self, chunks: list[Any]) -> Any:
        """Joined frames of several channels, as one write."""
        raise NotImplementedError

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        raise NotImplementedError

    # -- commands that all doors share

    async def take_seat(
        self, name: str, view: View, since: Position | None, data: Any = None
    ) -> Subscription:
        """Take a seat in a channel: authorised, joined and present, its cursor not yet placed.

        After this nothing may be awaited between placing the cursor and queueing the reply.

        Raises:
            ClientError: refused; nothing is left behind.
        """
        if not self._subscribe_rate.take(self._loop.time()):
            raise self._too_fast()
        self.rules.check_channel(name)
        if name in self.subscriptions:
            raise AlreadySubscribed
        limit = self.node.limits.subscriptions
        if len(self.subscriptions) >= limit:
            raise LimitExceeded("subscriptions of this connection", limit, len(self.subscriptions) + 1)
        subscription = self.subscriptions[name] = Subscription(self, name, view)
        try:
            options = await self._authorise(name, since, data)
            channel = await self.node.join(name)
            if not self._is_current(subscription):
                self.node.leave(channel, None)
                raise ClientError("the subscription was given up meanwhile", code=103)
            subscription.sit(channel)
            if options.presence:
                await self._appear(name, options)
        except BaseException:
            self.drop(subscription)
            raise
        if not self._is_current(subscription):
            self.drop(subscription)
            raise ClientError("the subscription was given up meanwhile", code=103)
        return subscription

    def _is_current(self, subscription: Subscription) -> bool:
        return self.closed is None and self.subscriptions.get(subscription.name) is subscription

    async def _authorise(self, name: str, since: Position | None, data: Any) -> ChannelOptions:
        options = self.rules.declared(name)
        if options is None:
            raise UnknownChannel("unknown channel: no pattern of this hub matches it")
        if not options.client_subscribe and not self.grant.operator:
            raise PermissionDenied
        if self.rules.hooks.guards("subscribe", name):
            await self.rules.hooks.ask("subscribe", SubscribeEvent(self.about, name, since, data), name)
        return options

    def drop(self, subscription: Subscription) -> None:
        """Leave a channel: nothing of it is written after this. Idempotent."""
        subscription.leave()
        if self.subscriptions.get(subscription.name) is subscription:
            del self.subscriptions[subscription.name]
        self._disappear(subscription.name)

    async def _appear(self, name: str, options: ChannelOptions) -> None:
        member = Member(self.client, self.user, self.grant.info)
        self.node.members[(name, self.client)] = member
        async with asyncio.timeout(self.node.limits.broker_seconds):
            await self.node.presence.join(name, member, announce=options.join_leave)

    def _disappear(self, name: str) -> None:
        if self.node.members.pop((name, self.client), None) is not None:
            announce = self.node.options(name).join_leave
            self.node.spawn(self._gone(name, announce))

    async def _gone(self, name: str, announce: bool) -> None:
        await self.node.presence.leave(name, self.client, announce=announce)

    async def publish(self, name: str, payload: bytes, data: Any) -> Position | None:
        """Publish for the client. Raises ClientError."""
        if not self._publish_rate.take(self._loop.time()):
            raise self._too_fast()
        self.rules.check_channel(name)
        limit = self.node.limits.client_payload_bytes
        if len(payload) > limit:
            raise LimitExceeded("bytes of a publication", limit, len(payload), code=107)
        options = self.rules.declared(name)
        if options is None:
            raise UnknownChannel("unknown channel: no pattern of this hub matches it")
        guarded = self.rules.hooks.guards("publish", name)
        if not guarded and not self.grant.operator:
            if not options.client_publish:
                raise PermissionDenied("clients may not publish to this channel")
            if name not in self.subscriptions:
                raise PermissionDenied("subscribe to the channel before publishing to it")
        if guarded:
            answer = await self.rules.hooks.ask("publish", PublishEvent(self.about, name, data), name)
            if isinstance(answer, Replace):
                payload = self.rules.encode(answer.data)
        info = Member(self.client, self.user, self.grant.info)
        try:
            return await self.rules.publish(name, Draft(payload, info=info))
        except ClientError:
            raise
        except Exception as error:
            raise Internal from error

    def _too_fast(self) -> TooManyRequests:
        self.node.counters.rate_limited += 1
        return TooManyRequests("too many requests: slow down")

    def count_error(self, error: ClientError) -> None:
        """A command was refused. Raises Disconnect when that happens too often."""
        self.node.counters.client_errors += 1
        if isinstance(error, Internal):
            return
        if not self._errors.take(self._loop.time()):
            self.node.counters.bad_protocol += 1
            raise Disconnect(3509)

    # -- the end

    def check(self, now: float) -> None:
        """Is there something to read that the client does not read? Called about once a second."""
        moved = self.outlet.progressed
        if moved != self._moved or not self.outlet.waiting:
            self._moved, self._moved_at = moved, now
        elif now - self._moved_at >= self.node.limits.stall_timeout:
            self.node.counters.stalled += 1
            if not self.outlet.abort():
                self.node.counters.stuck += 1
            self.end(Disconnect(3008, "stalled"))

    def close(self, disconnect: Disconnect) -> None:
        """Say goodbye with a code, and leave everything."""
        if self.closed is None:
            self.end(disconnect)
            self.outlet.close(disconnect.code, disconnect.reason)

    def end(self, disconnect: Disconnect) -> None:
        """The connection is over: after this nothing is sent, kept or counted. Idempotent."""
        if self.closed is not None:
            return
        self.closed = disconnect
        for subscription in list(self.subscriptions.values()):
            self.drop(subscription)
        for waiter in self._room_waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._room_waiters.clear()
        self.node.sessions.pop(self.client, None)
        if self.rules.hooks.has("disconnect"):
            self.node.spawn(self._say_disconnected(disconnect))

    async def _say_disconnected(self, disconnect: Disconnect) -> None:
        try:
            event = DisconnectEvent(self.about, disconnect.code, disconnect.reason)
            await self.rules.hooks.ask("disconnect", event)
        except (ClientError, Disconnect):
            pass  # it is gone already; there is nothing left to refuse


def bad_payload(error: Exception) -> BadRequest:
    """A publication whose data cannot be JSON."""
    return BadRequest(f"data is not JSON: {error}")
