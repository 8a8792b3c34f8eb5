"""The way of publications to the broker: at once on its own thread, through an inbox from all others."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from asyncio import _get_running_loop
from collections import deque
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, TypeVar

from ..brokers.base import Broker, PublishesRuns
from ..core.counters import Counters
from ..errors import BadRequest, LimitExceeded, NotRunning, Overloaded
from ..model import Draft, Position
from ..opaque import is_packed
from ..options import ChannelOptions, Limits
from .flush import Flush
from .receipt import Receipt
from .registry import Registry
from .rings import Rings

T = TypeVar("T")

log = logging.getLogger("gapless")

INBOX_SLICE = 256
"""Publications of other threads taken in one turn of the loop; the rest after the flush had a turn."""

NOT_STARTED = (
    "the hub is not running: use `async with hub:`, or pass `lifespan=hub.lifespan` to your application "
    "(FastAPI(lifespan=hub.lifespan)), or serve HubApp(hub) as the root application"
)

STRANDED = "the event loop that the hub ran on was closed and the hub was not: make a new hub"

FORKED = (
    "this process was forked off the one that the hub runs in, and has a copy that nobody is connected to: "
    "publish in the parent (send it there by a queue or a pipe), or by HTTP (`POST /api/publish`), or make a "
    "Hub on a store that both share here (sqlite:///app.db, redis://…)"
)


class Intake:
    """Takes publications between `open` and `close`, from any thread; the desk of their receipts.

    `loop` is the one that it is open on, None while it is closed.
    """

    def __init__(
        self,
        broker: Broker,
        registry: Registry,
        rings: Rings,
        flush: Flush,
        limits: Limits,
        counters: Counters,
    ) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._broker = broker
        self._registry = registry
        self._rings = rings
        self._flush = flush
        self._limits = limits
        self._counters = counters
        self._thread: int | None = None
        self._forks = 0
        self._inbox: deque[tuple[str, Draft, ChannelOptions, Receipt]] = deque()
        self._lock = threading.Lock()
        self._inbox_bytes = 0
        self._broker_bytes = 0
        self._waking = False

    def open(self) -> None:
        """Called on the loop that the node runs on."""
        self.loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._forks = FORKS.count

    def close(self) -> None:
        """Publish what is in the inbox, and take nothing more."""
        with self._lock:
            self.loop = self._thread = None  # from here on nothing comes into the inbox
        while self._inbox:
            self._drain_inbox()

    def is_here(self) -> bool:
        """Is this the thread of the loop?"""
        return self._thread == threading.get_ident()

    def check_loop(self) -> None:
        """Can the loop that runs here wait for what the hub's does?

        Raises:
            RuntimeError: the hub's stands still meanwhile, for both have the same thread.
            NotRunning: the hub's was closed.
        """
        if self.loop is None or _get_running_loop() is self.loop:
            return
        if self.loop.is_closed():
            raise NotRunning(STRANDED)
        if self.is_here():
            raise RuntimeError(
                "the hub's event loop stands still while another one runs in its thread, and would be waited "
                "for for ever: use the hub on its own loop, or run the other one in a thread of its own"
            )

    @property
    def in_flight_bytes(self) -> int:
        """Payload bytes of the publications that the broker has not answered yet, the inbox included."""
        return self._broker_bytes + self._inbox_bytes

    def publish(self, channel: str, draft: Draft) -> Receipt:
        """Hand it to the broker, now or in the loop's next turn.

        `draft.payload` is valid JSON without raw newlines. Publications of one thread keep their order.

        Raises:
            BadRequest, LimitExceeded: the channel cannot be, or a tag or the key is not allowed.
            NotRunning: it is closed, or this process is a fork of the one that it is open in.
            UnknownChannel: no pattern declares the channel, nobody here reads it, and the hub is strict.
            Overloaded: more is in flight than `Limits.in_flight_bytes`.
        """
        options = self._registry.expected(channel)
        if options is None:
            self._registry.check(channel)
        if draft.tags or draft.idempotency_key is not None:
            check_labels(draft, self._limits)
        if options is None:
            options = self._registry.expect(channel, is_read=self._rings.find(channel) is not None)
        if not options.any_bytes and is_packed(draft.payload):
            raise BadRequest("data is no JSON, and this channel takes nothing else")
        size = draft.size
        receipt = Receipt(self, channel, size)
        if self.loop is None:
            raise NotRunning(NOT_STARTED)
        if self._forks != FORKS.count:
            raise NotRunning(FORKED)
        in_flight = self._broker_bytes + self._inbox_bytes + size
        if in_flight > self._limits.in_flight_bytes:
            self._counters.overloaded += 1
            raise Overloaded(in_flight, self._limits.in_flight_bytes)
        if threading.get_ident() == self._thread:
            self._hand_over(channel, draft, options, receipt)
            return receipt
        with self._lock:
            self._wake_up()
            self._inbox.append((channel, draft, options, receipt))
            self._inbox_bytes += size
        return receipt

    def publish_run(self, channel: str, payloads: Sequence[bytes]) -> Position | None:
        """Publish many to a channel at once, on the hub's own thread, where the broker `PublishesRuns`.

        The channel was just published to, so that it is known to be one. Gives the position of the last.
        Raises BadRequest, BrokerError: none of them was published.
        """
        if not isinstance(self._broker, PublishesRuns):
            raise TypeError("this broker takes publications one by one")
        options = self._registry.options(channel)
        if not options.any_bytes and any(map(is_packed, payloads)):
            raise BadRequest("data is no JSON, and this channel takes nothing else")
        position = self._broker.publish_run(channel, payloads, options)
        self._counters.published += len(payloads)
        self._counters.published_bytes += sum(map(len, payloads))
        return position

    def _hand_over(self, channel: str, draft: Draft, options: ChannelOptions, receipt: Receipt) -> None:
        if options.delta_publish and not draft.delta:
            draft = draft._replace(delta=True)
        self._broker.publish(channel, draft, options, receipt)
        if not receipt.done:
            receipt.in_flight = True
            self._broker_bytes += receipt.size

    def _wake_up(self) -> None:
        """Have the inbox emptied. One wake-up for a burst: whoever comes before it ran is taken along."""
        if self.loop is None:
            raise NotRunning(NOT_STARTED)
        if not self._waking:
            try:
                self.loop.call_soon_threadsafe(self._drain_inbox)
            except RuntimeError:
                raise NotRunning(STRANDED) from None
            self._waking = True

    def _drain_inbox(self) -> None:
        """Publish what threads have put in, as much in one turn as the flush can keep up with."""
        for _ in range(INBOX_SLICE):
            with self._lock:
                if not self._inbox:
                    break
                channel, draft, options, receipt = self._inbox.popleft()
                self._inbox_bytes -= receipt.size
            try:
                self._hand_over(channel, draft, options, receipt)
            except Exception as error:
                # The others in the inbox are not lost because of one.
                if not receipt.done:
                    receipt.fail(error)
            here = self._rings.find(channel)
            if here is not None and self._flush.is_behind(here):
                break
        with self._lock:
            self._waking = bool(self._inbox) and self.loop is not None
            if self._waking and self.loop is not None:
                self.loop.call_soon(self._drain_inbox)

    # -- the desk of receipts

    def settled(self, receipt: Receipt) -> None:
        """Its bytes are in flight no more; counted by how it ended."""
        if receipt.in_flight:
            self._broker_bytes -= receipt.size
        if receipt.error is None:
            self._counters.published += 1
            self._counters.published_bytes += receipt.size
        else:
            self._counters.publish_failed += 1

    def relieve(self, channel: str) -> Awaitable[None] | None:
        """Something to wait for, on this loop, when the channel has readers that lag but move."""
        is_home = self.loop is not None and _get_running_loop() is self.loop
        here = self._rings.find(channel) if is_home else None
        return self._flush.relief(here) if here is not None else None

    def unseen(self, error: Exception) -> None:
        """Log and count a failure that nobody looked at."""
        self._counters.publish_unnoticed += 1
        log.error("a publication failed and nobody looked at its receipt: %s", error)


def check_labels(draft: Draft, limits: Limits) -> None:
    """Are its tags and its key such as they may be? Raises BadRequest or LimitExceeded."""
    key = draft.idempotency_key
    if key is not None and not 0 < _size(key) <= limits.idempotency_key_bytes:
        raise BadRequest(f"an idempotency key has 1 to {limits.idempotency_key_bytes} bytes")
    tags = draft.tags or {}
    if len(tags) > limits.tags:
        raise LimitExceeded("tags of a publication", limits.tags, len(tags), code=107)
    for name, value in tags.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadRequest("tags are strings by name")
        size = max(_size(name), _size(value))
        if size > limits.tag_bytes:
            raise LimitExceeded("bytes of a tag", limits.tag_bytes, size, code=107)


def _size(text: str) -> int:
    """Bytes of a text. Raises BadRequest when it cannot be written as UTF-8."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise BadRequest("tags and keys are text that can be written as UTF-8") from None


class Forks:
    """Counts in the child. One for the whole process: what is registered for forks stays registered."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self.count += 1


FORKS = Forks()


async def there(intake: Intake, work: Coroutine[Any, Any, T]) -> T:
    """Do it on the loop that the hub runs on, and wait for it on this one; which may be the same.

    Raises:
        RuntimeError: the hub's loop stands still while this one runs.
        NotRunning: it is gone.
    """
    loop = intake.loop
    if loop is None or loop is asyncio.get_running_loop():
        return await work
    try:
        intake.check_loop()
        doing = asyncio.run_coroutine_threadsafe(work, loop)
    except BaseException:
        work.close()
        raise
    return await asyncio.wrap_future(doing)
