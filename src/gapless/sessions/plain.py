"""A connection that speaks the plain protocol: history frames, then live, and gaps said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.cursor import Lost, Reason, State
from ..core.log import View
from ..core.outbox import Outlet
from ..errors import UNSUBSCRIBE_REASONS, BrokerError, ClientError, Disconnect, Internal, UnknownChannel
from ..hooks.events import Client
from ..model import Grant, History, Position, Publication, Run, ServerSubscription, shown
from ..node.history import POSITION, Range
from ..node.node import Node
from ..options import Limits
from ..protocol import plain
from ..protocol.strict import parse
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
        query: Sequence[plain.Subscribe] = (),
        batch: bool = False,
        pace: float = 0.0,
    ) -> None:
        super().__init__(node, outlet, client=client, grant=grant, about=about, pace=pace)
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
        await self.throttle()
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
                    self.drop(subscription)
                self.say(plain.unsubscribed(command.channel, command.id))
            case plain.Publish():
                position = await self.publish(command.channel, command.payload, parse(command.payload))
                self.say(plain.published(command.channel, position, command.id))

    def refuse(self, error: ClientError, id: int | str | None, channel: str | None) -> None:  # noqa: A002
        """Say what was wrong. Raises Disconnect when that happens too often."""
        self.say(plain.error(error.code, error.message, id, channel))
        self.count_error(error)

    # -- out

    def say(self, message: bytes) -> None:
        self.reply(self.framing.wrap(message))

    def concat(self, chunks: list[Any]) -> Any:
        return self.framing.concat(chunks)

    def view_for(self, joins: bool) -> View:
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
        """As if the client had asked: it gets history frames, then live ones."""
        if channel not in self.subscriptions:
            await self.subscribe(plain.Subscribe(channel, history=0, since=since))

    def unsubscribe_from_server(self, name: str, code: int = 2000, reason: str | None = None) -> None:
        seat = self.subscriptions.get(name)
        if seat is not None:
            self.drop(seat)
            self.say(plain.unsubscribed(name, None, code, reason or UNSUBSCRIBE_REASONS[2000]))

    def write_history(self, message: bytes) -> None:
        """One history frame, right away: there is room, and it is not paced."""
        frame = self.framing.wrap(message)
        self.outlet.push(self.framing.join([frame]), len(frame))

    # -- subscribing

    async def subscribe(self, command: plain.Subscribe, *, counted: bool = True) -> None:
        """Replay what was asked for, then go live. The first history frame is the reply.

        Raises:
            ClientError: refused.
            BrokerError: the history could not be read.
        """
        subscription = await self.take_seat(
            command.channel, self.view_for(command.joins), command.since, counted=counted
        )
        try:
            await Replay(self, subscription, command).run()
        except BaseException:
            self.drop(subscription)
            raise


def decode(text: str, limits: Limits) -> plain.Command:
    return plain.decode(text, depth=limits.json_depth, members=limits.json_members, digits=limits.json_digits)


class Replay:
    """The history frames of one subscription, from the first to where live takes over."""

    def __init__(self, session: PlainSession, subscription: Subscription, command: plain.Subscribe) -> None:
        self._session = session
        self._subscription = subscription
        self._command = command
        self._cursor = subscription.cursor
        self._interest = subscription.ring.head
        """The index at which this subscriber came: what has no offset before it is not its own."""

    async def run(self) -> None:
        """Write the first frame; the others follow in a task of their own."""
        session, command = self._session, self._command
        if not self._has_history():
            await session.until_room()
            self._check_current()
            self._write(
                History([], Position(0, ""), 0), b"", more=False, recovered=_nothing(command), id=command.id
            )
            self._go_live()
            return
        page = await self._first_page()
        await session.until_room()
        self._check_current()
        fresh, lost = self._cursor.admit(page)
        while not fresh and self._cursor.offset < page.top.offset:
            page = await self._page(self._cursor.offset)
            await session.until_room()
            self._check_current()
            fresh, _ = self._cursor.admit(page)
        recovered = None if command.since is None else lost is None
        goal = page.top.offset
        items = self._fit(fresh)
        more = self._cursor.offset < goal
        self._write(
            page,
            items,
            more=more,
            recovered=recovered,
            lost=None if lost is None or recovered is None else (lost.first, lost.last),
            id=command.id,
        )
        if lost is not None and recovered is False:
            session.node.counters.gaps += 1
        if more:
            session.node.tasks.spawn(self._go_on(goal))
        else:
            self._go_live()

    async def _first_page(self) -> History:
        command, cursor = self._command, self._cursor
        if command.since is not None:
            cursor.offset, cursor.epoch = command.since
            return await self._page(command.since.offset)
        if command.history is None:
            page = await self._page(None)
            cursor.epoch, cursor.offset = page.top.epoch, page.oldest - 1
            return page
        page = await self._session.node.pages.page(self._subscription.name, POSITION)
        cursor.epoch = page.top.epoch
        cursor.offset = max(page.oldest - 1, page.top.offset - command.history)
        if cursor.offset == page.top.offset:
            return page
        return await self._page(cursor.offset)

    async def _page(self, after: int | None) -> History:
        node = self._session.node
        # A frame holds offsets and brackets beside the payloads: what is read should mostly fit.
        size = node.limits.history_frame_bytes * 3 // 4
        return await node.pages.page(self._subscription.name, Range(after, limit=2048, max_bytes=size))

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
                self._cursor.offset = publication.offset - 1
                return b",".join(items)
            items.append(item)
        encoded["plain"] = body = b",".join(items)  # they all fit, and do so for everybody
        return body

    async def _go_on(self, goal: int) -> None:
        session, cursor = self._session, self._cursor
        try:
            while cursor.offset < goal:
                await session.until_room()
                page = await self._page(cursor.offset)
                await session.until_room()
                if self._subscription.channel is None:
                    return
                fresh, lost = cursor.admit(page)
                if lost is not None:
                    session.node.counters.gaps += 1
                    if not session.tell_lost(self._subscription, lost):
                        return
                    if lost.reason is Reason.EPOCH:
                        goal = page.top.offset
                if fresh or cursor.offset >= goal:
                    items = self._fit(fresh)
                    self._write(page, items, more=cursor.offset < goal)
        except BrokerError:
            session.close(Disconnect(3004))
        except Disconnect:
            return  # closed meanwhile; there is nobody to write to
        else:
            self._go_live()

    def _go_live(self) -> None:
        if self._cursor.state is State.LIVE:
            self._subscription.write()
        else:
            self._subscription.go_live(self._interest)

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

    def _has_history(self) -> bool:
        channel = self._subscription.channel
        return channel is not None and channel.options.history > 0

    def _check_current(self) -> None:
        if self._subscription.channel is None:
            raise UnknownChannel("the subscription was given up meanwhile", code=103)


def _nothing(command: plain.Subscribe) -> bool | None:
    """A channel without history cannot recover anything: said to whoever asked for it."""
    return None if command.since is None else False
