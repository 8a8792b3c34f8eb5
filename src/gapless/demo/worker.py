"""CodeWorm: documents a checkout, cycle after cycle, and publishes what it does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..errors import ConfigError
from .checkout import Checkout, find_checkout
from .complexity import rank
from .definitions import Class, Function, Module
from .index import Entry, Index
from .page import render
from .phrases import counted, kind
from .survey import Survey
from .totals import Totals

LOGS = "codeworm:logs"
EVENTS = "codeworm:events"
STATS = "codeworm:stats"

HIGH_COMPLEXITY = 20
"""Above this, radon's rank D and worse, a warning goes to the log."""

FILES_PER_REPORT = 50
"""How many files are read between two lines about it."""


def utc_now() -> datetime:
    """The time of day, aware of its zone."""
    return datetime.now(UTC)


class Worker:
    """Reads a checkout and publishes a Markdown page about every function and class in it.

    * `codeworm:logs`: `{"time", "level", "logger", "message", "fields"?}`
    * `codeworm:events`: `{"type", "time", "data"}` with the types `cycle_starting`, `analyzing`,
      `documented` (its data carry the finished `page`) and `next_cycle`
    * `codeworm:stats`: the running totals, after every file and page

    Times are ISO 8601 in UTC. The same checkout and the same clock give the same publications
    in the same order.

    Args:
        path: the checkout, or a directory in it.
        publish: takes a channel and JSON-serializable data of less than 400 KiB. What it raises ends the run.
        interval: seconds between one page, or one file without any, and the next.
        pause: seconds between the end of a cycle and the next one.
        cycles: how many; None goes on until stopped.
        now: the clock; returns aware datetimes.

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

    def run(self, stop: threading.Event) -> None:
        """Work until all cycles are done or `stop` is set; then return at once, from any wait.

        Raises:
            ConfigError: the first cycle finds no such directory, or no Python in it. In a later
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
                checkout = find_checkout(self._path)
            except ConfigError as error:
                if totals.cycle == 1:
                    raise
                self._log("error", "checkout", str(error))
            else:
                yield from self._cycle(checkout, totals)
            if totals.cycle == self._cycles:
                return
            self._announce_next(totals.cycle + 1)
            yield self._pause

    def _cycle(self, checkout: Checkout, totals: Totals) -> Iterator[float]:
        self._announce(checkout, totals.cycle)
        survey = Survey(checkout)
        for number, file in enumerate(survey.read(), 1):
            if number % FILES_PER_REPORT == 0:
                self._log("debug", "survey", f"read {number} of {len(checkout.files)} files", file=file)
            yield 0.0
        index = survey.index()
        of = sum(len(module.definitions) for module in survey.modules.values())
        self._log("info", "survey", f"{checkout.name}: {counted(of, 'definition')} to document", pages=of)
        for file in checkout.files:
            module = survey.modules.get(file)
            totals.count_file(module)
            if module is None:
                reason = survey.unreadable[file]
                self._log("error", "source", f"cannot read {file}: {reason}", file=file, reason=reason)
                yield self._told(totals)
                continue
            self._report(module)
            if not module.definitions:
                yield self._told(totals)
            for definition in module.definitions:
                self._document(Entry(module, definition), index, checkout.name, totals, of)
                yield self._told(totals)
        done = f"{counted(totals.documented, 'page')}, {counted(totals.errors, 'error')}"
        self._log("info", "worker", f"cycle {totals.cycle} done: {done}", **totals.data())

    def _announce(self, checkout: Checkout, cycle: int) -> None:
        files = len(checkout.files)
        self._event("cycle_starting", cycle=cycle, repo=checkout.name, files=files)
        how = "tracked by git" if checkout.tracked else "in the directory"
        text = f"cycle {cycle}: {checkout.name}, {counted(files, 'Python file')} {how}"
        self._log("info", "checkout", text, repo=checkout.name, files=files)
        for skipped in checkout.skipped:
            text = f"not reading {skipped.file}: {skipped.reason}"
            self._log("debug", "checkout", text, file=skipped.file, reason=skipped.reason)
        if checkout.left_out:
            text = f"{checkout.left_out} files are beyond the first {files} and left out"
            self._log("warning", "checkout", text, left_out=checkout.left_out)

    def _announce_next(self, cycle: int) -> None:
        begins = self._now() + timedelta(seconds=self._pause)
        self._event("next_cycle", cycle=cycle, in_seconds=self._pause, time=_iso(begins))
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
            self._log("error", "measure", text, file=module.file, line=failure.line, reason=failure.reason)

    def _document(self, entry: Entry, index: Index, repo: str, totals: Totals, of: int) -> None:
        definition, file = entry.definition, entry.module.file
        what, name = kind(definition), definition.name
        place = {"repo": repo, "file": file, "line": definition.line, "kind": what}
        number = totals.documented + 1
        self._event("analyzing", cycle=totals.cycle, target=name, index=number, of=of, **place)
        page = render(entry, index, repo)
        totals.count_page(definition)
        measured = {"complexity": definition.complexity, "rank": rank(definition.complexity)}
        self._event(
            "documented",
            cycle=totals.cycle,
            name=name,
            qualified=entry.qualified,
            end_line=definition.end,
            index=number,
            of=of,
            page=page,
            **place,
            **measured,
        )
        self._log("info", "page", f"documented {what} {name}", characters=len(page), **place, **measured)
        self._warn_of_complexity(definition, file)

    def _warn_of_complexity(self, definition: Function | Class, file: str) -> None:
        parts = definition.methods if isinstance(definition, Class) else (definition,)
        for part in parts:
            if part.complexity > HIGH_COMPLEXITY:
                owner = f"{definition.name}." if part is not definition else ""
                text = (
                    f"{owner}{part.name} has a complexity of {part.complexity}, rank {rank(part.complexity)}"
                )
                self._log("warning", "measure", text, file=file, line=part.line, complexity=part.complexity)

    def _told(self, totals: Totals) -> float:
        """Publish the totals; what follows waits for so many seconds."""
        self._publish(STATS, {"time": self._time(), **totals.data()})
        return self._interval

    def _log(self, level: str, logger: str, message: str, **fields: object) -> None:
        line = {"time": self._time(), "level": level, "logger": f"codeworm.{logger}", "message": message}
        self._publish(LOGS, {**line, "fields": fields} if fields else line)

    def _event(self, event: str, **data: object) -> None:
        self._publish(EVENTS, {"type": event, "time": self._time(), "data": data})

    def _time(self) -> str:
        return _iso(self._now())


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
