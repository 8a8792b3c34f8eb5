"""Publishes to a hub from any thread: in order, each once, through its absences as far as there is room."""

from __future__ import annotations

import atexit
import itertools
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from ..errors import ConfigError, Overloaded
from ..protocol.encode import encode
from .backoff import Backoff
from .outgoing import ENTRY_BYTES, Batch, Entry, Journal, Outgoing, Overflow
from .receipt import Dropped, Receipt
from .remote import NotTheHub, Refused, Remote, Unreachable
from .telling import Telling
from .ways import Busy, HttpWay, HubWay, Partly, Publishes, RefusedRow, Way

DEFAULT_URL = "http://127.0.0.1:8765"
BUFFER_BYTES = 16 * 1024 * 1024
BATCH = 2000
"""Publications in one request."""
BATCH_BYTES = 256 * 1024
"""Their bytes, unless a single one is larger."""
LINGER_SECONDS = 0.02
"""Between two requests while little waits: at most fifty a second, however often something is published."""
UNHEARD_SECONDS = 0.05
"""The same where nobody hears how it ended, as with log records: each request is in the way of who logs."""
CLOSE_SECONDS = 2.0
"""At the end of the interpreter, for what still waits."""
JOIN_SECONDS = 1.0
"""For the sending thread to let go of its connection; it has nothing to wait for then."""


