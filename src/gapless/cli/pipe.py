"""`gapless pipe`: stdin → publications."""

from __future__ import annotations

import os
import select
import sys
import time
from datetime import datetime
from typing import Annotated

import typer

from ..client.outgoing import Overflow
from ..client.publisher import Publisher
from ..feeds.lines import with_fields
from ..feeds.splitting import LineSplitter
from ..feeds.tracebacks import HOLD_SECONDS
from .feeding import Join, Rows, entries, feed
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

    def work(publisher: Publisher) -> None:
        Pipe(publisher, channel, join).run(sys.stdin.fileno(), stdout)

    raise typer.Exit(feed(remote, Overflow.BLOCK_WHILE_UP, work))


class Pipe:
    """Bytes of one stream → a channel."""

    def __init__(
        self, publisher: Publisher, channel: str, join: bool, fields: dict[str, object] | None = None
    ) -> None:
        self._publisher = publisher
        self._channel = channel
        self._fields = fields or {}
        self._splitter = LineSplitter(progress=True)
        self._rows = Rows(join=join)
        self._told: str | None = None
        self._told_at = 0.0

    def run(self, source: int, copy_to: int | None) -> None:
        """Everything from one file descriptor, passed on to another. Raises OSError: it cannot be read."""
        try:
            while True:
                if not select.select([source], [], [], self.patience)[0]:
                    self.quiet()
                    continue
                chunk = os.read(source, CHUNK_BYTES)
                if not chunk:
                    break
                if copy_to is not None and not pass_on(copy_to, chunk):
                    copy_to = None
                self.feed(chunk)
        finally:
            # Also when a signal ends it: what was read is published.
            self.end()

    @property
    def patience(self) -> float | None:
        """Seconds after which `quiet` is to be called when nothing comes."""
        if self._rows.holding:
            return HOLD_SECONDS
        return PROGRESS_SECONDS if self._splitter.state not in (None, self._told) else None

    def feed(self, chunk: bytes) -> None:
        """What was read."""
        lines = self._splitter.feed(chunk)
        if lines:
            self._told = None
            self._publish(self._rows.feed(lines))
        self._tell_state()

    def quiet(self) -> None:
        """Nothing came for a while."""
        self._publish(self._rows.flush())
        self._tell_state()

    def end(self) -> None:
        """Nothing comes any more."""
        self._publish(self._rows.feed(self._splitter.end()))
        self._publish(self._rows.flush())

    def _publish(self, rows: list[dict[str, object]]) -> None:
        if rows:
            if self._fields:
                rows = [with_fields(row, self._fields) for row in rows]
            self._publisher.put(self._channel, entries(rows))

    def _tell_state(self) -> None:
        """The state of a progress bar, at most two a second; the last one comes as its line ends."""
        state = self._splitter.state
        now = time.monotonic()
        if state is None or state == self._told or now - self._told_at < PROGRESS_SECONDS:
            return
        self._told, self._told_at = state, now
        stamp = datetime.now().astimezone().isoformat(timespec="milliseconds")
        self._publish([{"time": stamp, "message": state, "progress": True}])


def pass_on(descriptor: int, data: bytes) -> bool:
    """Write all of it. False: nobody reads it any more, which is no reason to end."""
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except BrokenPipeError:
        return False  # who reads it ends first, as in `… | head`
    except OSError as error:
        say(f"the input is not passed on any more: {error.strerror}")
        return False
    return True
