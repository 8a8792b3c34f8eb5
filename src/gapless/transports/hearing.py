"""Hearing one client: its frames are read a few at a time, and then others have their turn."""

from __future__ import annotations

import asyncio
from typing import Protocol

from websockets.frames import Opcode

from ..node.inbound import Inbound
from .frames import BadFrame, FrameReader, Message

FRAMES_A_SHARE = 16
"""Frames of one client that are read before the next client's."""


class Speaker(Protocol):
    """Whose frames are read."""

    def on_frame(self, message: Message) -> None:
        """A whole message, or a control frame."""

    def on_bad_frame(self, bad: BadFrame) -> None:
        """Nothing is read after this."""

    def on_backlog(self, waits: bool) -> None:
        """More has come than is read at once: nothing further should come, for now."""


class Hearing:
    """What lies between the socket of one client and whoever handles its messages.

    What has come waits here, and counts as held, until its turn (see `Turns`).
    """

    __slots__ = (
        "_counted",
        "_deadline",
        "_inbound",
        "_messages",
        "_paused",
        "_queued",
        "_reader",
        "_speaker",
    )

    def __init__(self, inbound: Inbound, speaker: Speaker, *, max_bytes: int) -> None:
        self._inbound = inbound
        self._speaker: Speaker | None = speaker
        self._reader = FrameReader(max_bytes=max_bytes, max_frames=inbound.limits.message_frames)
        self._paused = False
        self._queued = False
        self._counted = 0
        self._messages = 0
        self._deadline: asyncio.TimerHandle | None = None

    def hear(self, data: bytes) -> None:
        """What has just come."""
        self._reader.feed(data)
        if self._queued or self._paused:
            self._account()
        elif self._inbound.turns.has_time():
            self._read()
        else:
            self._queue()

    def pause(self, paused: bool) -> None:
        """Whoever handles messages has enough of them for now, or not any more."""
        self._paused = paused
        if not paused and self._reader.held and not self._queued:
            self._queue()

    def stop(self) -> None:
        """Hear nothing any more, and hold nothing. Idempotent."""
        self._speaker = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._inbound.hold(self, 0)

    def give_up(self) -> None:
        """As a `Holder`: end this connection."""
        if self._speaker is not None:
            self._speaker.on_bad_frame(BadFrame(1013, "too much waits to be handled: try again later"))

    # -- reading

    def _queue(self) -> None:
        self._queued = True
        self._account()
        if self._speaker is not None:
            self._speaker.on_backlog(True)
            self._inbound.turns.call(self._next)

    def _next(self) -> None:
        """Its turn has come."""
        self._queued = False
        speaker = self._speaker
        if speaker is None or self._paused:
            return
        self._read()
        if not self._queued and self._speaker is not None:
            speaker.on_backlog(False)

    def _read(self) -> None:
        for _ in range(FRAMES_A_SHARE):
            if self._speaker is None:
                return
            if self._paused:
                self._account()
                return
            try:
                message = self._reader.read()
            except BadFrame as bad:
                self._speaker.on_bad_frame(bad)
                return
            if message is None:
                self._account()
                return
            if message.opcode is not Opcode.CONT:
                self._messages += message.opcode in (Opcode.TEXT, Opcode.BINARY)
                self._speaker.on_frame(message)
        self._queue()

    # -- what is not whole

    def _account(self) -> None:
        held = self._reader.held
        if held != self._counted and self._speaker is not None:
            self._counted = held
            if held and self._deadline is None:
                self._expect_end()
            self._inbound.hold(self, held)

    def _expect_end(self) -> None:
        seconds = self._inbound.limits.message_seconds
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(seconds, self._look_again, self._messages)

    def _look_again(self, messages: int) -> None:
        """A message was under way when this was set. Is it still, and is it the client's turn?"""
        self._deadline = None
        if not self._reader.held or self._speaker is None:
            return
        if messages != self._messages or self._paused or self._queued:
            self._expect_end()
            return
        self._inbound.counters.unfinished += 1
        self._speaker.on_bad_frame(BadFrame(1008, "a message did not come to its end in time"))
