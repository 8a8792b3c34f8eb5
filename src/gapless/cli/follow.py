"""`gapless follow`: files → publications."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ..client.outgoing import Entry, Overflow, notice
from ..client.publisher import Publisher
from ..client.receipt import Receipt
from ..feeds.files import FollowedFile, Mark
from ..feeds.lines import with_fields
from ..feeds.positions import Positions, default_path
from ..feeds.prefixes import Row
from ..feeds.tracebacks import HOLD_SECONDS
from ..feeds.watched import Changes, Watched, is_pattern
from .feeding import Join, Rows, entries, feed
from .terminal import DEFAULT_URL, Token, Url, WrongUsage, hub_at, say

PAUSE_SECONDS = 0.25
"""Between looks at files that had nothing new."""
SAVE_SECONDS = 0.2
"""Between two writes of the positions: so much is published again where this is killed."""


def follow(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Files, patterns or directories; they may come later."),
    ],
    channel: Annotated[
        str, typer.Option("-c", "--channel", help="The channel, with {stem}, {name} or {dir} of the file.")
    ] = "logs",
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Publish what is in the files already, too.")
    ] = False,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help='Where positions are kept; "" keeps none. Default: the cache.',
        ),
    ] = None,
    join: Join = True,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Publish every line that is written to files from now on, through rotation and truncation.

    Lines are read as `gapless pipe` does. With several files each row says its source. While the hub is
    away, reading waits: the files keep what comes. A restart goes on where the last run ended.
    """
    remote = hub_at(url, token)
    channel_of(channel, Path("x"))
    positions = (
        None if state == "" else Positions(Path(state) if state else default_path(files, channel, remote.url))
    )
    following = Following(files, channel, from_start, join, positions)
    try:
        code = feed(remote, Overflow.BLOCK, following.run, following.finish)
    finally:
        following.close()
    raise typer.Exit(code)


def channel_of(template: str, path: Path) -> str:
    """The channel for a file. Raises WrongUsage."""
    try:
        return template.format(name=path.name, stem=path.stem, dir=path.absolute().parent.name)
    except (KeyError, IndexError, ValueError, AttributeError):
        raise WrongUsage(f"--channel takes {{name}}, {{stem}} and {{dir}}, not {template!r}") from None


class Source:
    """One file, the rows it yields, and how far the hub has them."""

    def __init__(self, file: FollowedFile, channel: str, join: bool, *, named: bool) -> None:
        self.file = file
        self.channel = channel
        self.waiting: list[Entry] = []
        """Read, and not taken for want of room."""
        self.taken: Sequence[Mark] = file.marks()
        """The hub has everything up to here."""
        self._rows = Rows(join=join)
        self._name = str(file.path) if named else None
        self._newest = 0.0
        self._on_the_way: deque[tuple[Receipt, Sequence[Mark]]] = deque()

    def read(self, now: float) -> None:
        """Let the rows that are complete by now wait; `now` is in seconds of a clock that does not jump."""
        lines = self.file.read()
        if lines:
            self._newest = now
            self._add(self._rows.feed(lines))
        elif self._rows.holding and now - self._newest >= HOLD_SECONDS:
            self._add(self._rows.flush())

    def end(self) -> None:
        """What is held back will not grow any more."""
        self._add(self._rows.flush())

    def settle(self) -> None:
        """See what the hub has taken meanwhile."""
        while self._on_the_way and self._on_the_way[0][0].done:
            self.taken = self._on_the_way.popleft()[1]

    def _add(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        if self._name is not None:
            rows = [with_fields(row, {"source": self._name}) for row in rows]
        found = entries(rows)
        if not self._rows.holding:
            receipt = Receipt()
            found[-1] = found[-1][0], receipt
            self._on_the_way.append((receipt, self.file.marks()))
        self.waiting += found


class Following:
    """Everything that one call of the verb follows."""

    def __init__(
        self, names: Sequence[str], channel: str, from_start: bool, join: bool, positions: Positions | None
    ) -> None:
        self._template = channel
        self._join = join
        self._named = len(names) > 1 or any(is_pattern(name) for name in names)
        self._positions = positions
        self._publisher: Publisher | None = None
        self._notices: list[tuple[str, bytes]] = []
        self._saved_at = 0.0
        self._told_unsaved = False
        self._sources: dict[Path, Source] = {}
        marks = positions.of if positions is not None else (lambda path: [])
        self._watched = Watched(names, from_start=from_start, marks=marks, lost=self._say_lost)
        for path in self._watched.files:
            if not path.exists():
                say(f"{path} does not exist yet; waiting for it")
        self._changed = threading.Event()
        self._changes = Changes(self._watched.directories, self._changed.set)

    def run(self, publisher: Publisher) -> None:
        """Read and publish until a signal asks for the end."""
        self._publisher = publisher
        try:
            while True:
                self._changed.clear()
                if not self._turn(publisher, time.monotonic()):
                    self._changed.wait(PAUSE_SECONDS)
        finally:
            for source in self._sources.values():
                source.end()
                if source.waiting and publisher.try_put(source.channel, source.waiting, self._changed.set):
                    source.waiting = []

    def finish(self) -> None:
        """Nothing is sent any more: keep how far the hub has everything."""
        self._save(time.monotonic(), always=True)

    def close(self) -> None:
        """Let go of the files."""
        self._changes.close()
        self._watched.close()

    def _turn(self, publisher: Publisher, now: float) -> bool:
        """One look at everything. False: there was nothing to do."""
        self._watched.look(now)
        busy = False
        for path, file in self._watched.files.items():
            source = self._sources.get(path)
            if source is None:
                channel = channel_of(self._template, path)
                source = self._sources[path] = Source(file, channel, self._join, named=self._named)
            if not source.waiting:
                source.read(now)
            if source.waiting and publisher.try_put(source.channel, source.waiting, self._changed.set):
                source.waiting = []
                busy = True
            source.settle()
        self._tell_lost(publisher)
        self._save(now)
        return busy

    def _say_lost(self, path: Path, line: str) -> None:
        say(line)
        stamp = datetime.now().astimezone().isoformat(timespec="milliseconds")
        self._notices.append((channel_of(self._template, path), notice(None, line, stamp)))

    def _tell_lost(self, publisher: Publisher) -> None:
        for channel, body in self._notices:
            publisher.announce(channel, body)
        self._notices.clear()

    def _save(self, now: float, *, always: bool = False) -> None:
        positions = self._positions
        if positions is None or (now - self._saved_at < SAVE_SECONDS and not always):
            return
        self._saved_at = now
        for path, source in self._sources.items():
            source.settle()
            positions.set(path, source.taken)
        try:
            positions.save()
            self._told_unsaved = False
        except OSError as error:
            # Perhaps the disk is full, and will not be for ever.
            if not self._told_unsaved:
                why = f"{error.strerror}; name another file with --state"
                say(f"positions cannot be kept in {positions.path}: {why}")
            self._told_unsaved = True
