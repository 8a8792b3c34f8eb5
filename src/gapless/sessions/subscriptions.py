"""The subscriptions of one connection, by channel: how one begins, and how it ends.

`reserve` takes the name, `join` brings it into the channel, `drop` gives it up; between the first two a
door asks who may. Each is looked at again after every await: the client, the server or the end of the
connection may have dropped it meanwhile. `known` and `admit` are what is asked on every way in, also
by a door that asks before it has a connection.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ..auth import permission
from ..auth.permission import Admission
from ..core.log import View
from ..errors import AlreadySubscribed, LimitExceeded, PermissionDenied, UnknownChannel
from ..hooks.events import ChannelEvent, Client, SubscribeEvent, UnsubscribeEvent
from ..model import NOTHING, Grant, Member, Position, ServerSubscription
from ..node.node import Node
from ..options import ChannelOptions
from .rates import Rates
from .subscription import GivenUp, Owner, Subscription


class Subscriber(Owner, Protocol):
    """What its subscriptions need of a session."""

    about: Client
    grant: Grant
    rates: Rates

    def hold(self, expires_at: float | None) -> None:
        """Something of it ends then; None: it does not."""

    def member(self, admission: Admission | None) -> Member:
        """The connection as others see it in a channel."""


class Subscriptions(Mapping[str, Subscription]):
    """Those that are made or being made. Iterating gives the names, in the order they were reserved."""

    __slots__ = ("_granted", "_node", "_weak_owner", "by_name")

    def __init__(self, owner: Subscriber, granted: Mapping[str, ServerSubscription] | None = None) -> None:
        """`granted` are those that its token or hook names: there nothing else is asked."""
        # Weak: a circle would leave every connection that ended to the garbage collector.
        self._weak_owner = weakref.ref(owner)
        self._node = owner.node
        self._granted = granted or NOTHING
        self.by_name: dict[str, Subscription] = {}

    def grant(self, name: str, server: ServerSubscription) -> None:
        """From now on it may be in this channel, in this way."""
        self._granted = {**self._granted, name: server}

    @property
    def _owner(self) -> Subscriber:
        owner = self._weak_owner()
        assert owner is not None  # noqa: S101 - whoever subscribes or drops is the connection, or holds it
        return owner

    def __getitem__(self, name: str) -> Subscription:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    async def enter(
        self,
        name: str,
        view: View,
        since: Position | None,
        *,
        counted: bool = True,
        admission: Admission | None = None,
    ) -> Subscription:
        """Be in a channel, as options and hooks allow; the cursor is not placed yet (see `join`).

        They are not asked where they have been, and gave this `admission`.

        Raises:
            ClientError: refused; nothing is left behind.
            Disconnect: refused for good.
            BrokerError: the broker did not answer.
        """
        subscription, options = self.reserve(name, view, counted=counted)
        try:
            await self.join(subscription, admission or await self.admit(name, options, since))
        except BaseException:
            self.drop(subscription)
            raise
        return subscription

    def reserve(self, name: str, view: View, *, counted: bool = True) -> tuple[Subscription, ChannelOptions]:
        """Begin to subscribe: the name is taken. What follows is `join`, or else `drop`.

        `counted` charges the rate of subscriptions. Raises ClientError.
        """
        owner = self._owner
        if counted:
            owner.rates.spend("subscribe")
        self.check_free(name)
        options = known(self._node, owner.grant, name)
        subscription = self.by_name[name] = Subscription(owner, name, view)
        if self._node.subscribed is not None:
            self._node.subscribed.add(owner.about.address)
        return subscription, options

    def check_free(self, name: str) -> None:
        """Can there be another, of a channel of this name? Raises ClientError."""
        self._node.registry.check(name)
        if name in self.by_name:
            raise AlreadySubscribed
        limit = self._node.limits.subscriptions
        if len(self.by_name) >= limit:
            raise LimitExceeded("subscriptions of this connection", limit, len(self.by_name) + 1)
        self._check_address()

    def _check_address(self) -> None:
        limit, subscribed = self._node.limits.address_subscriptions, self._node.subscribed
        if limit is None or subscribed is None or self._owner.grant.operator:
            return
        count = subscribed.of(self._owner.about.address)
        if count >= limit:
            self._node.counters.crowded_addresses += 1
            raise LimitExceeded("subscriptions of all connections from this address", limit, count + 1)

    async def admit(
        self,
        name: str,
        options: ChannelOptions,
        since: Position | None = None,
        data: Any = None,
        token: str = "",
    ) -> Admission:
        """May this client subscribe? Raises ClientError or Disconnect."""
        owner = self._owner
        event = SubscribeEvent(owner.about, name, since, data, token)
        return await admit(self._node, owner.grant, self._granted, options, event)

    async def join(self, subscription: Subscription, admission: Admission) -> None:
        """Be in the channel, admitted so: joined and present, the cursor not placed yet.

        After this nothing may be awaited between placing the cursor and queueing the reply.

        Raises:
            GivenUp: it was dropped meanwhile.
            BrokerError: the broker did not answer.
        """
        name, node = subscription.name, self._node
        subscription.admission = admission
        self._owner.hold(admission.expires_at)
        channel = await node.rings.join(name)
        if not self.is_current(subscription):
            node.rings.leave(channel, None)
            raise GivenUp
        subscription.sit(channel)
        if "occupied" in node.hooks.events and len(channel.subscribers) == 1:
            node.tell_hooks("occupied", ChannelEvent(name), name)
        if admission.options.presence:
            await node.members.join(
                name,
                self._owner.member(admission),
                announce=admission.options.join_leave,
                is_current=lambda: self.is_current(subscription),
            )
            if not self.is_current(subscription):
                raise GivenUp

    def is_current(self, subscription: Subscription) -> bool:
        """Was it neither given up nor the connection closed? To be asked after every await."""
        return self._owner.flow.closed is None and self.by_name.get(subscription.name) is subscription

    def renew_members(self) -> None:
        """What others see of this connection has changed; presence shows it at its next refresh."""
        for name, subscription in self.by_name.items():
            self._node.members.renew(name, self._owner.member(subscription.admission))

    def drop(self, subscription: Subscription) -> None:
        """Leave a channel: nothing of it is written after this. Idempotent."""
        name, channel, node = subscription.name, subscription.channel, self._node
        subscription.leave()
        if self.by_name.get(name) is subscription:
            del self.by_name[name]
            if node.subscribed is not None:
                node.subscribed.remove(self._owner.about.address)
        if channel is None:
            return
        admission = subscription.admission
        if admission is not None and admission.options.presence:
            node.members.leave(name, self._owner.client, announce=admission.options.join_leave)
        told = node.hooks.events
        if "unsubscribe" in told:
            node.tell_hooks("unsubscribe", UnsubscribeEvent(self._owner.about, name), name)
        if "vacated" in told and not channel.subscribers:
            node.tell_hooks("vacated", ChannelEvent(name), name)

    def drop_all(self) -> None:
        """The connection is over."""
        for subscription in list(self.by_name.values()):
            self.drop(subscription)


def known(node: Node, grant: Grant, name: str) -> ChannelOptions:
    """The options of a channel that this client may know of; `Registry.check` has let its name pass.

    Raises:
        UnknownChannel: no pattern declares it.
        PermissionDenied: the hub speaks of itself there, and not to this client. No token, hook or option
            gives that right: whoever may call the API has it.
    """
    options = node.registry.declared(name)
    if options is None:
        raise UnknownChannel("unknown channel: no pattern of this hub matches it")
    if name in node.registry.own and not (grant.operator or grant.watches):
        raise PermissionDenied(f"{name} is for those who may call the API of this hub")
    return options


async def admit(
    node: Node,
    grant: Grant,
    granted: Mapping[str, ServerSubscription],
    options: ChannelOptions,
    event: SubscribeEvent,
) -> Admission:
    """May it be in a channel that it may know of, and how? `granted` are those that its grant names.

    Raises ClientError or Disconnect.
    """
    if event.channel in node.registry.own:
        return Admission(options)  # `known` has said so
    server = granted.get(event.channel)
    if server is not None:
        return permission.by_server(options, server)
    return await permission.admit(node.hooks, grant, options, event)