class Publisher:
    """An ordered, bounded way to a hub, for any number of threads.

        publisher = Publisher("http://127.0.0.1:8765")
        publisher.publish("logs", {"message": "hello"})

    `target` is the address of a hub, a hub of this process, or None for what `GAPLESS_URL` says; the
    credential comes from `token` or `GAPLESS_TOKEN`. One daemon thread sends, begun by the first
    publication: with one publication in a request while the hub keeps up, with many when it does
    not. Every request carries an idempotency key, so that a retry after a lost answer is no second
    copy (as long as the hub remembers: `Limits.idempotency_seconds`, and not across a restart of
    `memory://`). Order is kept per channel.

    What waits is bounded by `max_bytes`; `overflow` says what happens beyond (see `Overflow`). What
    is dropped is counted in `dropped`, and a row with `"kind": "feeder_gap"` and its `count` takes its
    place in the channel. After a fork the child has an empty publisher and its own thread. At the end of
    the interpreter what waits is sent for at most `close_timeout` seconds. `report` gets lines for
    people; None writes them to stderr.

    Raises:
        ConfigError: the address is none.
    """

    def __init__(
        self,
        target: str | Publishes | Way | None = None,
        *,
        token: str | None = None,
        overflow: Overflow | str = Overflow.BLOCK,
        max_bytes: int = BUFFER_BYTES,
        close_timeout: float = CLOSE_SECONDS,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.published = 0
        """Publications that the hub has taken, marks included."""
        self.refused = 0
        """Publications that the hub would not take."""
        self._way = way_to(target, token)
        self._overflow = _overflow(overflow)
        self._close_timeout = close_timeout
        self._telling = Telling(self._way.name, max_bytes, report)
        self._changed = threading.Condition(threading.RLock())
        self._rooms: list[Callable[[], object]] = []
        self._thread: threading.Thread | None = None
        self._idle = False
        self._closing = False
        self._attempts = 0
        self._begin_keys()
        self._out = Outgoing(max_bytes, _now, self._next_key)
        self._journal: Journal | None = None
        _all.add(self)

    # -- publishing

    def publish(self, channel: str, data: Any) -> Receipt:
        """Publish after everything before it in this channel; returns before it is sent.

        Raises:
            TypeError: JSON cannot carry the data.
            Overloaded: there is no room, and `overflow` is `raise`.
            ValueError: it was closed.
        """
        receipt = Receipt()
        self.put(channel, [(encode(data), receipt)])
        return receipt

    def put(self, channel: str, entries: Sequence[Entry]) -> bool:
        """Several encoded publications at once. False: there was no room, they were dropped and counted.

        Raises Overloaded and ValueError, as `publish`.
        """
        with self._changed:
            self._check()
            while not self._out.has_room():
                if not self._waits():
                    if not self._make_room(channel, entries):
                        return False
                    break
                self._start()
                self._changed.wait()
                self._check()
            self._append(channel, entries)
        return True

    def try_put(self, channel: str, entries: Sequence[Entry], when_room: Callable[[], object]) -> bool:
        """As `put`, but where that would wait it gives False, and `when_room` is called when to try again."""
        with self._changed:
            self._check()
            if not self._out.has_room():
                if self._waits():
                    self._start()
                    self._rooms.append(when_room)
                    return False
                if not self._make_room(channel, entries):
                    return True
            self._append(channel, entries)
        return True

    def flush(self, timeout: float | None = None) -> int:
        """Wait until everything was taken, at most `timeout` seconds. Gives how many still wait.

        Raises:
            NotTheHub: the address or the credential is wrong; waiting longer will not help.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            begun = self._attempts
            self._wake()
            while self._out.waiting or self._out.count:
                if isinstance(self.trouble, NotTheHub) and self._attempts > begun:
                    raise self.trouble.with_traceback(None)
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._changed.wait(left)
            return self._out.count

    def close(self, timeout: float | None = None) -> int:
        """Send what waits for at most `timeout` seconds (`close_timeout`), and end. Gives what is left."""
        timeout = self._close_timeout if timeout is None else timeout
        try:
            left = self.flush(timeout)
        except NotTheHub:
            left = self._out.count
        with self._changed:
            self._closing = True
            self._wake()
        _all.discard(self)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            if left:
                self._way.abort()  # it may wait for an answer that nobody needs any more
            thread.join(JOIN_SECONDS)
        return left

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """Publications that the hub has not taken yet."""
        return self._out.count

    @property
    def dropped(self) -> int:
        """Publications for which there was no room."""
        return self._out.dropped

    @property
    def trouble(self) -> Unreachable | Refused | None:
        """Why the hub does not take anything just now; None while it does."""
        return self._telling.trouble

    @property
    def where(self) -> str:
        """The hub, for people."""
        return self._way.name

    def is_sending(self) -> bool:
        """Is this the thread that sends? What it logs must not be published."""
        thread = self._thread
        return thread is not None and thread.ident == threading.get_ident()

    def append(self, channel: str, entries: Sequence[Entry]) -> None:
        """Of a row of ours, or the last that is in hand: they come in even where there is no room."""
        with self._changed:
            self._check()
            self._append(channel, entries)

    def keep(self, journal: Journal) -> None:
        """Show `journal` whatever goes before it goes. What it holds of an earlier life is sent first."""
        with self._changed:
            self._journal = journal
            if journal.again is not None:
                self._out.again(journal.again)
                self._wake()

    # -- room

    def _waits(self) -> bool:
        """Does whoever finds no room wait for it?"""
        if self._overflow is Overflow.BLOCK_WHILE_UP:
            return self.trouble is None or isinstance(self.trouble, Busy)
        return self._overflow is Overflow.BLOCK

    def _make_room(self, channel: str, entries: Sequence[Entry]) -> bool:
        """Nobody waits: drop the oldest (True), or these (False). Raises Overloaded."""
        out = self._out
        if self._overflow is Overflow.RAISE:
            raise Overloaded(out.bytes, out.max_bytes)
        size = sum(len(body) + ENTRY_BYTES for body, _ in entries)
        if self._overflow is Overflow.DROP_OLDEST:
            if out.bytes + size > out.max_bytes:
                # Some more than is needed: otherwise each publication would drop another.
                self._settle_dropped(out.make_room(size + out.max_bytes // 16, self._telling.reason))
            return True
        out.drop(channel, len(entries), self._telling.reason)
        self._settle_dropped(entries)
        return False

    def _settle_dropped(self, entries: Sequence[Entry]) -> None:
        if entries and self._out.dropped == len(entries):  # the first ones
            self._telling.dropped()
        for _, receipt in entries:
            if receipt is not None:
                receipt.settle(Dropped(f"there was no room: {self._telling.reason}"))

    def _append(self, channel: str, entries: Sequence[Entry]) -> None:
        self._out.append(channel, entries)
        if self._idle or self._thread is None:
            self._wake()

    def _check(self) -> None:
        if self._closing:
            raise ValueError("this publisher was closed; make a new one")

    # -- the sending thread

    def _wake(self) -> None:
        self._start()
        self._idle = False
        self._changed.notify_all()

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="gapless-publisher", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # the interpreter ends, and takes no more threads
            self._thread = thread

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._out.waiting and not self._closing:
                    self._idle = True
                    self._changed.wait()
                self._idle = False
                if not self._out.waiting:
                    break
                batch = self._out.take(BATCH, BATCH_BYTES)
            heard = bool(batch.entries) and batch.entries[-1][1] is not None
            self._deliver(batch)
            if self._closing and batch.entries:
                break
            self._linger(LINGER_SECONDS if heard else UNHEARD_SECONDS)
        self._way.close()

    def _linger(self, seconds: float) -> None:
        """While little comes, let it come together: it costs a wake-up of this thread for each request."""
        with self._changed:
            if self._out.bytes < BATCH_BYTES and not self._closing:
                self._changed.wait_for(lambda: self._closing or self._out.bytes >= BATCH_BYTES, seconds)

    def _deliver(self, batch: Batch) -> None:
        """Until the hub has taken or refused each of the batch, or the end has come."""
        while batch.entries:
            problem = self._attempt(batch)
            if problem is None:
                continue
            with self._changed:
                if self._telling.away(problem):
                    self._tell_room()
                self._attempts += 1
                self._changed.notify_all()
                if self._closing:
                    return
                self._changed.wait_for(lambda: self._closing, _delay(problem, self._way.backoff))

    def _attempt(self, batch: Batch) -> Unreachable | Refused | None:
        """One request. What was settled is taken from the batch; gives why the rest has to wait."""
        try:
            if self._journal is not None:
                self._journal.before(batch)
            found = self._way.send(batch.channel, [body for body, _ in batch.entries], batch.key)
        except Partly as part:
            self._settle(batch, part.positions)
            if not isinstance(part.cause, Refused):
                return part.cause
            self._refuse(batch, 0, part.cause)
        except RefusedRow as refusal:
            self._refuse(batch, min(refusal.at, len(batch.entries) - 1), refusal)
        except (NotTheHub, Unreachable) as problem:
            return problem
        except Refused as refusal:
            while batch.entries:
                self._refuse(batch, 0, refusal)
        except Exception as error:
            # A bug must not end the only thread that delivers.
            return Unreachable(f"{self._way.name}: {type(error).__name__}: {error}")
        else:
            self._settle(batch, found)
        return None

    def _settle(self, batch: Batch, found: Sequence[Any]) -> None:
        with self._changed:
            done, batch.entries = batch.entries[: len(found)], batch.entries[len(found) :]
            batch.key = self._next_key()
            self._out.settled(done)
            self.published += len(done)
            self._way.backoff.reset()
            self._telling.back(self._out.count)
            self._tell_room()
            self._changed.notify_all()
        for (_, receipt), position in zip(done, found, strict=False):
            if receipt is not None:
                receipt.settle(position)

    def _refuse(self, batch: Batch, at: int, refusal: Refused) -> None:
        with self._changed:
            entry = batch.without(at, self._next_key())
            self._out.settled([entry])
            self.refused += 1
            self._telling.refused(batch.channel, refusal)
            self._tell_room()
            self._changed.notify_all()
        if entry[1] is not None:
            entry[1].settle(refusal)

    def _tell_room(self) -> None:
        """Whoever could not wait here may try again."""
        if self._rooms and (self._out.has_room() or not self._waits()):
            rooms, self._rooms = self._rooms, []
            for told in rooms:
                told()

    # -- keys and forks

    def _begin_keys(self) -> None:
        self._key = secrets.token_hex(8)
        self._numbers = itertools.count(1)

    def _next_key(self) -> str:
        return f"{self._key}-{next(self._numbers)}"

    def forked(self) -> None:
        """In the child: what waits is the parent's to send, and so is the connection."""
        self._changed = threading.Condition(threading.RLock())
        self._thread = None
        self._rooms = []
        self._idle = False
        self._telling.forked()
        self._begin_keys()
        self._out.clear()
        self._way.close()


_all: weakref.WeakSet[Publisher] = weakref.WeakSet()
"""Those that a fork and the end of the interpreter concern."""


def _after_fork() -> None:
    for publisher in list(_all):
        publisher.forked()


def _at_exit() -> None:
    for publisher in list(_all):
        publisher.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)


def way_to(target: str | Publishes | Way | None, token: str | None) -> Way:
    """The way to an address, a hub of this process, or where the environment says. Raises ConfigError."""
    if target is None:
        target = os.environ.get("GAPLESS_URL") or DEFAULT_URL
    if isinstance(target, str):
        return HttpWay(Remote.parse(target, token or os.environ.get("GAPLESS_TOKEN")))
    return target if isinstance(target, Way) else HubWay(target)


def _delay(problem: Unreachable | Refused, backoff: Backoff) -> float:
    """Seconds until the next attempt: what the hub asked for, else longer each time."""
    asked = problem.retry_after if isinstance(problem, Unreachable) else None
    return asked if asked is not None else backoff.next()


def _overflow(value: Overflow | str) -> Overflow:
    try:
        return Overflow(value)
    except ValueError:
        known = ", ".join(Overflow)
        raise ConfigError(f"overflow is one of {known}, not {value!r}") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
