"""A connection that reads server-sent events: history and live alike, one event a publication."""

from __future__ import annotations

from collections.abc import Mapping

from ..auth.permission import Admission
from ..core.cursor import Cursor, Lost, Reason
from ..core.log import Entry, SteadyView, View
from ..core.outbox import Outlet
from ..errors import UNSUBSCRIBE_REASONS, BrokerError, ClientError, Disconnect
from ..hooks.events import Client
from ..model import Grant, Position, ServerSubscription
from ..node.node import Node
from ..protocol import plain, sse
from .catchup import Catchup
from .session import Session
from .subscription import Subscription
from .views import SseView

START = Position(0, "")

NOTHING: Mapping[str, Admission | ClientError] = {}


class SseSession(Session):
    """One client of `/sse`, over `channels`.

    It goes on behind `since`; where that names no position, it begins with the newest `history`
    publications (all: None).
    """

    __slots__ = ("_decided", "_heartbeat", "_history", "_joins", "_places", "_since")

    def __init__(
        self,
        node: Node,
        outlet: Outlet,
        *,
        client: str,
        grant: Grant,
        about: Client,
        subs: Mapping[str, ServerSubscription] | None = None,
        channels: tuple[str, ...],
        since: Mapping[str, Position],
        history: int | None = None,
        pace: float = 0.0,
        joins: bool = False,
        decided: Mapping[str, Admission | ClientError] = NOTHING,
    ) -> None:
        """`decided` says of some of the channels already whether they may be read."""
        super().__init__(node, outlet, client=client, grant=grant, about=about, subs=subs, pace=pace)
        self._since = since
        self._history = history
        # A channel that is not entered yet stands where the client left it.
        self._places = {name: _standing(since.get(name, START)) for name in channels}
        self._joins = joins
        self._decided = decided
        self._heartbeat = sse.Heartbeat(node.limits.heartbeat, node.tasks.loop.time())

    def view_for(self, channel: str) -> View:
        """How this client sees a channel's entries.

        Their ids say where it goes on in the channels that it asked for. What the server added is not among
        them: a connection that comes back is another one, and has to be given it again.
        """
        if channel not in self._places:
            return SseView(joins=self._joins, with_id=False)
        if len(self._places) == 1:
            return SseView(joins=self._joins, with_id=True)
        return _ManyView(self._places, joins=self._joins)

    async def subscribe(self, channel: str) -> None:
        """Begin to read one of the channels. What it cannot go on from is announced as a gap.

        Raises:
            ClientError: refused.
            BrokerError: the history could not be read.
        """
        decided = self._decided.get(channel)
        if isinstance(decided, ClientError):
            raise decided
        await self._enter(channel, self._since.get(channel), self._history, decided)

    async def subscribe_from_server(
        self, channel: str, server: ServerSubscription, since: Position | None
    ) -> None:
        if channel not in self.subscriptions:
            self.subscriptions.grant(channel, server.resuming if since else server)
            await self._enter(channel, since, 0)

    async def _enter(
        self, channel: str, since: Position | None, history: int | None, admission: Admission | None = None
    ) -> None:
        subscription = await self.subscriptions.enter(
            channel, self.view_for(channel), since, admission=admission
        )
        try:
            await self._begin(subscription, since, history)
        except BaseException:
            self.subscriptions.drop(subscription)
            raise

    async def _begin(self, subscription: Subscription, since: Position | None, history: int | None) -> None:
        name, cursor, ring = subscription.name, subscription.cursor, subscription.ring
        cursor.come(ring)  # its own join, if it caused one, lies before that
        channel = subscription.channel
        if channel is None:
            return  # given up meanwhile
        catchup = Catchup(self.node, channel, cursor)
        if not channel.options.history:
            catchup.at_head()
            if since is not None and since.offset:
                self._announce(name, Lost(None, None, Reason.INTERRUPTED, ""))
            return
        if subscription.may_see_past(since):
            _, lost = await catchup.place(since, history)
        else:
            _, lost = await catchup.withhold(since)
        if lost is not None:
            self.count_gap(channel)
            self._announce(name, lost)
        if name in self._places:
            self._places[name] = cursor
        subscription.go_live()

    def _announce(self, channel: str, lost: Lost) -> None:
        data = plain.gap(channel, lost.first, lost.last, lost.reason.value, lost.epoch, lost.missed)
        self.reply(sse.event(data, name="gap"))

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        channel = subscription.channel
        if channel is not None and channel.options.on_gap == "disconnect":
            self.node.counters.slow_disconnects += 1
            self.close(Disconnect(3008))
            return False
        self._announce(subscription.name, lost)
        return True

    def tell_refused(self, channel: str, error: ClientError | BrokerError) -> None:
        """A channel that this client may not read, or that cannot be read; the others go on."""
        code, message = (
            (error.code, error.message)
            if isinstance(error, ClientError)
            else (100, "the broker did not answer; try again")
        )
        self.node.counters.client_errors += 1
        self.reply(sse.event(plain.error(code, message, channel=channel), name="refused"))

    def unsubscribe_from_server(self, name: str, code: int = 2000, reason: str | None = None) -> None:
        subscription = self.subscriptions.get(name)
        if subscription is not None:
            self.subscriptions.drop(subscription)
            data = plain.unsubscribed(name, None, code, reason or UNSUBSCRIBE_REASONS[2000])
            self.reply(sse.event(data, name="unsubscribed"))

    def check(self, now: float) -> None:
        super().check(now)
        if self.flow.closed is None and self._heartbeat.is_due(now, waiting=self.flow.outlet.waiting):
            self.reply(sse.COMMENT)


class _ManyView(SteadyView):
    """Events of one connection over several channels: only the message is shared, the id is its own.

    It holds the positions of all channels, in their order: of this one the event's, of the others
    where their cursors stand, for up to there they were written.
    """

    def __init__(self, places: Mapping[str, Cursor], *, joins: bool) -> None:
        self._places = places
        self._shared = SseView(joins=joins, with_id=False)
        self.key = ("sse", object())

    def frame(self, channel: str, entry: Entry, previous: Entry | None) -> bytes | None:
        event = self._shared.frame(channel, entry, previous)
        if event is None or not entry.offset or entry.publication is None:
            return event
        here = entry.publication.position
        positions = [
            here if name == channel else Position(cursor.offset, cursor.epoch)
            for name, cursor in self._places.items()
        ]
        return b"id: %b\n%b" % (sse.event_id(positions).encode(), event)

    def join(self, channel: str, frames: list[bytes]) -> list[bytes]:
        return self._shared.join(channel, frames)

    def concat(self, chunks: list[list[bytes]]) -> list[bytes]:
        return self._shared.concat(chunks)


def _standing(position: Position) -> Cursor:
    return Cursor(position.epoch, position.offset)
