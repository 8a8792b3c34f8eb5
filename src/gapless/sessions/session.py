"""One client connection: which channels it reads, at the pace of its socket, until it is closed.

What all doors share is here. What a door says on the wire is in its own session class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..auth import permission
from ..auth.permission import Admission, may
from ..core.cursor import Lost
from ..core.log import View
from ..core.outbox import Outlet
from ..errors import (
    AlreadySubscribed,
    BrokerError,
    ClientError,
    Disconnect,
    Internal,
    LimitExceeded,
    NotAvailable,
    Overloaded,
    PermissionDenied,
    UnknownChannel,
)
from ..hooks.events import (
    ChannelEvent,
    Client,
    DisconnectEvent,
    PublishEvent,
    Replace,
    SubscribeEvent,
    UnsubscribeEvent,
)
from ..model import Draft, Grant, Member, Position, ServerSubscription
from ..node.node import Node
from ..options import ChannelOptions
from ..protocol.encode import encode
from .flow import Flow
from .rates import Rates
from .subscription import GivenUp, Subscription

REASON_BYTES = 123
"""A close frame holds this much beside its code (RFC 6455, 5.5); a hook may have said more."""


class Session:
    """What every connection has, whichever door it came through.

    Subclasses say on the wire what happened: `view_for`, `tell_lost`. They have slots: there may
    be a hundred thousand of them.
    """

    __slots__ = (
        "__weakref__",
        "_loop",
        "_rates",
        "about",
        "client",
        "flow",
        "grant",
        "node",
        "secret",
        "subscriptions",
    )

    def __init__(
        self,
        node: Node,
        outlet: Outlet,
        *,
        client: str,
        grant: Grant,
        about: Client,
        pace: float = 0.0,
    ) -> None:
        self.node = node
        self.client = client
        self.grant = grant
        self.about = about
        self.subscriptions: dict[str, Subscription] = {}
        self.flow = Flow(node, outlet, self.subscriptions, pace=pace)
        self.secret = ""
        """The session id that an emulated or unidirectional connection was told."""
        self._loop = node.tasks.loop
        self._rates: Rates | None = None

    @property
    def user(self) -> str:
        return self.grant.user

    @property
    def channels(self) -> Iterable[str]:
        """Those that it is subscribed to, or about to be."""
        return self.subscriptions

    def open(self) -> None:
        """Count this connection among the node's sessions."""
        self.node.roster.add(self)
        self.node.counters.connections += 1

    @property
    def closed(self) -> Disconnect | None:
        """How it ended; None while it goes on."""
        return self.flow.closed

    def reply(self, frame: Any) -> None:
        """Write one frame now or as soon as possible; a client that reads no replies is closed."""
        if self.flow.closed is None and not self.flow.outlet.reply(frame):
            self.node.counters.slow_replies += 1
            self.close(Disconnect(3008))

    # -- what a door says on its wire

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        raise NotImplementedError

    # -- what the server does to it

    async def subscribe_from_server(
        self, channel: str, server: ServerSubscription, since: Position | None
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
            self.node.members.renew(name, self.member(subscription.admission))

    # -- commands that all doors share

    async def enter(
        self, name: str, view: View, since: Position | None, *, counted: bool = True
    ) -> Subscription:
        """Be in a channel, as options and hooks allow; the cursor is not placed yet (see `join`).

        Raises:
            ClientError: refused; nothing is left behind.
            Disconnect: refused for good.
            BrokerError: the broker did not answer.
        """
        subscription, options = self.reserve(name, view, counted=counted)
        try:
            await self.join(subscription, await self.admit(name, options, since))
        except BaseException:
            self.drop(subscription)
            raise
        return subscription

    def reserve(self, name: str, view: View, *, counted: bool = True) -> tuple[Subscription, ChannelOptions]:
        """Begin to subscribe: the name is taken. What follows is `join`, or else `drop`.

        `counted` charges the rate of subscriptions. Raises ClientError.
        """
        if counted:
            self.spend("subscribe")
        self.check_free(name)
        options = self.node.registry.declared(name)
        if options is None:
            raise UnknownChannel("unknown channel: no pattern of this hub matches it")
        subscription = self.subscriptions[name] = Subscription(self, name, view)
        return subscription, options

    def check_free(self, name: str) -> None:
        """Can this connection subscribe to a channel of this name? Raises ClientError."""
        self.node.registry.check(name)
        if name in self.subscriptions:
            raise AlreadySubscribed
        limit = self.node.limits.subscriptions
        if len(self.subscriptions) >= limit:
            raise LimitExceeded("subscriptions of this connection", limit, len(self.subscriptions) + 1)

    async def join(self, subscription: Subscription, admission: Admission) -> None:
        """Be in the channel, admitted so: joined and present, the cursor not placed yet.

        After this nothing may be awaited between placing the cursor and queueing the reply.

        Raises:
            GivenUp: it was dropped meanwhile.
            BrokerError: the broker did not answer.
        """
        name = subscription.name
        subscription.admission = admission
        channel = await self.node.rings.join(name)
        if not self.is_current(subscription):
            self.node.rings.leave(channel, None)
            raise GivenUp
        subscription.sit(channel)
        if len(channel.subscribers) == 1:
            self._tell("occupied", ChannelEvent(name), name)
        if admission.options.presence:
            await self.node.members.join(
                name,
                self.member(admission),
                announce=admission.options.join_leave,
                is_current=lambda: self.is_current(subscription),
            )
            if not self.is_current(subscription):
                raise GivenUp

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
        event = SubscribeEvent(self.about, name, since, data, token)
        return await permission.admit(self.node.hooks, self.grant, options, event)

    def drop(self, subscription: Subscription) -> None:
        """Leave a channel: nothing of it is written after this. Idempotent."""
        name, channel = subscription.name, subscription.channel
        subscription.leave()
        if self.subscriptions.get(name) is subscription:
            del self.subscriptions[name]
        if channel is None:
            return
        admission = subscription.admission
        if admission is not None:
            self.node.members.leave(name, self.client, announce=admission.options.join_leave)
        self._tell("unsubscribe", UnsubscribeEvent(self.about, name), name)
        if not channel.subscribers:
            self._tell("vacated", ChannelEvent(name), name)

    def member(self, admission: Admission | None) -> Member:
        """This connection as others see it, in a channel if it is in one."""
        return Member(self.client, self.user, self.grant.info, admission.info if admission else None)

    async def publish(self, name: str, payload: bytes, data: Any) -> Position | None:
        """Publish `payload`, which is `data` as JSON, for the client. Raises ClientError or Disconnect."""
        self.spend("publish")
        self.node.registry.check(name)
        _check_size(payload, self.node.limits.client_payload_bytes)
        options = self.node.registry.declared(name)
        if options is None:
            raise UnknownChannel("unknown channel: no pattern of this hub matches it")
        subscription = self.subscriptions.get(name)
        info = self.member(subscription.admission if subscription is not None else None)
        draft = Draft(payload, info=info, delta=options.delta_publish)
        if self.node.hooks.guards("publish", name):
            event = PublishEvent(self.about, name, data)
            answer = await self.node.hooks.ask_for(Replace, "publish", event, name)
            if answer is not None:
                draft = _replaced(draft, data, answer)
                _check_size(draft.payload, self.node.limits.server_payload_bytes)
        elif not may(self.grant, options, options.client_publish, options.anonymous_publish):
            raise PermissionDenied("clients may not publish to this channel")
        elif subscription is None and not (options.outside_publish or self.grant.operator):
            raise PermissionDenied("subscribe to the channel before publishing to it")
        try:
            return await self.node.intake.publish(name, draft)
        except (BrokerError, Overloaded) as error:
            raise Internal from error

    # -- its rates

    async def throttle(self) -> None:
        """Wait while commands come too fast. Raises Disconnect (3013) when they keep doing so."""
        await self._known_rates().throttle()

    def spend(self, what: str) -> None:
        """Use up one of a rate: `subscribe`, `publish` or `read`. Raises TooManyRequests."""
        self._known_rates().spend(what)

    def count_error(self, error: ClientError) -> None:
        """A command was refused. Raises Disconnect when that happens too often."""
        self._known_rates().count_error(error)

    def _known_rates(self) -> Rates:
        if self._rates is None:
            self._rates = Rates(self.node, self._loop)
        return self._rates

    # -- the end

    def check(self, now: float) -> None:
        """Is there something to read that the client does not read? Called about once a second."""
        if self.flow.is_stalled(now):
            self.node.counters.stalled += 1
            if not self.flow.outlet.abort():
                self.node.counters.stuck += 1
            self.end(Disconnect(3008, "stalled"))

    def close(self, disconnect: Disconnect) -> None:
        """Say goodbye with a code, and leave everything."""
        if self.closed is None:
            self.end(disconnect)
            reason = disconnect.reason.encode("utf-8", "replace")[:REASON_BYTES]
            self.flow.outlet.close(disconnect.code, reason.decode("utf-8", "ignore"))

    def end(self, disconnect: Disconnect) -> None:
        """The connection is over: after this nothing is sent, kept or counted. Idempotent."""
        if self.closed is not None:
            return
        self.flow.end(disconnect)
        for subscription in list(self.subscriptions.values()):
            self.drop(subscription)
        self.node.roster.discard(self)
        self._tell("disconnect", DisconnectEvent(self.about, disconnect.code, disconnect.reason))

    def _tell(self, event: str, about: Any, channel: str = "") -> None:
        """Let hooks know what has happened; nothing waits for them, and they refuse nothing."""
        if self.node.hooks.has(event):
            self.node.tasks.spawn(self._say(event, about, channel))

    async def _say(self, event: str, about: Any, channel: str) -> None:
        try:
            await self.node.hooks.ask(event, about, channel)
        except (ClientError, Disconnect):
            pass  # it has happened already; there is nothing left to refuse


def _replaced(draft: Draft, data: Any, answer: Replace) -> Draft:
    # What the hook did not touch stays byte for byte what the client sent.
    return replace(
        draft,
        payload=draft.payload if answer.data is data else encode(answer.data),
        tags=answer.tags,
        skip_history=answer.skip_history,
        idempotency_key=answer.idempotency_key,
        delta=draft.delta or answer.delta,
        version=answer.version,
        version_epoch=answer.version_epoch,
    )


def _check_size(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        raise LimitExceeded("bytes of a publication", limit, len(payload), code=107)
