"""A connection that speaks the plain protocol: history frames, then live, and gaps said aloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.channel import Channel
from ..core.cursor import Lost
from ..core.log import View
from ..core.outbox import Outlet
from ..errors import UNSUBSCRIBE_REASONS, BrokerError, ClientError, Disconnect, Internal, UnknownChannel
from ..hooks.events import Client
from ..model import Grant, History, Position, Publication, Run, ServerSubscription, shown
from ..node.node import Node
from ..options import Limits
from ..protocol import plain, sse
from ..protocol.strict import Bounds, parse
from . import publishing, reading
from .catchup import Catchup
from .session import Session
from .subscription import Subscription
from .views import BatchView, Framing, PlainView, shared_view

HEAD_BYTES = 2 * 1024
"""What a history frame says before and after its items, at most."""


class PlainSession(Session):
    """One client of `/ws`."""

    __slots__ = ("_query", "batch", "framing")

    def __init__(
        self,
        node: Node,
        outlet: Outlet,
        framing: Framing,
        *,
        client: str,
        grant: Grant,
        about: Client,
        subs: Mapping[str, ServerSubscription] | None = None,
        query: Sequence[plain.Subscribe] = (),
        batch: bool = False,
        pace: float = 0.0,
    ) -> None:
        super().__init__(node, outlet, client=client, grant=grant, about=about, subs=subs, pace=pace)
        self.framing = framing
        self.batch = batch
        self._query: Sequence[plain.Subscribe] = query

    # -- in

    async def begin(self) -> None:
        """Subscribe to the channels of the query; a refusal is told and the others go on."""
        query, self._query = self._query, ()
        for command in query:
            # Their number has a bound of its own, and an idle connection then has no rates to keep.
            await self._answer(command, counted=False)

    async def handle(self, message: str | bytes) -> None:
        """One frame of the client. Raises Disconnect when it was one too many."""
        if isinstance(message, bytes):
            raise Disconnect(1003, "this door speaks text frames only")
        await self.rates.throttle()
        try:
            command = decode(message, self.node.limits)
        except plain.BadCommand as error:
            self.refuse(error, error.id, error.channel)
        else:
            await self._answer(command)

    async def _answer(self, command: plain.Command, *, counted: bool = True) -> None:
        channel = None if isinstance(command, plain.Ping) else command.channel
        try:
            await self._obey(command, counted)
        except ClientError as error:
            self.refuse(error, command.id, channel)
        except BrokerError:
            self.refuse(Internal("the broker did not answer; try again"), command.id, channel)

    async def _obey(self, command: plain.Command, counted: bool) -> None:
        match command:
            case plain.Ping():
                self.say(plain.pong(command.id))
            case plain.Subscribe():
                await self.subscribe(command, counted=counted)
            case plain.Unsubscribe():
                subscription = self.subscriptions.get(command.channel)
                if subscription is not None:
                    self.subscriptions.drop(subscription)
                self.say(plain.unsubscribed(command.channel, command.id))
            case plain.Publish():
                position = await publishing.publish(
                    self, command.channel, command.payload, parse(command.payload)
                )
                self.say(plain.published(command.channel, position, command.id))
            case plain.ReadPresence():
                members = await reading.presence(self, command.channel)
                self.say(plain.present(command.channel, members, command.id))
            case plain.ReadHistory():
                found = await reading.history(
                    self, command.channel, since=command.since, limit=command.limit, reverse=command.reverse
                )
                more = found.is_cut(command.limit, reverse=command.reverse)
                self.say(plain.page(command.channel, found, command.id, more=more))

    def refuse(self, error: ClientError, id: int | str | None, channel: str | None) -> None:  # noqa: A002
        """Say what was wrong, unless the client has left. Raises Disconnect when that happens too often."""
        if self.flow.closed is not None:
            return  # what was under way then ends, and is no error of whoever left
        self.say(plain.error(error.code, error.message, id, channel))
        self.rates.count_error(error)

    # -- out

    def say(self, message: bytes) -> None:
        """One message, in a frame of its own."""
        self.reply(self.framing.wrap(message))

    def view_for(self, joins: bool) -> View:
        """How this client sees entries; with joins and leaves by wish."""
        return shared_view(BatchView if self.batch else PlainView, self.framing, joins=joins)

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        channel = subscription.channel
        if channel is not None and channel.options.on_gap == "disconnect":
            self.node.counters.slow_disconnects += 1
            self.close(Disconnect(3008))
            return False
        self.say(
            plain.gap(subscription.name, lost.first, lost.last, lost.reason.value, lost.epoch, lost.missed)
        )
        return True

    async def subscribe_from_server(
        self, channel: str, server: ServerSubscription, since: Position | None
    ) -> None:
        """It gets history frames, then live ones, as if it had asked; `since` is the server's word."""
        if channel not in self.subscriptions:
            self.subscriptions.grant(channel, server.resuming if since else server)
            await self.subscribe(plain.Subscribe(channel, history=0, since=since))

    def unsubscribe_from_server(self, name: str, code: int = 2000, reason: str | None = None) -> None:
        subscription = self.subscriptions.get(name)
        if subscription is not None:
            self.subscriptions.drop(subscription)
            self.say(plain.unsubscribed(name, None, code, reason or UNSUBSCRIBE_REASONS[2000]))

    def write_history(self, message: bytes) -> None:
        """One history frame, right away: there is room, and it is not paced."""
        frame = self.framing.wrap(message)
        self.flow.outlet.push(self.framing.join([frame]), len(frame))

    # -- subscribing

    async def subscribe(self, command: plain.Subscribe, *, counted: bool = True) -> None:
        """Replay what was asked for, then go live. The first history frame is the reply.

        Raises:
            ClientError: refused.
            BrokerError: the history could not be read.
        """
        subscription = await self.subscriptions.enter(
            command.channel, self.view_for(command.joins), command.since, counted=counted
        )
        try:
            await Replay(self, subscription, command).run()
        except BaseException:
            self.subscriptions.drop(subscription)
            raise


