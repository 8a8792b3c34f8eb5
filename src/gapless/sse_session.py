"""A connection that reads server-sent events: history and live alike, one event a publication."""

from __future__ import annotations

from typing import Any

from .core.cursor import Lost, Reason
from .core.log import Entry, SteadyView, View
from .core.outbox import Outlet
from .errors import UNSUBSCRIBE_REASONS, BrokerError, ClientError, Disconnect
from .hooks import Client
from .model import Grant, Position
from .node import Node
from .protocol import plain, sse
from .session import Rules, Session
from .subscription import Subscription
from .views import SseView


class SseSession(Session):
    """One client of `/sse`. The event id holds the positions of all channels, in their order."""

    __slots__ = ("_joins", "_spoke_at", "positions")

    def __init__(
        self,
        node: Node,
        rules: Rules,
        outlet: Outlet,
        *,
        client: str,
        grant: Grant,
        about: Client,
        channels: tuple[str, ...],
        pace: float = 0.0,
        joins: bool = False,
    ) -> None:
        super().__init__(node, rules, outlet, client=client, grant=grant, about=about, pace=pace)
        self.positions = dict.fromkeys(channels, Position(0, ""))
        self._joins = joins
        self._spoke_at = self._loop.time()

    def view_for(self) -> View:
        if len(self.positions) == 1:
            return SseView(joins=self._joins, with_id=True)
        return _ManyView(self.positions, joins=self._joins)

    async def subscribe(self, channel: str, since: Position | None, history: int | None) -> None:
        """Go on behind `since`, or begin with the newest `history` publications (all: None).

        Raises:
            ClientError: refused.
            BrokerError: the history could not be read.
        """
        subscription = await self.take_seat(channel, self.view_for(), since)
        cursor, ring = subscription.cursor, subscription.ring
        interest = ring.head
        try:
            if subscription.channel is None or not subscription.channel.options.history:
                cursor.stand_at_head(ring)
                if since is not None and since.offset:
                    self.tell_lost(subscription, Lost(None, None, Reason.INTERRUPTED, ""))
                return
            page = await self.node.page(channel, limit=0)
            kept = page.oldest - 1
            if since is not None:
                cursor.offset, cursor.epoch = since
            else:
                cursor.epoch = page.top.epoch
                cursor.offset = kept if history is None else max(kept, page.top.offset - history)
            self.positions[channel] = Position(cursor.offset, cursor.epoch)
            subscription.go_live(interest)
        except BaseException:
            self.drop(subscription)
            raise

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        channel = subscription.channel
        if channel is not None and channel.options.on_gap == "disconnect":
            self.node.counters.slow_disconnects += 1
            self.close(Disconnect(3008))
            return False
        data = plain.gap(subscription.name, lost.first, lost.last, lost.reason.value, lost.epoch, lost.missed)
        self.reply(sse.event(data, name="gap"))
        return True

    def tell_refused(self, channel: str, error: ClientError | BrokerError) -> None:
        """A channel that this client may not read, or that cannot be read; the others go on."""
        code, message = (
            (error.code, error.message)
            if isinstance(error, ClientError)
            else (100, "the broker did not answer; try again")
        )
        self.node.counters.client_errors += 1
        self.reply(sse.event(plain.error(code, message, channel=channel), name="error"))

    def unsubscribe_from_server(self, name: str, code: int = 2000, reason: str | None = None) -> None:
        seat = self.subscriptions.get(name)
        if seat is not None:
            self.drop(seat)
            data = plain.unsubscribed(name, None, code, reason or UNSUBSCRIBE_REASONS[2000])
            self.reply(sse.event(data, name="unsubscribed"))

    def concat(self, chunks: list[Any]) -> list[bytes]:
        return [body for chunk in chunks for body in chunk]

    def check(self, now: float) -> None:
        super().check(now)
        if self.closed is None and not self.outlet.waiting:
            if now - self._spoke_at >= self.node.limits.heartbeat:
                self._spoke_at = now
                self.reply(sse.COMMENT)
        else:
            self._spoke_at = now


class _ManyView(SteadyView):
    """Events of one connection over several channels: only the message is shared, the id is its own."""

    def __init__(self, positions: dict[str, Position], *, joins: bool) -> None:
        self._positions = positions
        self._shared = SseView(joins=joins, with_id=False)
        self.key = ("sse", id(self))

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> bytes | None:
        event = self._shared.frame(channel, entry, previous)
        if event is None or not entry.offset or entry.publication is None:
            return event
        self._positions[channel] = entry.publication.position
        return b"id: %b\n%b" % (sse.event_id(list(self._positions.values())).encode(), event)

    def join(self, channel: str, frames: list[bytes]) -> list[bytes]:
        return self._shared.join(channel, frames)
