"""`gapless pipe`: stdin → publications."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from datetime import datetime
from typing import Annotated

import typer

from ..client.outgoing import Entry, Overflow
from ..client.publisher import Publisher
from ..feeds.lines import with_fields
from ..feeds.prefixes import Row
from ..feeds.splitting import LineSplitter
from ..feeds.tracebacks import HOLD_SECONDS
from .feeding import Join, Rows, Signals, entries, feed
from .terminal import DEFAULT_URL, Token, Url, hub_at, say

CHUNK_BYTES = 64 * 1024
PROGRESS_SECONDS = 0.5
"""Between two states of a line that writes over itself."""


def pipe(
    channel: Annotated[str, typer.Argument(help="The channel to publish to.")],
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not pass the input on to stdout.")] = False,
    join: Join = True,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Publish every line of stdin, and pass it on: app 2>&1 | gapless pipe app.

    A JSON object stays what it is, key=value pairs become an object, other text becomes its message with
    time and level where they can be recognised. While the hub answers, stdin waits for it; while it is
    away, 16 MiB are kept.
    """
    remote = hub_at(url, token)
    stdout = None if quiet else sys.stdout.fileno()

    def work(publisher: Publisher, signals: Signals) -> None:
        Piping(publisher, channel, Pipe(join), signals).run(sys.stdin.fileno(), stdout)

    raise typer.Exit(feed(remote, Overflow.BLOCK_WHILE_UP, work))


class Pipe:
    """Bytes of one stream → publications, in which each byte goes once."""

    def __init__(self, join: bool, fields: dict[str, object] | None = None) -> None:
        self._fields = fields or {}
        self._splitter = LineSplitter(progress=True)
        self._rows = Rows(join=join)
        self._told: str | None = None
        self._told_at = 0.0

    @property
    def patience(self) -> float | None:
        """Seconds after which `quiet` is to be called when nothing comes."""
        if self._rows.holding:
            return HOLD_SECONDS
        return PROGRESS_SECONDS if self._splitter.state not in (None, self._told) else None

    def feed(self, chunk: bytes) -> list[Entry]:
        """What was read."""
        lines = self._splitter.feed(chunk)
        if lines:
            self._told = None
        return self._entries(self._rows.feed(lines) + self._state())

    def quiet(self) -> list[Entry]:
        """Nothing came for a while."""
        return self._entries(self._rows.flush() + self._state())

    def end(self) -> list[Entry]:
        """Nothing comes any more."""
        return self._entries(self._rows.feed(self._splitter.end()) + self._rows.flush())

    def _entries(self, rows: list[Row]) -> list[Entry]:
        return entries([with_fields(row, self._fields) for row in rows] if self._fields else rows)

    def _state(self) -> list[Row]:
        """The state of a progress bar, at most two a second; the last one comes as its line ends."""
        state = self._splitter.state
        now = time.monotonic()
        if state is None or state == self._told or now - self._told_at < PROGRESS_SECONDS:
            return []
        self._told, self._told_at = state, now
        stamp = datetime.now().astimezone().isoformat(timespec="milliseconds")
        return [{"time": stamp, "message": state, "progress": True}]


class Copy:
    """Passes bytes on to a file descriptor, until nobody reads them: that is no reason to end."""

    def __init__(self, to: int | None) -> None:
        self.rest = b""
        """What is to be passed on yet."""
        self._to = to

    def give(self, data: bytes) -> None:
        """These come next; everything before them was written."""
        if self._to is not None:
            self.rest = data

    def has_room(self, seconds: float | None = None) -> bool:
        """Wait until `write` would not wait, for at most so many seconds. False: it still would."""
        return self._to is not None and bool(select.select([], [self._to], [], seconds)[1])

    def write(self) -> None:
        """Some of it, as much as never waits where there is room."""
        if self._to is None:
            return
        try:
            self.rest = self.rest[os.write(self._to, self.rest[: select.PIPE_BUF]) :]
        except BlockingIOError:
            return  # somebody who has the same descriptor was faster
        except BrokenPipeError:
            self._end()  # who reads it ends first, as in `… | head`
        except OSError as error:
            say(f"the input is not passed on any more: {error.strerror}")
            self._end()

    def write_all(self) -> None:
        """All of it, however long that takes."""
        while self.rest:
            self.has_room()
            self.write()

    def _end(self) -> None:
        self.rest, self._to = b"", None


class Piping:
    """One stream → a channel and a copy. A signal ends it where it waits, and costs nothing that was read."""

    def __init__(
        self,
        publisher: Publisher,
        channel: str,
        pipe: Pipe,
        signals: Signals,
        *,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._publisher = publisher
        self._channel = channel
        self._pipe = pipe
        self._signals = signals
        self._chunk_bytes = chunk_bytes
        self._ended = False
        self._room = threading.Event()
        self._waiting: list[Entry] = []
        """Read, and not taken for want of room."""

    def run(self, source: int, copy_to: int | None) -> None:
        """Everything from one file descriptor, passed on to another. Raises OSError: it cannot be read."""
        copy = Copy(copy_to)
        safely = self._signals.may_end
        try:
            while not self._ended:
                with safely():
                    ready = select.select([source], [], [], self._pipe.patience)[0]
                self._waiting = self._read(source, copy) if ready else self._pipe.quiet()
                self._hand_over()
                while copy.rest:
                    with safely():
                        copy.has_room()
                    copy.write()
                while self._waiting:
                    with safely():
                        self._room.wait()
                    self._hand_over()
        finally:
            # Also when a signal ends it: what was read is published, and passed on as far as that goes.
            self._publisher.append(self._channel, self._waiting + self._pipe.end())
            while copy.rest and copy.has_room(0):
                copy.write()

    def _read(self, source: int, copy: Copy) -> list[Entry]:
        chunk = os.read(source, self._chunk_bytes)
        copy.give(chunk)
        self._ended = not chunk
        return self._pipe.feed(chunk) if chunk else []

    def _hand_over(self) -> None:
        self._room.clear()
        if not self._waiting or self._publisher.try_put(self._channel, self._waiting, self._room.set):
            self._waiting = []
