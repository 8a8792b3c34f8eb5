"""One client connection: who it is, what it may do, which channels it reads.

What all doors share is here: room and pace, the subscribe sequence, closing. What a door says on
the wire is in its own session class.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from .auth.claims import Override
from .auth.namespaces import parse_channel
from .core.cursor import Lost
from .core.log import View
from .core.outbox import Outlet
from .core.rate import Rate
from .errors import (
    AlreadySubscribed,
    BrokerError,
    ClientError,
    Disconnect,
    Expired,
    Internal,
    LimitExceeded,
    NotAvailable,
    Overloaded,
    PermissionDenied,
    TokenExpired,
    TooManyRequests,
    UnknownChannel,
    Unrecoverable,
)
from .hooks import (
    ChannelEvent,
    Client,
    DisconnectEvent,
    Hooks,
    PublishEvent,
    Replace,
    Seat,
    SubscribeEvent,
    UnsubscribeEvent,
)
from .model import Draft, Grant, Member, Position
from .node import Node
from .options import ChannelOptions
from .receipt import Receipt
from .subscription import Admission, GivenUp, Subscription

log = logging.getLogger("gapless")

REASON_BYTES = 123
"""A close frame holds this much beside its code (RFC 6455, 5.5); a hook may have said more."""


Admit = Callable[[ChannelOptions], Awaitable[Admission]]
"""May it be in a channel with these options, and how? Raises ClientError or Disconnect."""


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

    Subclasses say on the wire what happened: `view_for`, `tell_lost`. They have slots: there may
    be a hundred thousand of them.
    """

    __slots__ = (
        "__weakref__",
        "_hurry",
        "_leaving",
        "_loop",
        "_moved",
        "_moved_at",
        "_rates",
        "_rest",
        "_room_waiters",
        "about",
        "client",
        "closed",
        "grant",
        "node",
        "outlet",
        "pace",
        "resting",
        "rules",
        "secret",
        "subscriptions",
    )

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
        self._rest: asyncio.TimerHandle | None = None
        self.secret = ""
        """The session id that an emulated or unidirectional connection was told."""
        self._room_waiters: list[asyncio.Future[None]] | None = None
        self._leaving: dict[str, asyncio.Task[None]] | None = None
        self._moved = 0
        self._moved_at = asyncio.get_running_loop().time()
        self._loop = asyncio.get_running_loop()
        self._hurry = 0
        self._rates: dict[str, Rate] | None = None

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
            self._rest = self._loop.call_later(self.pace, self._rested)

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
                if self.room:
                    # It has its turn in the next one: a socket that takes all this never drains.
                    self.node.mark(subscription.channel)
                continue
            chunk = subscription.next_chunk()
            if chunk is not None:
                chunks.append(chunk)
                size += chunk[1]
        if self.closed is not None:
            return  # one of them ended the connection; nothing follows its last word
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
            if self._room_waiters is None:
                self._room_waiters = []
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

    # -- what the server does to it

    async def subscribe_from_server(
        self,
        name: str,
        *,
        info: bytes | None,
        data: bytes | None,
        since: Position | None,
        expires_at: float | None,
        override: Override,
    ) -> None:
        """Subscribe on the client's behalf. Already subscribed: left alone. Raises ClientError."""
        raise NotAvailable("this connection's protocol has no server-side subscriptions")

    def unsubscribe_from_server(self, name: str, code: int = 2000, reason: str | None = None) -> None:
        """End a subscription and say so. Not subscribed: nothing happens."""
        raise NotImplementedError

    def refresh_from_server(self, expires_at: float | None, info: bytes | None = None) -> None:
        """Set when the connection expires, None for never, and what others see of it from now on."""
        self.grant = replace(self.grant, expires_at=expires_at, info=info or self.grant.info)
        self.renew_members()

    def renew_members(self) -> None:
        """What others see of this connection has changed; presence shows it at its next refresh."""
        for name, subscription in self.subscriptions.items():
            if (name, self.client) in self.node.members:
                self.node.members[(name, self.client)] = self.member(subscription.admission)

    # -- commands that all doors share

    async def take_seat(
        self,
        name: str,
        view: View,
        since: Position | None,
        *,
        admit: Admit | None = None,
        counted: bool = True,
    ) -> Subscription:
        """Take a seat in a channel: authorised, joined and present, its cursor not yet placed.

        `admit` decides instead of the options and hooks, after it was found that the channel can
        be. `counted` charges the rate of subscriptions. After this nothing may be awaited between
        placing the cursor and queueing the reply.

        Raises:
            ClientError: refused; nothing is left behind.
            Disconnect: refused for good.
            BrokerError: the broker did not answer.
        """
        if counted:
            self.spend("subscribe")
        self.check_seat(name)
        subscription = self.subscriptions[name] = Subscription(self, name, view)
        try:
            options = self.rules.declared(name)
            if options is None:
                raise UnknownChannel("unknown channel: no pattern of this hub matches it")
            subscription.admission = admission = await (
                admit(options) if admit is not None else self.admit(name, options, since)
            )
            channel = await self.node.join(name)
            if not self.is_current(subscription):
                self.node.leave(channel, None)
                raise GivenUp
            subscription.sit(channel)
            if len(channel.subscribers) == 1:
                self._tell("occupied", ChannelEvent(name), name)
            if admission.options.presence:
                await self._appear(subscription, admission)
        except BaseException:
            self.drop(subscription)
            raise
        if not self.is_current(subscription):
            raise GivenUp
        return subscription

    def check_seat(self, name: str) -> None:
        """Can this connection take a seat in a channel of this name? Raises ClientError."""
        self.rules.check_channel(name)
        if name in self.subscriptions:
            raise AlreadySubscribed
        limit = self.node.limits.subscriptions
        if len(self.subscriptions) >= limit:
            raise LimitExceeded("subscriptions of this connection", limit, len(self.subscriptions) + 1)

    def is_current(self, subscription: Subscription) -> bool:
        """Was it neither given up nor the connection closed? To be asked after every await."""
        return self.closed is None and self.subscriptions.get(subscription.name) is subscription

    async def admit(
        self,
        name: str,
        options: ChannelOptions,
        since: Position | None = None,
        data: Any = None,
        token: str = "",
    ) -> Admission:
        """May this client subscribe? Raises ClientError or Disconnect."""
        if not self.grant.operator:
            parts = parse_channel(name)
            if parts.is_private:
                raise PermissionDenied("a channel that begins with $ needs a subscription token")
            if options.user_limited and not parts.admits(self.user):
                raise PermissionDenied("the channel is limited to other users")
        if not self.may(options, options.client_subscribe):
            raise PermissionDenied("clients may not subscribe to this channel")
        if not self.rules.hooks.guards("subscribe", name):
            return Admission(options)
        event = SubscribeEvent(self.about, name, since, data, token)
        answer = await self.rules.hooks.ask("subscribe", event, name)
        if not isinstance(answer, Seat):
            return Admission(options)
        if answer.expires_at is not None and answer.expires_at <= time.time():
            raise Expired
        return Admission(
            answer.options or options,
            info=None if answer.info is None else self.rules.encode(answer.info),
            data=b"" if answer.data is None else self.rules.encode(answer.data),
            expires_at=answer.expires_at,
        )

    def may(self, options: ChannelOptions, allowed: bool, anonymous: bool | None = None) -> bool:
        """May this client do what clients may if `allowed`, and those without a user if `anonymous`?

        None for the latter: as the options say of anonymous clients in general.
        """
        if self.grant.operator:
            return True
        return allowed and (bool(self.user) or (options.anonymous if anonymous is None else anonymous))

    def drop(self, subscription: Subscription) -> None:
        """Leave a channel: nothing of it is written after this. Idempotent."""
        name, channel = subscription.name, subscription.channel
        subscription.leave()
        if self.subscriptions.get(name) is subscription:
            del self.subscriptions[name]
        if channel is None:
            return
        admission = subscription.admission
        if self.node.members.pop((name, self.client), None) is not None and admission is not None:
            self._leave_presence(name, admission.options.join_leave)
        self._tell("unsubscribe", UnsubscribeEvent(self.about, name), name)
        if not channel.subscribers:
            self._tell("vacated", ChannelEvent(name), name)

    async def _appear(self, subscription: Subscription, admission: Admission) -> None:
        name, limits = subscription.name, self.node.limits
        member = self.member(admission)
        size = len(member.conn_info or b"") + len(member.chan_info or b"")
        if size > limits.presence_info_bytes:
            raise LimitExceeded("bytes of a member's info", limits.presence_info_bytes, size, code=107)
        leaving = self._leaving.get(name) if self._leaving is not None else None
        if leaving is not None:
            await asyncio.wait([leaving])  # else its earlier leave would take this join away
            if not self.is_current(subscription):
                return
        self.node.members[(name, self.client)] = member
        announce = admission.options.join_leave
        try:
            async with asyncio.timeout(limits.broker_seconds):
                await self.node.presence.join(name, member, announce=announce)
        except TimeoutError as error:
            raise BrokerError(f"the presence of {name!r} did not answer in time") from error
        if not self.is_current(subscription):
            self._leave_presence(name, announce)  # the first leave may have come before the join

    def _leave_presence(self, name: str, announce: bool) -> None:
        if self._leaving is None:
            self._leaving = {}
        before = self._leaving.get(name)
        self._leaving[name] = self.node.spawn(self._disappear(name, announce, before))

    async def _disappear(self, name: str, announce: bool, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            async with asyncio.timeout(self.node.limits.broker_seconds):
                await self.node.presence.leave(name, self.client, announce=announce)
        except (BrokerError, TimeoutError) as error:
            log.warning("a member could not leave and will expire: %s", error or "no answer in time")
        finally:
            if self._leaving is not None and self._leaving.get(name) is asyncio.current_task():
                del self._leaving[name]

    def member(self, admission: Admission | None) -> Member:
        """This connection as others see it, in a channel if it has a seat there."""
        return Member(self.client, self.user, self.grant.info, admission.info if admission else None)

    async def publish(self, name: str, payload: bytes, data: Any) -> Position | None:
        """Publish for the client. Raises ClientError."""
        self.spend("publish")
        self.rules.check_channel(name)
        limit = self.node.limits.client_payload_bytes
        if len(payload) > limit:
            raise LimitExceeded("bytes of a publication", limit, len(payload), code=107)
        options = self.rules.declared(name)
        if options is None:
            raise UnknownChannel("unknown channel: no pattern of this hub matches it")
        guarded = self.rules.hooks.guards("publish", name)
        seat = self.subscriptions.get(name)
        if not guarded:
            if not self.may(options, options.client_publish, options.anonymous_publish):
                raise PermissionDenied("clients may not publish to this channel")
            if seat is None and not (options.outside_publish or self.grant.operator):
                raise PermissionDenied("subscribe to the channel before publishing to it")
        info = self.member(seat.admission if seat is not None else None)
        draft = Draft(payload, info=info, delta=options.delta_publish)
        if guarded:
            answer = await self.rules.hooks.ask("publish", PublishEvent(self.about, name, data), name)
            if isinstance(answer, Replace):
                draft = self._replaced(draft, data, answer)
        try:
            return await self.rules.publish(name, draft)
        except (BrokerError, Overloaded) as error:
            raise Internal from error

    def _replaced(self, draft: Draft, data: Any, answer: Replace) -> Draft:
        # What the hook did not touch stays byte for byte what the client sent.
        payload = draft.payload if answer.data is data else self.rules.encode(answer.data)
        limit = self.node.limits.server_payload_bytes
        if len(payload) > limit:
            raise LimitExceeded("bytes of a publication", limit, len(payload), code=107)
        return replace(
            draft,
            payload=payload,
            tags=answer.tags,
            skip_history=answer.skip_history,
            idempotency_key=answer.idempotency_key,
            delta=draft.delta or answer.delta,
            version=answer.version,
            version_epoch=answer.version_epoch,
        )

    async def throttle(self) -> None:
        """Stop reading while commands come too fast; give up on a client that keeps at it.

        Raises:
            Disconnect: 3013.
        """
        rate = self._rate("commands")
        wait = rate.wait(self._loop.time())
        if wait:
            self._hurry += 1
            self.node.counters.rate_limited += 1
            if self._hurry > self.node.limits.commands_burst:
                raise Disconnect(3013)
            await asyncio.sleep(wait)
        elif self._hurry:
            self._hurry -= 1
        rate.take(self._loop.time())

    def spend(self, what: str) -> None:
        """Use up one of a rate: `subscribe`, `publish` or `read`. Raises TooManyRequests."""
        if not self._rate(what).take(self._loop.time()):
            self.node.counters.rate_limited += 1
            raise TooManyRequests("too many requests: slow down")

    def _rate(self, what: str) -> Rate:
        # Made when it is first needed: most connections only ever read.
        if self._rates is None:
            self._rates = {}
        rate = self._rates.get(what)
        if rate is None:
            limits = self.node.limits
            per_second, burst = {
                "commands": (limits.commands, limits.commands_burst),
                "subscribe": (limits.subscribe_rate, limits.subscribe_burst),
                "publish": (limits.publish_rate, limits.publish_burst),
                "read": (limits.read_rate, limits.read_burst),
                "errors": (limits.rejected_commands / 60.0, limits.rejected_commands),
            }[what]
            rate = self._rates[what] = Rate(per_second, burst)
        return rate

    def count_error(self, error: ClientError) -> None:
        """A command was refused. Raises Disconnect when that happens too often."""
        self.node.counters.client_errors += 1
        if error.temporary or isinstance(error, (TokenExpired, Expired, Unrecoverable)):
            return  # clients of this protocol answer these by themselves, for all their channels at once
        if not self._rate("errors").take(self._loop.time()):
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
            reason = disconnect.reason.encode("utf-8", "replace")[:REASON_BYTES]
            self.outlet.close(disconnect.code, reason.decode("utf-8", "ignore"))

    def end(self, disconnect: Disconnect) -> None:
        """The connection is over: after this nothing is sent, kept or counted. Idempotent."""
        if self.closed is not None:
            return
        self.closed = disconnect
        if self._rest is not None:
            self._rest.cancel()
        for subscription in list(self.subscriptions.values()):
            self.drop(subscription)
        for waiter in self._room_waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        self._room_waiters = None
        self.node.sessions.pop(self.client, None)
        self._tell("disconnect", DisconnectEvent(self.about, disconnect.code, disconnect.reason))

    def _tell(self, event: str, about: Any, channel: str = "") -> None:
        """Let hooks know what has happened; nothing waits for them, and they refuse nothing."""
        if self.rules.hooks.has(event):
            self.node.spawn(self._say(event, about, channel))

    async def _say(self, event: str, about: Any, channel: str) -> None:
        try:
            await self.rules.hooks.ask(event, about, channel)
        except (ClientError, Disconnect):
            pass  # it has happened already; there is nothing left to refuse
