"""The flush: dirty channels go to their subscribers, in slices, by turns.

Publishing marks a channel dirty. One pass over a channel lets each subscriber write from its
cursor to the head; what is published meanwhile rides along with the later ones, and the channel
gets another pass for the earlier ones. So batches grow exactly when the load does.
"""

from __future__ import annotations

from collections import deque

from .channel import Channel, Subscriber

SLICE = 64
"""Subscribers served before the next channel has its turn and the clock is looked at."""


class _Pass:
    """One round over the subscribers that a channel had when it began."""

    __slots__ = ("at", "channel", "head", "subscribers")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.subscribers: tuple[Subscriber, ...] = channel.order()
        self.head = channel.ring.head
        self.at = 0


class Fanout:
    """Which channels have something to deliver, and whose turn it is."""

    __slots__ = ("_passes",)

    def __init__(self) -> None:
        self._passes: deque[Channel | _Pass] = deque()

    @property
    def idle(self) -> bool:
        """Is there nothing to deliver?"""
        return not self._passes

    def mark(self, channel: Channel) -> None:
        """Something was added to the channel's ring: it needs a pass that begins after now."""
        if not channel.dirty:
            channel.dirty = True
            self._passes.append(channel)

    def step(self) -> bool:
        """Serve one slice of one channel, if one is dirty; is there more to do after that?"""
        if not self._passes:
            return False
        turn = self._passes.popleft()
        if isinstance(turn, Channel):
            turn.dirty = False
            turn = _Pass(turn)
        begin = turn.at
        turn.at = begin + SLICE
        for subscriber in turn.subscribers[begin : begin + SLICE]:
            subscriber.deliver()
        if turn.at < len(turn.subscribers):
            self._passes.append(turn)
        else:
            turn.channel.swept = max(turn.channel.swept, turn.head)
        return bool(self._passes)
