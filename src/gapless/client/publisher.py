"""Publishes to a hub elsewhere: in order, each once, through its absences as far as the bound reaches."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import httpx
import orjson

from .backoff import Backoff
from .remote import NotTheHub, Refused, Remote, Unreachable

BUFFER_BYTES = 16 * 1024 * 1024
BATCH = 200
"""Publications in one request; a hub takes 1000."""
BATCH_BYTES = 256 * 1024
"""Their bytes, unless a single one is larger; a hub takes 1 MiB."""

Outcome = Unreachable | Refused | None
"""None: it was taken."""


class Waiting(NamedTuple):
    """One publication on its way; `body` is the whole request."""

    channel: str
    body: bytes


class Publisher:
    """An ordered, bounded way to a hub's HTTP API.

    One request is on its way at a time, because order is only certain then: with one publication
    while the hub keeps up, with many when it does not. Each publication carries an idempotency key,
    so that a retry after a lost answer is not a second copy (as long as the hub remembers the key:
    five minutes, and not across a restart of `memory://`). Where the hub takes some of one request
    and asks to try others again, those come later than what followed them.

    What does not fit into `max_bytes` is dropped and counted, and a row with
    `"kind": "feeder_gap"` takes its place in the channel. `report` gets lines for people.
    """

    def __init__(
        self,
        remote: Remote,
        *,
        max_bytes: int = BUFFER_BYTES,
        report: Callable[[str], None] = lambda line: None,
        backoff: Backoff | None = None,
    ) -> None:
        self.published = 0
        self.dropped = 0
        """Publications for which there was no room."""
        self.refused = 0
        """Publications that the hub would not take."""
        self.failure: Exception | None = None
        """Why it gave up, `NotTheHub` as a rule; every method then raises this."""
        self._remote = remote
        self._max_bytes = max_bytes
        self._report = report
        self._backoff = backoff or Backoff(longest=5.0)
        self._key = secrets.token_hex(8)
        self._count = 0
        self._queue: deque[Waiting] = deque()
        self._bytes = 0
        self._full = False
        self._dropped_here: Counter[str] = Counter()
        self._reasons: set[str] = set()
        self._away = False
        self._alone = 0  # so many go each in a request of its own
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Publications that the hub has not taken yet."""
        return len(self._queue)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop at once; call `flush` before to have everything delivered."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def offer(self, channel: str, data: object) -> bool:
        """Publish after everything before it. False: there was no room, it is dropped and counted.

        Raises:
            NotTheHub: the address or the credential is wrong.
            TypeError: JSON cannot carry the data.
        """
        async with self._changed:
            self._check()
            if not self._has_room():
                self._drop(channel)
                return False
            self._mark_drops()
            self._append(channel, data)
            self._changed.notify_all()
            return True

    async def put(self, channel: str, data: object) -> None:
        """As `offer`, but waits until there is room."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.failure is not None or self._has_room())
            self._check()
            self._append(channel, data)
            self._changed.notify_all()

    async def flush(self, timeout: float | None = None) -> int:
        """Wait until everything was taken, at most `timeout` seconds. Gives how many still wait."""
        async with self._changed:
            self._mark_drops()
            self._changed.notify_all()
            try:
                async with asyncio.timeout(timeout):
                    await self._changed.wait_for(lambda: self.failure is not None or not self._queue)
            except TimeoutError:
                pass
            self._check()
            return len(self._queue)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _has_room(self) -> bool:
        """Once full, only when half of it is free again: otherwise every second row would be a mark."""
        if self._full and self._bytes <= self._max_bytes // 2:
            self._full = False
        elif self._bytes >= self._max_bytes:
            self._full = True
        return not self._full

    def _drop(self, channel: str) -> None:
        self.dropped += 1
        if not self._dropped_here:
            self._report(
                f"{self._max_bytes >> 20} MiB wait for the hub; what comes now is dropped and counted"
            )
        self._dropped_here[channel] += 1

    def _mark_drops(self) -> None:
        """Say in the channel itself, at the place where it happened, how many are missing."""
        for channel, count in self._dropped_here.items():
            self._report(f"{count} publications to {channel} were dropped")
            text = f"{count} publications were dropped here: the hub was away for too long"
            mark = {"kind": "feeder_gap", "count": count, "level": "warning", "message": text}
            self._append(channel, mark)
        self._dropped_here.clear()

    def _append(self, channel: str, data: object) -> None:
        self._count += 1
        key = f"{self._key}-{self._count}"
        body = orjson.dumps({"channel": channel, "data": data, "idempotency_key": key})
        self._queue.append(Waiting(channel, body))
        self._bytes += _size(self._queue[-1])

    async def _run(self) -> None:
        try:
            await self._send_all()
        except Exception as failure:
            async with self._changed:
                self.failure = failure  # told to whoever publishes or flushes next, or waits to
                self._changed.notify_all()

    async def _send_all(self) -> None:
        async with self._remote.client() as client:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._queue)
                try:
                    outcomes = await self._send(client, self._next_batch())
                except Unreachable as nothing_done:
                    outcomes = [nothing_done]
                await self._settle(outcomes)
                problem = next((one for one in outcomes if isinstance(one, Unreachable)), None)
                if problem is None:
                    self._say_back()
                else:
                    self._say_away(problem)
                    await asyncio.sleep(problem.retry_after or self._backoff.next())

    def _next_batch(self) -> list[Waiting]:
        """What goes into one request: as much as waits, within the bounds."""
        batch = [self._queue[0]]
        size = len(batch[0].body)
        for waiting in itertools.islice(self._queue, 1, 1 if self._alone else BATCH):
            size += len(waiting.body)
            if size > BATCH_BYTES:
                break
            batch.append(waiting)
        return batch

    async def _send(self, client: httpx.AsyncClient, batch: list[Waiting]) -> list[Outcome]:
        """What became of each. Raises NotTheHub, Unreachable."""
        try:
            if len(batch) > 1:
                return [*await self._remote.publish_all(client, [waiting.body for waiting in batch])]
            self._alone = max(0, self._alone - 1)
            await self._remote.call(client, "publish", batch[0].body)
        except NotTheHub:
            raise
        except Refused as refusal:
            if len(batch) == 1:
                return [refusal]
            # One of them is malformed for the hub; each by itself shows which.
            self._alone = len(batch)
            return []
        return [None]

    async def _settle(self, outcomes: list[Outcome]) -> None:
        """Take from the queue what was taken or refused; what failed for now stays at its head."""
        async with self._changed:
            again = []
            for outcome in outcomes:
                waiting = self._queue.popleft()
                if isinstance(outcome, Unreachable):
                    again.append(waiting)
                    continue
                self._bytes -= _size(waiting)
                if outcome is None:
                    self.published += 1
                else:
                    self._say_refused(waiting, outcome)
            self._queue.extendleft(reversed(again))
            self._changed.notify_all()

    def _say_away(self, problem: Unreachable) -> None:
        if not self._away:
            self._away = True
            self._report(f"{problem} (what comes is kept, up to {self._max_bytes >> 20} MiB)")

    def _say_back(self) -> None:
        self._backoff.reset()
        if self._away:
            self._away = False
            self._report(f"{self._remote.url} answers again; {len(self._queue)} publications follow")

    def _say_refused(self, waiting: Waiting, refusal: Refused) -> None:
        """Each reason once; `refused` counts all."""
        self.refused += 1
        if len(self._reasons) < 20 and str(refusal) not in self._reasons:
            self._reasons.add(str(refusal))
            self._report(f"a publication to {waiting.channel} was not taken: {refusal}")


def _size(waiting: Waiting) -> int:
    """Bytes of memory, roughly: small publications weigh more than what they say."""
    return len(waiting.body) + 256
