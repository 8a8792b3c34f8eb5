"""The repair of rings: what their notifications did not bring is read from history, once for everybody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from ..core.channel import Channel
from ..core.counters import Counters
from ..errors import BrokerError
from ..model import History
from ..options import Limits
from .flush import Flush
from .history import POSITION, Pages, Range
from .tasks import Tasks

log = logging.getLogger("gapless")


class Repair:
    """Brings rings up to the top of their streams, at most one task a channel."""

    def __init__(self, pages: Pages, tasks: Tasks, flush: Flush, limits: Limits, counters: Counters) -> None:
        self._pages = pages
        self._tasks = tasks
        self._flush = flush
        self._limits = limits
        self._counters = counters
        self._under_way: dict[Channel, asyncio.Task[None]] = {}

    def begin(self, channel: Channel) -> asyncio.Task[None]:
        """Bring the ring up to its stream's top, once for everybody who reads it.

        When a repair is under way already, it reads once more: what it is reading may be older
        than what was noticed now.
        """
        channel.stale = True
        task = self._under_way.get(channel)
        if task is None or task.done():
            task = self._under_way[channel] = self._tasks.spawn(self._repair(channel))
        return task

    async def run(self, channel: Channel) -> None:
        """Repair the ring, and wait until that has ended, well or not."""
        await asyncio.wait([self.begin(channel)])

    def cancel(self, channel: Channel) -> None:
        """Nobody reads this ring any more."""
        if (task := self._under_way.pop(channel, None)) is not None:
            task.cancel()

    def end(self) -> None:
        """Cancel all of them."""
        for task in self._under_way.values():
            task.cancel()
        self._under_way.clear()

    async def compare(self, channels: Iterable[Channel]) -> None:
        """Compare each ring with its stream's top, and repair those that differ.

        The last notification before a silence may be lost, and no later one tells.
        """
        for channel in channels:
            await asyncio.sleep(0)
            if not channel.options.history or channel in self._under_way:
                continue
            before = channel.ring.top
            try:
                page = await self._pages.read(channel.name, POSITION)
            except BrokerError:
                continue
            channel.ring.learn(page)
            if page.top.epoch != channel.ring.epoch or page.top.offset > max(before, channel.ring.top):
                self.begin(channel)

    async def _repair(self, channel: Channel) -> None:
        self._counters.repairs += 1
        ring = channel.ring
        try:
            while channel.stale:
                channel.stale = False
                page = await self._pages.read(
                    channel.name, Range(after=ring.top, max_bytes=self._limits.flush_bytes)
                )
                if _mend(channel, page):
                    self._flush.mark(channel)
        except BrokerError as error:
            # The ring stays as it is; the slow comparison comes back to it.
            self._counters.repair_failed += 1
            log.warning("channel %r cannot be repaired yet: %s", channel.name, error)
        finally:
            self._under_way.pop(channel, None)
            self._flush.mark(channel)


def _mend(channel: Channel, page: History) -> bool:
    """Add to the ring what was read behind its top; True when there was something to add.

    Afterwards the channel is stale when there is more. A page that brings nothing forward does
    not make it so: then the broker contradicts itself, and only the slow comparison asks again.
    """
    ring, (top, epoch) = channel.ring, page.top
    begin = max(page.oldest - 1, top - ring.max_entries)
    was, head = (ring.epoch, ring.top), ring.head
    if epoch != ring.epoch:
        # Another life of the stream: who reads it is told, and reads on from its history.
        ring.restart(epoch, begin)
    elif page.oldest > ring.top + 1 or top - ring.top > ring.max_entries:
        # What a ring cannot hold anyway is read from history by those who need it.
        ring.skip_to(begin)
    else:
        for publication in page.publications:
            if publication.offset > ring.top:
                ring.append(publication)
                channel.payload_bytes += len(publication.payload)
    ring.learn(page)
    if ring.top < top and (ring.epoch, ring.top) != was:
        channel.stale = True
    return ring.first < ring.head != head
