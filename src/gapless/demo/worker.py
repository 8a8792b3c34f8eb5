"""CodeWorm: documents a checkout, cycle after cycle, and publishes what it does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..errors import ConfigError
from ..options import KiB
from .checkout import MAX_FILES, Checkout, find_checkout
from .definitions import Class, Whole
from .index import Entry, Index
from .language import Module
from .page import render
from .phrases import counted, kind, rank
from .survey import Survey
from .totals import Totals

LOGS = "codeworm:logs"
EVENTS = "codeworm:events"
STATS = "codeworm:stats"

HIGH_COMPLEXITY = 20
"""Above this, radon's rank D and worse, a warning goes to the log."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a worker reads: `files` at all, bytes of source for one page and after one."""

    files: int = MAX_FILES
    soon_bytes: int = 64 * KiB
    """Read at once for one page. A page that needs more waits until everything has been read."""
    ahead_bytes: int = 128 * KiB
    """Read after each page, a tenth of a second's work, until there is no more."""


def utc_now() -> datetime:
    """The time of day, aware of its zone."""
    return datetime.now(UTC)


class Worker:
    """Reads a checkout and publishes a Markdown page about every class, function and module in it.

    * `codeworm:logs`: `{"event", "timestamp", "level", "component"}`, and further fields beside them
    * `codeworm:events`: `{"type", "timestamp", "data"}` with the types `cycle_starting`, `analyzing`,
      `generating`, `documentation_committed` (its data carry the finished `page`), `next_cycle` and `error`
    * `codeworm:stats`: `{"timestamp"}` and the running totals, after every page and every file without one

    It documents while it reads: a page comes as soon as all files that mention what it is about have
    been read. Times are ISO 8601 in UTC. The same checkout and the same clock give the same
    publications in the same order.

    Args:
        path: the checkout, or a directory in it.
        publish: takes a channel and JSON-serializable data of less than 400 KiB. What it raises ends the run.
        interval: seconds between one page, or one file without any, and the next.
        pause: seconds between the end of a cycle and the next one.
        cycles: how many; None goes on until stopped.
        now: the clock; returns aware datetimes.
        bounds: how much is read.

    Raises:
        ConfigError: an argument that cannot be.
    """

    def __init__(
        self,
        path: Path,
        publish: Callable[[str, object], None],
        *,
        interval: float = 0.25,
        pause: float = 30.0,
        cycles: int | None = None,
        now: Callable[[], datetime] = utc_now,
        bounds: Bounds | None = None,
    ) -> None:
        for name, seconds in (("interval", interval), ("pause", pause)):
            if not 0 <= seconds <= threading.TIMEOUT_MAX:
                raise ConfigError(f"{name} is a number of seconds from 0 on, not {seconds!r}")
        if cycles is not None and cycles < 1:
            raise ConfigError(f"cycles is at least 1, or None for no end, not {cycles!r}")
        self._path = path
        self._publish = publish
        self._interval = interval
        self._pause = pause
        self._cycles = cycles
        self._now = now
        self._bounds = bounds or Bounds()

    def run(self, stop: threading.Event) -> None:
        """Work until all cycles are done or `stop` is set; then return at once, from any wait.

        Raises:
            ConfigError: the first cycle finds no such directory, or no source in it. In a later
                cycle that is an error in the log, and the next cycle looks again.
        """
        if stop.is_set():
            return
        for seconds in self._narrate():
            if stop.wait(seconds):
                return

    def _narrate(self) -> Iterator[float]:
        """Publish, and yield the seconds to wait before the next publication."""
        totals = Totals()
        while self._cycles is None or totals.cycle < self._cycles:
            totals = totals.next_cycle()
            try:
                checkout = find_checkout(self._path, max_files=self._bounds.files)
            except ConfigError as error:
                if totals.cycle == 1:
                    raise
                self._fail(str(error), "checkout")
            else:
                yield from self._cycle(checkout, totals)
            if totals.cycle == self._cycles:
                return
            self._announce_next(totals.cycle + 1)
            yield self._pause

    def _cycle(self, checkout: Checkout, totals: Totals) -> Iterator[float]:
        totals.begin(checkout.name, len(checkout.files))
        self._announce(checkout, totals.cycle)
        survey = Survey(checkout)
        put_off: list[Entry] = []
        for file in checkout.files:
            module = survey.module(file)
            totals.count_file(module)
            if module is None:
                reason = survey.unreadable[file]
                self._fail(f"cannot read {file}: {reason}", "source", file=file, reason=reason)
                yield self._told(totals)
                continue
            self._report(module)
            if survey.complete and put_off:
                yield from self._pages(put_off, survey.index, totals)
                put_off = []
            entries = _entries(module)
            if not entries:
                yield self._told(totals)
            for entry in entries:
                if not survey.prepare(entry, self._bounds.soon_bytes):
                    put_off.append(entry)
                    continue
                yield from self._pages([entry], survey.index, totals)
                yield from (0.0 for _ in survey.read(self._bounds.ahead_bytes))
        yield from (0.0 for _ in survey.read())
        yield from self._pages(put_off, survey.index, totals)
        done = f"{counted(totals.documented, 'page')}, {counted(totals.errors, 'error')}"
        self._log("info", "worker", f"cycle {totals.cycle} done: {done}", **totals.data())

    def _announce(self, checkout: Checkout, cycle: int) -> None:
        files = len(checkout.files)
        self._event("cycle_starting", cycle_num=cycle, repo=checkout.name, files=files)
        how = "tracked by git" if checkout.tracked else "in the directory"
        text = f"cycle {cycle}: {checkout.name}, {counted(files, 'source file')} {how}"
        self._log("info", "checkout", text, repo=checkout.name, files=files)
        for skipped in checkout.skipped:
            self._log("debug", "checkout", "skipped", file=skipped.file, reason=skipped.reason)
        if checkout.left_out:
            text = f"{checkout.left_out} files are beyond the first {files} and left out"
            self._log("warning", "checkout", text, left_out=checkout.left_out)

    def _announce_next(self, cycle: int) -> None:
        begins = self._now() + timedelta(seconds=self._pause)
        self._event("next_cycle", cycle_num=cycle, in_seconds=self._pause, time=_iso(begins))
        self._log("info", "worker", f"cycle {cycle} begins in {self._pause:g} s", in_seconds=self._pause)

    def _report(self, module: Module) -> None:
        classes = sum(isinstance(each, Class) for each in module.definitions)
        functions = len(module.definitions) - classes
        lines = len(module.lines)
        found = f"{counted(classes, 'class', 'classes')}, {counted(functions, 'function')}"
        text = f"{module.file}: {counted(lines, 'line')}, {found}"
        self._log(
            "debug", "measure", text, file=module.file, lines=lines, classes=classes, functions=functions
        )
        for failure in module.failures:
            text = f"cannot measure {failure.name} in {module.file}, line {failure.line}: {failure.reason}"
            self._fail(text, "measure", file=module.file, line=failure.line, reason=failure.reason)

    def _pages(self, entries: list[Entry], index: Index, totals: Totals) -> Iterator[float]:
        for entry in entries:
            self._document(entry, index, totals)
            yield self._told(totals)

    def _document(self, entry: Entry, index: Index, totals: Totals) -> None:
        definition, module = entry.definition, entry.module
        what = kind(definition)
        place = {
            "target": entry.name,
            "doc_type": f"{what}_doc",
            "repo": totals.repository,
            "language": module.language.name.lower(),
            "file": module.file,
            "line": definition.line,
        }
        self._event("analyzing", cycle_num=totals.cycle, **place)
        self._event("generating", cycle_num=totals.cycle, **place)
        page = render(entry, index, totals.repository, self._now().astimezone(UTC))
        totals.count_page(entry)
        measured = {"complexity": round(definition.complexity, 1), "rank": rank(definition.complexity)}
        self._event(
            "documentation_committed",
            cycle_num=totals.cycle,
            qualified=entry.qualified,
            end_line=definition.end,
            index=totals.documented,
            page=page,
            **place,
            **measured,
        )
        self._log(
            "info", "page", f"documented {what} {entry.name}", characters=len(page), **place, **measured
        )
        self._warn_of_complexity(entry)

    def _warn_of_complexity(self, entry: Entry) -> None:
        definition, file = entry.definition, entry.module.file
        if isinstance(definition, Whole):
            return
        parts = definition.methods if isinstance(definition, Class) else (definition,)
        for part in parts:
            if part.complexity > HIGH_COMPLEXITY:
                name = entry.name if part is definition else f"{definition.name}.{part.name}"
                text = f"{name} has a complexity of {part.complexity:.3g}, rank {rank(part.complexity)}"
                self._log("warning", "measure", text, file=file, line=part.line, complexity=part.complexity)

    def _told(self, totals: Totals) -> float:
        """Publish the totals; what follows waits for so many seconds."""
        self._publish(STATS, {"timestamp": self._time(), **totals.data()})
        return self._interval

    def _fail(self, text: str, component: str, **fields: object) -> None:
        self._event("error", message=text, **fields)
        self._log("error", component, text, **fields)

    def _log(self, level: str, component: str, event: str, **fields: object) -> None:
        line = {"event": event, "timestamp": self._time(), "level": level, "component": component}
        self._publish(LOGS, line | fields)

    def _event(self, event: str, **data: object) -> None:
        self._publish(EVENTS, {"type": event, "timestamp": self._time(), "data": data})

    def _time(self) -> str:
        return _iso(self._now())


def _entries(module: Module) -> list[Entry]:
    """What there is to document in a file: the module, and then its definitions in their order."""
    whole = [Entry(module, module.whole)] if module.whole is not None else []
    return [*whole, *(Entry(module, definition) for definition in module.definitions)]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
