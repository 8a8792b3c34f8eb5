"""One client connection: which channels it reads, at the pace of its socket, until it is closed.

What all doors share is here. What a door says on the wire is in its own session class.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..auth.permission import Admission
from ..core.channel import Channel
from ..core.cursor import Lost
from ..core.growth import Growth
from ..core.outbox import Outlet
from ..errors import CONNECTION_CLOSED, Disconnect, NotAvailable
from ..hooks.events import Client, DisconnectEvent
from ..model import Grant, Member, Position, ServerSubscription
from ..node.node import Node
from .flow import Flow
from .lease import Lease
from .rates import Rates
from .subscription import Subscription
from .subscriptions import Subscriptions

REASON_BYTES = 123
"""A close frame holds this much beside its code (RFC 6455, 5.5); a hook may have said more."""


class Session:
    """What every connection has, whichever door it came through.

    Subclasses say on the wire what happened: `view_for`, `tell_lost`. They have slots: there may
    be a hundred thousand of them.
    """

    __slots__ = (
        "__weakref__",
        "about",
        "client",
        "flow",
        "gaps",
        "grant",
        "growth",
        "lease",
        "node",
        "rates",
        "secret",
        "since",
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
        subs: Mapping[str, ServerSubscription] | None = None,
        pace: float = 0.0,
    ) -> None:
        """`subs` are the channels that the grant names: there nothing but the grant is asked."""
        self.node = node
        self.client = client
        self.grant = grant
        self.about = about
        self.rates = Rates(node)
        self.subscriptions = Subscriptions(self, subs)
        self.flow = Flow(node, outlet, self.subscriptions.by_name, pace=pace)
        self.secret = ""
        """The session id that an emulated or unidirectional connection was told."""
        self.since = time.time()
        """When it came, in Unix seconds."""
        self.gaps = 0
        """How often it was told that publications are gone."""
        self.growth: Growth | None = None
        """Of the bytes that are written to it, while somebody looks."""
        self.lease: Lease | None = None
        """Held while there is something that can expire."""
        self.hold(grant.expires_at)

    @property
    def client_refreshes(self) -> bool:
        """Does the client keep its grant from expiring by itself? Otherwise the application is asked."""
        return False

    @property
    def frame_pings(self) -> tuple[float, float] | None:
        """Seconds between pings of its transport, and for their answers; None: as the server pings."""
        return None

    @property
    def channels(self) -> Iterable[str]:
        """Those that it is subscribed to, or about to be."""
        return self.subscriptions

    def open(self) -> None:
        """Count this connection among the node's sessions."""
        self.node.roster.add(self)
        self.node.counters.connections += 1

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
        self.hold(expires_at)
        self.subscriptions.renew_members()

    def prolong(self, grant: Grant) -> None:
        """It goes on until the new grant expires; what that says of it replaces what was known."""
        info, meta = grant.info or self.grant.info, grant.meta or self.grant.meta
        self.grant = replace(self.grant, expires_at=grant.expires_at, info=info, meta=meta)
        self.hold(grant.expires_at)
        self.about = replace(self.about, meta=meta)
        self.subscriptions.renew_members()

    def hold(self, expires_at: float | None) -> None:
        """Something of it ends then; None: it does not."""
        if expires_at is not None and self.lease is None:
            self.lease = Lease(self)

    # -- as others see it

    def member(self, admission: Admission | None) -> Member:
        """This connection as others see it, in a channel if it is in one."""
        return Member(self.client, self.grant.user, self.grant.info, admission.info if admission else None)

    # -- for those who watch

    def count_gap(self, channel: Channel | None) -> None:
        """It is told that publications of this channel are gone; None: which it has left just now."""
        self.gaps += 1
        self.node.counters.gaps += 1
        if channel is not None:
            channel.gaps += 1

    @property
    def round_trip(self) -> float | None:
        """Seconds between the last ping and its answer; None: not known."""
        return self.flow.outlet.round_trip

    # -- the end

    def check(self, now: float) -> None:
        """Is there something to read that it does not read, or has it expired? Called about once a second."""
        if self.flow.is_stalled(now):
            self.node.counters.stalled += 1
            if not self.flow.outlet.abort():
                self.node.counters.stuck += 1
            self.end(Disconnect(3008, "stalled"))
        elif self.lease is not None and self.flow.closed is None:
            self.lease.check(time.time())

    def close(self, disconnect: Disconnect) -> None:
        """Say goodbye with a code, and leave everything. 3000 says nothing: the connection just ends."""
        if self.flow.closed is None:
            self.end(disconnect)
            if disconnect.code == CONNECTION_CLOSED:
                self.flow.outlet.abort()  # which a client takes for its network's doing, and comes back
                return
            reason = disconnect.reason.encode("utf-8", "replace")[:REASON_BYTES]
            self.flow.outlet.close(disconnect.code, reason.decode("utf-8", "ignore"))

    def end(self, disconnect: Disconnect) -> None:
        """The connection is over: after this nothing is sent, kept or counted. Idempotent."""
        if self.flow.closed is not None:
            return
        self.flow.end(disconnect)
        self.node.counters.count_close(disconnect.code)
        self.lease = None
        self.subscriptions.drop_all()
        self.node.roster.discard(self)
        if "disconnect" in self.node.hooks.events:
            event = DisconnectEvent(self.about, disconnect.code, disconnect.reason)
            self.node.tell_hooks("disconnect", event)
