"""What one connection's socket can take: replies in order, room for pushes, when to go on.

At most one push is under way. While it is, the connection's subscriptions lag, and their log
keeps what is new; so a client that reads slowly, or not at all, costs one chunk of shared bytes.
Replies are kept until they are read, within a bound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Outlet(Protocol):
    """What a session writes to."""

    @property
    def room(self) -> bool:
        """May a push be written now?"""

    @property
    def waiting(self) -> bool:
        """Is there something that the socket has not accepted yet?"""

    @property
    def unsent(self) -> int:
        """Bytes that the socket has not accepted yet, as far as this side holds them."""

    @property
    def progressed(self) -> int:
        """A number that grows whenever the peer takes something."""

    @property
    def sent_bytes(self) -> int | None:
        """Bytes that were written to it, ever; None: they are not counted."""

    @property
    def round_trip(self) -> float | None:
        """Seconds between the last ping of its transport and the answer; None: not known."""

    def push(self, chunk: Any, size: int) -> None:
        """Write joined frames; only when there is room."""

    def reply(self, frame: Any) -> bool:
        """Write one frame now or as soon as possible. False: too much is unread already."""

    def abort(self) -> bool:
        """Cut the connection off without a word. False: the server offers no way; it was detached."""

    def close(self, code: int, reason: str) -> None:
        """Let what is queued go out, then close. Nothing is accepted afterwards."""


class Outbox:
    """The queue between a session and one writer: frames leave in the order in which they came.

    `wake` is called when something is there to take after nothing was; `frames_sent` counts what
    the socket accepted, so that somebody with a clock can see a connection that does not move.
    """

    __slots__ = (
        "_frames",
        "_replies",
        "_reply_bytes",
        "_wake",
        "closing",
        "frames_sent",
        "max_bytes",
        "max_frames",
        "room",
    )

    def __init__(self, wake: Callable[[], None], *, max_bytes: int, max_frames: int) -> None:
        self._wake = wake
        self.max_bytes = max_bytes
        self.max_frames = max_frames
        # (frame, bytes it counts as a reply, None for a push: those are shared)
        self._frames: deque[tuple[Any, int | None]] = deque()
        self._reply_bytes = 0
        self._replies = 0
        self.room = True
        self.closing: tuple[int, str] | None = None
        self.frames_sent = 0

    def push(self, chunk: Sequence[Any], size: int) -> None:
        """Queue the frames of one chunk. There is no room for another until all are sent."""
        self._frames.extend((frame, None) for frame in chunk)
        self.room = False
        self._wake()

    def reply(self, frame: Any) -> bool:
        if self.closing is not None:
            return True
        size = len(frame)
        if self._replies and (self._reply_bytes + size > self.max_bytes or self._replies >= self.max_frames):
            return False
        self._reply_bytes += size
        self._replies += 1
        self._frames.append((frame, size))
        self._wake()
        return True

    def close(self, code: int, reason: str) -> None:
        if self.closing is None:
            self.closing = (code, reason)
            self.room = False
            self._wake()

    # -- the writer's side

    @property
    def waiting(self) -> bool:
        return bool(self._frames) or self.closing is not None

    @property
    def unsent(self) -> int:
        return sum(len(frame) for frame, _ in self._frames)

    @property
    def progressed(self) -> int:
        """A number that grows whenever the socket accepts something."""
        return self.frames_sent

    @property
    def sent_bytes(self) -> None:
        """The server frames them, and keeps to itself how long that makes them."""

    @property
    def round_trip(self) -> None:
        """The server pings, and keeps to itself what comes back."""

    @property
    def unread_bytes(self) -> int:
        """Bytes of the replies that wait."""
        return self._reply_bytes

    def take(self) -> Any | None:
        """The next frame, or None: all is sent."""
        if not self._frames:
            return None
        frame, size = self._frames.popleft()
        if size is not None:
            self._reply_bytes -= size
            self._replies -= 1
        return frame

    def sent(self) -> bool:
        """The socket accepted a frame. True: there is room for pushes again."""
        self.frames_sent += 1
        if self._frames or self.room or self.closing is not None:
            return False
        self.room = True
        return True

    def clear(self) -> None:
        """Forget what waits: nobody will read it."""
        self._frames.clear()
        self._reply_bytes = 0
        self._replies = 0
