"""The thread of a process that writes to its store: what came meanwhile is committed together.

There is no timer for it. While one commit is flushed, more comes, and that is the next group: a
lone publisher waits for nobody, and many share what a flush costs.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .entries import Entry
from .journal import Journal
from .transaction import Work
from .trouble import StoreError, explain, is_of_the_file

log = logging.getLogger("gapless")

GROUP_WORKS = 256
GROUP_BYTES = 4 * 1024 * 1024
"""What one transaction takes at most."""

LOOK_SECONDS = 0.1
"""A wake-up may be lost: so often the store is looked at without one."""

UNDELIVERED = 4_096
"""Entries that the loop has not taken yet; more stay in the store until it has."""

_RETRY_SECONDS = 1.0
"""Between attempts to write after a failure that may be over."""


class Answer(Protocol):
    """Who waits for a work. One of the two is called, once, on the loop's thread."""

    def resolve(self, answer: Any) -> None: ...

    def fail(self, error: Exception) -> None: ...


Chore = Callable[[Journal], list[Entry]]
"""Something between two groups, with transactions of its own; gives what is to be passed on."""


@dataclass(slots=True)
class Batch:
    """What the thread hands to the loop: first the entries are passed on, then who waits is answered."""

    entries: list[Entry] = field(default_factory=list)
    answered: list[tuple[Answer, Any]] = field(default_factory=list)
    failed: list[tuple[Answer, Exception]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.entries) + len(self.answered) + len(self.failed)


class _Heard:
    """Stands behind those that failed: when it is told, whoever puts works knows that they did."""

    __slots__ = ("_failures", "_writer")

    def __init__(self, writer: Writer, failures: int) -> None:
        self._writer = writer
        self._failures = failures

    def resolve(self, answer: Any) -> None:
        """Nobody resolves it."""

    def fail(self, error: Exception) -> None:
        self._writer.heard = self._failures