class EventSession(PlainSession):
    """One that reads its frames as the events of a stream, which must not be silent for long."""

    __slots__ = ("_heartbeat",)

    def __init__(self, node: Node, *args: Any, **how: Any) -> None:
        super().__init__(node, *args, **how)
        self._heartbeat = sse.Heartbeat(node.limits.heartbeat, node.tasks.loop.time())

    def check(self, now: float) -> None:
        super().check(now)
        if self.flow.closed is None and self._heartbeat.is_due(now, waiting=self.flow.outlet.waiting):
            self.reply(sse.COMMENT)


def decode(text: str, limits: Limits) -> plain.Command:
    """One frame as a command. Raises BadCommand."""
    return plain.decode(text, Bounds.of(limits, limits.json_containers))


class Replay:
    """The history frames of one subscription, from the first to where live takes over."""

    def __init__(self, session: PlainSession, subscription: Subscription, command: plain.Subscribe) -> None:
        self._session = session
        self._subscription = subscription
        self._command = command
        self._cursor = subscription.cursor
        self._cursor.come(subscription.ring)  # its own join, if it caused one, lies before that

    async def run(self) -> None:
        """Write the first frame; the others follow in a task of their own."""
        channel = self._subscription.channel
        if channel is not None and channel.options.history:
            if self._subscription.may_see_past(self._command.since):
                await self._begin(channel)
            else:
                await self._begin_at_top(channel)
        else:
            await self._room()
            nothing = History([], Position(0, ""), 0)
            # A channel without history cannot recover anything: said to whoever asked for it.
            recovered = None if self._command.since is None else False
            self._write(nothing, b"", more=False, recovered=recovered, id=self._command.id)
            self._subscription.go_live()

    async def _begin(self, channel: Channel) -> None:
        session, command = self._session, self._command
        # A frame holds offsets and brackets beside the payloads: what is read should mostly fit.
        size = session.node.limits.history_frame_bytes * 3 // 4
        catchup = Catchup(session.node, channel, self._cursor, max_bytes=size, pause=self._room)
        page, fresh, lost = await catchup.begin(command.since, command.history)
        catchup.goal = page.top.offset
        while not fresh and self._cursor.offset < catchup.goal:
            page, fresh, later = await anext(catchup)
            if later is not None:
                lost = later if lost is None else lost.and_then(later)
        recovered = None if command.since is None else lost is None
        items = self._fit(fresh)
        more = self._cursor.offset < catchup.goal
        self._write(
            self._told(page, more=more),
            items,
            more=more,
            recovered=recovered,
            lost=None if lost is None or recovered is None else (lost.first, lost.last),
            id=command.id,
        )
        if lost is not None and recovered is False:
            session.count_gap(channel)
        if more:
            session.node.tasks.spawn(self._go_on(channel, catchup))
        else:
            self._subscription.go_live()

    async def _begin_at_top(self, channel: Channel) -> None:
        """With nothing from before, for who may not have it: what it missed is said to be lost."""
        session, since = self._session, self._command.since
        await self._room()
        top, lost = await Catchup(session.node, channel, self._cursor).withhold(since)
        if lost is not None:
            session.count_gap(channel)
        self._write(
            History([], top, top.offset + 1),
            b"",
            more=False,
            recovered=None if since is None else lost is None,
            lost=None if lost is None else (lost.first, lost.last),
            id=self._command.id,
        )
        self._subscription.go_live()

    async def _room(self) -> None:
        """Wait until a frame can be written. Raises UnknownChannel when that has become of no use."""
        await self._session.flow.until_room()
        if self._subscription.channel is None:
            raise UnknownChannel("the subscription was given up meanwhile", code=103)

    async def _go_on(self, channel: Channel, catchup: Catchup) -> None:
        session, cursor = self._session, self._cursor
        try:
            async for page, fresh, lost in catchup:
                if lost is not None:
                    session.count_gap(channel)
                    if not session.tell_lost(self._subscription, lost):
                        return
                if fresh or cursor.offset >= catchup.goal:
                    items = self._fit(fresh)
                    more = cursor.offset < catchup.goal
                    self._write(self._told(page, more=more), items, more=more)
                    if not more:
                        break
        except BrokerError:
            session.close(Disconnect(3004))
        except (Disconnect, UnknownChannel):
            return  # closed or given up meanwhile; there is nobody to write to
        else:
            self._subscription.go_live()

    def _told(self, page: History, *, more: bool) -> History:
        """The page with the top that its frame says: that of the last one is its end, where live begins."""
        return page if more else page._replace(top=Position(self._cursor.offset, page.top.epoch))

    def _fit(self, publications: list[Publication]) -> bytes:
        """As many of them as one frame holds, encoded; the cursor then stands behind the last of these."""
        room = self._session.node.limits.history_frame_bytes - HEAD_BYTES
        publications = shown(publications, self._session.client)
        encoded = publications.encoded if isinstance(publications, Run) else {}
        if "plain" in encoded:
            known: bytes = encoded["plain"]
            return known
        items: list[bytes] = []
        for publication in publications:
            item = plain.item(publication)
            room -= len(item) + 1
            if items and room < 0:
                self._cursor.stop_at(publication.offset - 1)
                return b",".join(items)
            items.append(item)
        encoded["plain"] = body = b",".join(items)  # they all fit, and do so for everybody
        return body

    def _write(
        self,
        page: History,
        items: bytes,
        *,
        more: bool,
        recovered: bool | None = None,
        lost: tuple[int | None, int | None] | None = None,
        id: int | str | None = None,  # noqa: A002
    ) -> None:
        self._session.write_history(
            plain.history(
                self._subscription.name,
                page.top,
                page.oldest,
                items,
                more=more,
                recovered=recovered,
                lost=lost,
                id=id,
            )
        )
