"""One session's subscription to one channel: it writes from its cursor to the head, as there is room.

`deliver` is the data path: no await, no task, no queue. Only behind the ring, where pages come
from history, does a task read on, until the cursor is in the ring again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..auth import permission
from ..auth.permission import Admission
from ..core.channel import Channel
from ..core.cursor import Cursor, Lost, State
from ..core.log import Entry, View
from ..errors import BrokerError, Disconnect, PermissionDenied
from ..model import Grant, Position, Publication, Run
from ..node.node import Node
from .catchup import Catchup
from .flow import Flow


class GivenUp(PermissionDenied):
    """A subscription was ended by somebody else, the server perhaps, while it was being made."""

    message = "the subscription was given up meanwhile"


class Owner(Protocol):
    """What a subscription needs of its session."""

    node: Node
    client: str
    flow: Flow
    grant: Grant

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        """Announce it. False: the subscription does not go on after this."""

    def count_gap(self, channel: Channel | None) -> None:
        """Count that it is told of one."""

    def close(self, disconnect: Disconnect) -> None: ...


class Subscription:
    """A cursor in a channel, and the session it writes to.

    Closed, it delivers nothing any more: nothing follows an unsubscribe reply.
    """

    __slots__ = (
        "__weakref__",
        "admission",
        "channel",
        "cursor",
        "flow",
        "name",
        "ring",
        "session",
        "told",
        "view",
    )

    def __init__(self, session: Owner, name: str, view: View) -> None:
        self.session = session
        self.flow = session.flow
        self.name = name
        self.view = view
        self.cursor = Cursor()
        self.channel: Channel | None = None
        self.admission: Admission | None = None
        self.told = False
        """Does the client know of it? Before the reply nothing is said of the channel, not even its end."""

    def may_see_past(self, since: Position | None) -> bool:
        """May its client have what was published in the channel before it came, or since it left?"""
        admission = self.admission
        return admission is not None and permission.may_see_past(self.session.grant, admission.options, since)

    @property
    def resting(self) -> bool:
        return self.flow.resting

    def sit(self, channel: Channel) -> None:
        """Be in the channel: from now on the fan-out calls `deliver`."""
        self.channel = channel
        self.ring = channel.ring
        self.cursor.come(channel.ring)
        channel.add(self)

    def leave(self) -> None:
        """Give the hold on the channel back. Idempotent."""
        self.cursor.close()
        if self.channel is not None:
            self.session.node.rings.leave(self.channel, self)
            self.channel = None

    # -- the data path

    def deliver(self) -> None:
        flow, cursor, common = self.flow, self.cursor, self.ring.common
        try:
            # What nearly every subscriber meets: it stands where the one before it stood, and gets
            # the same bytes. Written out here because a fan-out consists of nothing else; it was
            # 1.2 µs a subscriber by way of `flush`.
            if (
                common is not None
                and common.begin == cursor.index
                and common.view is self.view
                and cursor.state is State.LIVE
                and len(flow.readers) == 1
                and flow.outlet.room
                and not flow.resting
            ):
                cursor.advance(common.end, common.last_offset, common.unnumbered)
                flow.push(common.data, common.size)
            elif self.pending:
                if flow.room or (flow.resting and self._is_outrun() and flow.wake()):
                    flow.flush()
                else:
                    self.lag()
        except Exception as error:
            # It must not reach the flush, which serves everybody else.
            self.session.node.tasks.failed("a delivery", error)
            self.session.close(Disconnect(3004))

    def _is_outrun(self) -> bool:
        """Would a longer rest take it out of the ring, where only the newest is not all that counts?"""
        is_all_wanted = self.channel is not None and self.channel.options.on_gap != "latest"
        return is_all_wanted and self.ring.is_half_ahead(self.cursor.index)

    @property
    def pending(self) -> bool:
        state = self.cursor.state
        return (state is State.LIVE or state is State.LAGGING) and self.cursor.index != self.ring.head

    def next_chunk(self) -> tuple[Any, int] | None:
        """Advance the cursor; what is to be written for that, with its size. None: nothing, for now."""
        channel = self.channel
        if channel is None or not self.pending:
            return None
        session, cursor, ring = self.session, self.cursor, self.ring
        limits = session.node.limits
        if cursor.state is State.LAGGING and channel.options.on_gap == "latest":
            self._jump()
        elif cursor.is_behind(ring):
            self._fall_behind(channel)
        if cursor.index == ring.head or not (cursor.state is State.LIVE or cursor.state is State.LAGGING):
            return None
        try:
            chunk = ring.chunk(self.view, cursor.index, limits.flush_bytes)
        except Disconnect as disconnect:  # what it cannot be shown in its encoding
            session.close(disconnect)
            return None
        left_out = bool(chunk.excluded) and session.client in chunk.excluded
        if left_out:
            chunk = ring.chunk_for(session.client, self.view, cursor.index, limits.flush_bytes)
        cursor.advance(chunk.end, chunk.last_offset, chunk.unnumbered)
        if left_out:
            self.view = self.view.restarted  # what follows must not build on what it does not have
        elif self.view.fresh and chunk.shown:
            self.view = self.view.following
        if chunk.end != ring.head:
            # More than one write holds: the rest when it has gone out.
            channel.mark_lagging(self)
            session.node.flush.mark(channel)
        elif cursor.state is State.LAGGING:
            channel.caught_up(self)
        return None if chunk.data is None else (chunk.data, chunk.size)

    def lag(self) -> None:
        """There is no room: it reads on when there is."""
        if self.cursor.state is State.LIVE and self.channel is not None:
            self.channel.mark_lagging(self)

    # -- off the ring

    def _jump(self) -> None:
        before = self.cursor.index
        lost = self.cursor.jump(self.ring)
        self.view = self.view.restarted
        self.session.node.counters.conflated += self.cursor.index - before
        if lost is not None:
            self._lose(lost)

    def _fall_behind(self, channel: Channel) -> None:
        cursor, ring = self.cursor, self.ring
        if channel.options.on_gap == "latest":
            self._jump()
        elif channel.options.history:
            channel.fell_behind(self)
            self.view = self.view.restarted
            self.session.node.tasks.spawn(self._read_on(channel))
        else:
            self._lose(cursor.skip(ring))

    def _lose(self, lost: Lost) -> bool:
        self.session.count_gap(self.channel)
        self.session.node.counters.unnumbered_lost += lost.missed
        return self.session.tell_lost(self, lost)

    def go_live(self) -> None:
        """Enter the ring right behind the cursor's offset, or read on until that is possible.

        Nothing without an offset that came before this subscriber did is its own.
        """
        channel = self.channel
        if channel is None:
            return  # the connection did not survive the reply
        self.told = True
        cursor, ring = self.cursor, self.ring
        came = cursor.index
        if not channel.options.history:
            cursor.stand_at(ring, came)
            self.flow.flush()
            return
        if not cursor.place(ring, came):
            self.session.node.tasks.spawn(self._read_on(channel))
            return
        # History holds only what has an offset. What came without one while it was being read
        # lies in the ring, between our coming and our place.
        if came < cursor.index:
            missed = self._frames(entry for entry in ring.entries(came, cursor.index) if not entry.offset)
            if missed:
                self.flow.outlet.push(self.view.join(self.name, missed), sum(map(len, missed)))
        if self.pending:
            self.flow.flush()

    async def _read_on(self, channel: Channel) -> None:
        """Write pages of history, each as there is room, until the cursor is in the ring.

        What history no longer holds is announced.
        """
        session = self.session
        size = session.node.limits.history_frame_bytes
        catchup = Catchup(session.node, channel, self.cursor, max_bytes=size, pause=self.flow.until_room)
        try:
            async for _, fresh, lost in catchup:
                if lost is not None and not self._lose(lost):
                    return
                self._write_page(fresh)
            self.flow.flush()
        except BrokerError:
            session.close(Disconnect(3004))
        except Disconnect as disconnect:
            session.close(disconnect)  # unless it is closed already, which this often says
        except Exception:
            session.close(Disconnect(3004))
            raise

    def _write_page(self, publications: list[Publication]) -> None:
        frames = self._frames(_entries(publications))
        if frames:
            self.flow.push(self.view.join(self.name, frames), sum(map(len, frames)), rests=False)

    def _frames(self, entries: Iterable[Entry]) -> list[Any]:
        """What this subscriber is shown of entries that it does not read from the ring."""
        client = self.session.client
        return [
            frame
            for entry in entries
            if (entry.publication is None or entry.publication.exclude != client)
            and (frame := self.view.frame(self.name, entry, None)) is not None
        ]


def _entries(publications: list[Publication]) -> Iterable[Entry]:
    """As in a ring: frames are kept on them, for all who are given the same page."""
    if isinstance(publications, Run):
        return publications.once("entries", lambda run: [*map(Entry, run)])
    return map(Entry, publications)