class Writer:
    """Runs from `start` to the end of `stop`. `post` is called in the thread with each batch, in order.

    `opened` is called in the thread once, with the channels that have a stream or with the error
    that kept the store from opening; `committed` after each commit that others should hear of.

    A failure of the file takes with it what was put before it was told: else what came later would
    stand in the store, and what came before it behind that, when it is sent again.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        opened: Callable[[list[str] | StoreError], None],
        post: Callable[[Batch], None],
        committed: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._opened = opened
        self._post = post
        self._committed = committed
        self._works: queue.SimpleQueue[tuple[Work[Any], Answer, int, int] | Chore | None] = (
            queue.SimpleQueue()
        )
        self._failures = 0
        self.heard = 0
        """Failures of the file that whoever puts works has heard of."""
        self._thread = threading.Thread(target=self._run, name="gapless-sqlite", daemon=True)
        self._undelivered = 0
        self._room = threading.Condition()
        self._looking = False
        self._stopping = False
        self._tried_at = 0.0
        self.busy_since: float | None = None
        """When the thread began what it is doing, by `time.monotonic`."""
        self.trouble: StoreError | None = None
        """Why the last attempt to write failed; None once one went well."""

    # -- called on the loop's thread

    def start(self) -> None:
        self._thread.start()

    def put(self, work: Work[Any], answer: Answer, size: int = 0) -> None:
        """Have it done in the next transaction, after all that was put before."""
        self._works.put((work, answer, size, self.heard))

    def do(self, chore: Chore) -> None:
        """Have it done between two groups."""
        self._works.put(chore)

    def look(self) -> None:
        """Somebody else may have written."""
        if not self._looking:
            self._looking = True
            self._works.put(_look)

    def delivered(self, count: int) -> None:
        """The loop has taken so many entries of a batch."""
        with self._room:
            self._undelivered -= count
            self._room.notify()

    def stop(self) -> None:
        """Do what was put, close the store, and end. Blocks: call it in another thread."""
        self._stopping = True
        self._works.put(None)
        with self._room:
            self._room.notify()
        self._thread.join()

    # -- the thread

    def _run(self) -> None:
        try:
            channels = self._journal.open()
        except Exception as error:
            self._opened(explain(self._journal.address.path, error))
            return
        self._opened(channels)
        while self._turn():
            self.busy_since = None
        self._close()

    def _turn(self) -> bool:
        """Do the next group or chore; False at the end."""
        try:
            item = self._works.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            self._attempt(self._idle)
            return True
        self._wait_for_room()
        self.busy_since = time.monotonic()
        group: list[tuple[Work[Any], Answer]] = []
        overtaken: list[tuple[Work[Any], Answer]] = []
        size = 0
        while True:
            if isinstance(item, tuple):
                work, answer, bytes_of, heard = item
                if heard < self._failures:
                    overtaken.append((work, answer))
                else:
                    group.append((work, answer))
                    size += bytes_of
                if len(group) + len(overtaken) >= GROUP_WORKS or size >= GROUP_BYTES:
                    break
            else:
                self._refuse(overtaken)
                self._write(group)
                group, overtaken = [], []
                if item is None:
                    return False
                self._attempt(item)
            try:
                item = self._works.get_nowait()
            except queue.Empty:
                break
        self._refuse(overtaken)
        self._write(group)
        return True

    def _refuse(self, overtaken: list[tuple[Work[Any], Answer]]) -> None:
        """What was put before a failure, and was not in its transaction."""
        if overtaken:
            self._fail(
                overtaken, StoreError("what was published before this could not be stored", lasting=False)
            )

    def _write(self, group: list[tuple[Work[Any], Answer]]) -> None:
        if not group:
            return
        if self.trouble is not None and self.trouble.lasting:
            self._fail(group, self.trouble)
            return
        try:
            entries, answers = self._journal.write([work for work, _ in group])
        except Exception as error:
            self._failed(group, error)
            return
        self.trouble = None
        self._committed()
        self._hand_over(
            Batch(entries, [(answer, given) for (_, answer), given in zip(group, answers, strict=True)])
        )

    def _failed(self, group: list[tuple[Work[Any], Answer]], error: Exception) -> None:
        if is_of_the_file(error):
            self._failures += 1
            self._fail(group, self._note(error), heard=_Heard(self, self._failures))
        elif len(group) > 1:
            before = self._failures
            for alone in group:  # one of them cannot be stored; the others are not lost because of it
                if self._failures == before:
                    self._write([alone])
                else:
                    self._refuse([alone])
        else:
            self._fail(group, StoreError(f"this cannot be stored: {error}", lasting=False))

    def _fail(
        self, group: list[tuple[Work[Any], Answer]], error: StoreError, *, heard: _Heard | None = None
    ) -> None:
        # One exception for each: a traceback is the exception's own.
        failed: list[tuple[Answer, Exception]] = [
            (answer, StoreError(str(error), lasting=error.lasting)) for _, answer in group
        ]
        if heard is not None:
            failed.append((heard, error))
        self._hand_over(Batch(failed=failed))

    def _note(self, error: Exception) -> StoreError:
        before, self.trouble = self.trouble, explain(self._journal.address.path, error)
        if before is None or str(before) != str(self.trouble):
            log.error("%s", self.trouble)
        return self.trouble

    def _attempt(self, chore: Chore) -> None:
        """A chore; when it fails, the next one or the next publication tries again."""
        if self.trouble is not None and self.trouble.lasting:
            return
        if chore is _look:
            self._looking = False
        commits = self._journal.commits
        try:
            entries = chore(self._journal)
        except (sqlite3.Error, OSError, StoreError) as error:
            self._note(error)
            return
        if self._journal.commits != commits:
            self._committed()
        if entries:
            self._hand_over(Batch(entries))

    def _idle(self, journal: Journal) -> list[Entry]:
        journal.check_identity()
        now = time.monotonic()
        if self.trouble is not None and now - self._tried_at >= _RETRY_SECONDS:
            self._tried_at = now
            entries, _ = journal.write([])
            self.trouble = None
            return entries
        return journal.look()

    def _hand_over(self, batch: Batch) -> None:
        with self._room:
            self._undelivered += len(batch)
        self._post(batch)

    def _wait_for_room(self) -> None:
        with self._room:
            while self._undelivered > UNDELIVERED and not self._stopping:
                self._room.wait()

    def _close(self) -> None:
        cleanly = self.trouble is None or not self.trouble.lasting
        try:
            self._journal.close(cleanly=cleanly)
        except (sqlite3.Error, OSError, StoreError) as error:
            self._note(error)


def _look(journal: Journal) -> list[Entry]:
    return journal.look()
