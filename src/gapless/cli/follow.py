"""`gapless follow`: files → publications."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ..client.outgoing import Batch, Entry, Overflow, notice
from ..client.publisher import Publisher
from ..feeds.files import FollowedFile, Mark
from ..feeds.lines import with_fields
from ..feeds.positions import Positions, Sending, default_path
from ..feeds.prefixes import Row
from ..feeds.sent import Reached, Sent
from ..feeds.tracebacks import HOLD_SECONDS
from ..feeds.watched import Changes, Watched, is_pattern
from .feeding import Join, Rows, Signals, entries, feed
from .terminal import DEFAULT_URL, Token, Url, WrongUsage, hub_at, say

PAUSE_SECONDS = 0.25
"""Between looks at files that had nothing new."""
SAVE_SECONDS = 0.2
"""Between two writes of the positions, beside those before something is sent."""


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
        code = feed(
            remote,
            Overflow.BLOCK,
            following.run,
            journal=None if positions is None else following,
            finish=following.finish,
        )
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
    """One file, and the rows it yields, of which the first `rows` have gone in an earlier life."""

    def __init__(self, file: FollowedFile, channel: str, join: bool, *, named: bool, rows: int) -> None:
        self.file = file
        self.channel = channel
        self.waiting: list[Entry] = []
        """Read, and not taken for want of room."""
        self.sent = Sent(Reached(file.marks(), rows if file.found_all else 0))
        """How far they have gone."""
        self._rows = Rows(join=join)
        self._name = str(file.path) if named else None
        self._newest = 0.0

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

    def _add(self, rows: list[Row]) -> None:
        if not rows:
            return
        if self._name is not None:
            rows = [with_fields(row, {"source": self._name}) for row in rows]
        self.waiting += self.sent.new(entries(rows, self.sent))
        if not self._rows.holding:
            self.sent.mark(self.file.marks())


class Following:
    """Everything that one call of the verb follows."""

    def __init__(
        self, names: Sequence[str], channel: str, from_start: bool, join: bool, positions: Positions | None
    ) -> None:
        self._template = channel
        self._join = join
        self._named = len(names) > 1 or any(is_pattern(name) for name in names)
        self._positions = positions
        self._lock = threading.Lock()
        """Of what was sent and of the positions, which both threads write."""
        self._under_way: Batch | None = None
        self._notices: list[tuple[str, bytes]] = []
        self._saved_at = 0.0
        self._told_unsaved = False
        self._sources: dict[Path, Source] = {}
        self._watched = Watched(
            names,
            from_start=from_start,
            marks=self._marks,
            lost=self._say_lost,
            came_since=lambda pattern, path: positions is not None and positions.came_since(pattern, path),
        )
        if positions is not None:
            positions.follow(self._watched.patterns)
        self.again: Batch | None = self._unanswered()
        """What an earlier life sent, without having read the answer."""
        for path in self._watched.files:
            if not path.exists():
                say(f"{path} does not exist yet; waiting for it")
        self._changed = threading.Event()
        self._changes = Changes(self._watched.directories, self._changed.set)

    def run(self, publisher: Publisher, signals: Signals) -> None:
        """Read and publish until a signal asks for the end."""
        try:
            while True:
                self._changed.clear()
                busy = self._turn(publisher, time.monotonic())
                with signals.may_end():
                    self._changed.wait(0 if busy else PAUSE_SECONDS)
        finally:
            for source in self._sources.values():
                source.end()
                if source.waiting and publisher.try_put(source.channel, source.waiting, self._changed.set):
                    source.waiting = []

    def before(self, batch: Batch) -> None:
        """This goes next: keep it, and that its rows have gone, so that a restart sends the very same."""
        with self._lock:
            if batch is not self._under_way:
                for _, sent in batch.entries:
                    if isinstance(sent, Sent):
                        sent.go()
                self._under_way = batch
            if self._positions is not None:
                rows = [body for body, _ in batch.entries]
                self._positions.sending = Sending(batch.channel, batch.key, rows)
            self._keep()

    def finish(self) -> None:
        """Nothing is sent any more: keep how far everything has gone."""
        with self._lock:
            self._keep()

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
                source = self._source(path, file)
                with self._lock:
                    self._sources[path] = source
            if not source.waiting:
                source.read(now)
            self._tell_lost(publisher)  # before what stands behind it
            if source.waiting and publisher.try_put(source.channel, source.waiting, self._changed.set):
                source.waiting = []
                busy = True
        if now - self._saved_at >= SAVE_SECONDS:
            self._saved_at = now
            with self._lock:
                self._keep()
        return busy

    def _source(self, path: Path, file: FollowedFile) -> Source:
        channel = channel_of(self._template, path)
        known = self._positions.of(path) if self._positions is not None else None
        rows = known.rows if known is not None else 0
        return Source(file, channel, self._join, named=self._named, rows=rows)

    def _marks(self, path: Path) -> Sequence[Mark] | None:
        known = self._positions.of(path) if self._positions is not None else None
        return known.marks if known is not None else None

    def _unanswered(self) -> Batch | None:
        sending = self._positions.sending if self._positions is not None else None
        if sending is None:
            return None
        self._under_way = Batch(sending.channel, [(row, None) for row in sending.rows], sending.key)
        return self._under_way

    def _say_lost(self, path: Path, line: str) -> None:
        say(line)
        stamp = datetime.now().astimezone().isoformat(timespec="milliseconds")
        self._notices.append((channel_of(self._template, path), notice(None, line, stamp)))

    def _tell_lost(self, publisher: Publisher) -> None:
        for channel, body in self._notices:
            publisher.append(channel, [(body, None)])
        self._notices.clear()

    def _keep(self) -> None:
        """Write the positions, if something changed."""
        positions = self._positions
        if positions is None:
            return
        if self._under_way is not None and not self._under_way.entries:
            positions.sending = self._under_way = None
        for path, source in self._sources.items():
            positions.set(path, source.sent.reached)
        try:
            positions.save()
            self._told_unsaved = False
        except OSError as error:
            # Perhaps the disk is full, and will not be for ever.
            if not self._told_unsaved:
                why = f"{error.strerror}; name another file with --state"
                say(f"positions cannot be kept in {positions.path}: {why}")
            self._told_unsaved = True
