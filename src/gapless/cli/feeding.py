"""What the verbs that feed a hub share: lines become entries, signals end the work, the exit code tells."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Annotated

import typer

from ..client.outgoing import Entry, Journal, Overflow
from ..client.publisher import Publisher
from ..client.receipt import Settles
from ..client.remote import Refused, Remote
from ..client.ways import HttpWay
from ..feeds.lines import as_json, parse_rows
from ..feeds.prefixes import Row
from ..feeds.tracebacks import TracebackJoiner
from .terminal import say

SIGNALLED_SECONDS = 2.0
"""For what still waits, after a signal asked for the end."""
WAIT_SECONDS = 10.0
"""For what still waits, after the input has ended."""

Join = Annotated[bool, typer.Option(help="A Python traceback is one row, with the error before it.")]


class Rows:
    """Lines of one source → rows as they are published. A blank line is none."""

    def __init__(self, *, join: bool) -> None:
        self._joiner = TracebackJoiner() if join else None

    @property
    def holding(self) -> bool:
        """Does a row wait for the traceback that may follow it?"""
        return self._joiner is not None and self._joiner.holding

    def feed(self, lines: Sequence[str]) -> list[Row]:
        """The rows that these lines, read just now, complete."""
        now = datetime.now().astimezone()
        stamp = now.isoformat(timespec="milliseconds")
        if self._joiner is not None:
            feed = self._joiner.feed
            return [row for line in lines for row in feed(line, now, stamp)]
        return [row for line in lines if line.strip() for row in parse_rows(line, now, stamp)]

    def flush(self) -> list[Row]:
        """The row that was still waited with."""
        return [] if self._joiner is None else self._joiner.flush()


def entries(rows: Sequence[Row], told: Settles | None = None) -> list[Entry]:
    """Rows as a publisher takes them; `told` hears how each ended."""
    return [(as_json(row), told) for row in rows]


class Signalled(BaseException):
    """A signal asks for the end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


class Signals:
    """SIGINT and SIGTERM raise Signalled, but only where that costs nothing: see `may_end`."""

    def __init__(self) -> None:
        self._may_end = False
        self._came: int | None = None

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within it."""
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def may_end(self) -> Iterator[None]:
        """A wait that a signal ends, also one that came before; everything else is done to its end first."""
        self._may_end = True
        try:
            self._raise()
            yield
        finally:
            self._may_end = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._came = number
        if self._may_end:
            self._raise()

    def _raise(self) -> None:
        came, self._came = self._came, None
        if came is not None:
            raise Signalled(came)


def feed(
    remote: Remote,
    overflow: Overflow,
    work: Callable[[Publisher, Signals], int | None],
    *,
    journal: Journal | None = None,
    finish: Callable[[], object] = lambda: None,
) -> int:
    """Run `work` until it ends or a signal ends a wait of it (`may_end`), then deliver what waits.

    Gives the exit code.

    `journal` is that of `Publisher.keep`; `finish` is called when nothing is sent any more.

    What `work` gives, if it does; else 0: everything was taken, 1: something was dropped, refused or not
    delivered, and that was said; 130, 143: a signal.
    """
    signals = Signals()
    received: int | None = None
    error: OSError | None = None
    code: int | None = None
    publisher = Publisher(HttpWay(remote), overflow=overflow, report=say)
    if journal is not None:
        publisher.keep(journal)
    with signals.heard():
        try:
            code = work(publisher, signals)
        except Signalled as signalled:
            received = signalled.number
        except OSError as caught:
            error = caught
        left = publisher.waiting
        try:
            left = _flush(publisher, WAIT_SECONDS if received is None else SIGNALLED_SECONDS, signals)
        except Signalled as signalled:
            received, left = signalled.number, publisher.waiting
        _say_lost(publisher, left)
        publisher.close(0)
        finish()
    if error is not None:
        say(str(error))
    if received is not None and code is None:
        return 128 + received
    lost = left or publisher.refused or publisher.dropped or error is not None
    if code is not None:
        return code
    return 1 if lost else 0


def _say_lost(publisher: Publisher, left: int) -> None:
    if publisher.dropped:
        say(f"{publisher.dropped} publications were dropped: the hub was away for too long")
    if left:
        say(
            f"{left} publications were not delivered to {publisher.where}; start the hub with `gapless serve`"
        )
    if publisher.refused:
        say(f"{publisher.refused} publications were not taken by the hub")


def _flush(publisher: Publisher, seconds: float, signals: Signals) -> int:
    """Goes on while the hub takes what waits, however long; gives up when nothing moves. Raises Signalled."""
    deadline = time.monotonic() + seconds
    before = publisher.waiting
    while True:
        try:
            with signals.may_end():
                left = publisher.flush(min(0.5, max(0.0, deadline - time.monotonic())))
        except Refused:
            return publisher.waiting  # a wrong address or credential was said already
        if left < before:
            before, deadline = left, time.monotonic() + seconds
        if not left or time.monotonic() >= deadline:
            return left
