"""`POST /ingest/CHANNEL`: many publications to one channel in one request, and where they stand."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..api.arguments import known
from ..api.publishing import REFUSALS, error_shape, settled
from ..brokers.base import PublishesRuns
from ..errors import BadRequest, ClientError, Overloaded
from ..hub import Hub
from ..model import Draft
from ..node.receipt import Receipt
from ..opaque import is_packed
from ..watch.sources import heard
from .entrance import worded
from .guard import Guard
from .once import Once, Progress
from .request import JSON_TYPE, Aside, Refused, Request, content_type, read_body
from .rows import KINDS, BadRow, TooLarge, is_long, payloads, unpack

SHORT_BYTES = 1024
"""A body of log records that is longer is read beside the loop: each byte may cost microseconds."""

SLICE = 512
"""Publications that are handed to the broker in one turn of the loop."""

ROWS_AT_ONCE = 4 * SLICE
"""Rows of a request that may be published in one turn."""

STATUSES = {102: 404, 107: 422}
"""HTTP statuses by error code; a ClientError that is not here is 400."""


class Ingest:
    """Publishes what came together, in order, and once for each idempotency key.

    The process remembers how far a request was done. A broker that outlives it is given a key for
    each publication as well, so that neither a restart nor another worker doubles what is sent again.
    """

    def __init__(self, hub: Hub) -> None:
        limits = hub.limits
        self._hub = hub
        self.aside = Aside(limits.ingest_bytes)
        """Where long bodies are read."""
        self._once = Once(limits.idempotency_seconds, limits.idempotency_keys, time.monotonic)

    async def take(self, channel: str, rows: Sequence[bytes], key: str | None) -> Progress:
        """Publish the rows. The same again under the same key goes on where that one ended.

        Raises:
            ClientError: the channel or the key cannot be; nothing was published.
            BadRow: one of the rows cannot be; nothing was published.
            BrokerError, Overloaded: from here on nothing was; send the same again with its key.
        """
        self._check(channel, rows, key)
        progress = self._once.progress(channel, key)
        broker = self._hub.node.broker
        lasting = key is not None and not broker.immediate
        async with progress.lock:
            begun = progress.done
            while progress.done < len(rows):
                if progress.done and isinstance(broker, PublishesRuns):
                    self._publish_run(channel, rows, progress)
                    await self._turn(channel)
                    continue
                begin = progress.done
                end = begin + (1 if isinstance(broker, PublishesRuns) else SLICE)
                drafts = [
                    Draft(row, idempotency_key=f"{key}.{begin + at}" if lasting else None)
                    for at, row in enumerate(rows[begin:end])
                ]
                await self._publish(channel, drafts, progress)
            heard(self._hub, channel, rows[begun:], time.time())
        return progress

    def take_at_once(self, channel: str, rows: Sequence[bytes], key: str | None) -> Progress | None:
        """As `take`, without waiting for readers. None: nothing was done, and `take` has to.

        That is so where the broker does not answer at once, for many rows, and while the same is being
        taken.
        """
        broker = self._hub.node.broker
        if len(rows) > ROWS_AT_ONCE or not (broker.immediate and isinstance(broker, PublishesRuns)):
            return None
        self._check(channel, rows, key)
        progress = self._once.progress(channel, key)
        if progress.lock.locked():
            return None
        begun = progress.done
        if rows and not progress.done:
            progress.note(self._hub.node.intake.publish(channel, Draft(rows[0])).result(0))
        while progress.done < len(rows):
            self._publish_run(channel, rows, progress)
        heard(self._hub, channel, rows[begun:], time.time())
        return progress

    def _check(self, channel: str, rows: Sequence[bytes], key: str | None) -> None:
        """Raises ClientError or BadRow."""
        known(self._hub, channel)
        if key is not None and not 0 < len(key) <= self._longest_key:
            raise BadRequest(f"an idempotency key has 1 to {self._longest_key} characters")
        if not self._hub.node.registry.options(channel).any_bytes:
            for number, row in enumerate(rows, 1):
                if is_packed(row):
                    raise BadRow(number, "it stands for bytes, and this channel takes JSON alone")

    def _publish_run(self, channel: str, rows: Sequence[bytes], progress: Progress) -> None:
        """The next of them. The first row went the long way, past every check; these are like it."""
        run = rows[progress.done : progress.done + SLICE]
        progress.note_run(len(run), self._hub.node.intake.publish_run(channel, run))

    async def _turn(self, channel: str) -> None:
        """One for the loop, and time for readers that lag but move."""
        await asyncio.sleep(0)
        relief = self._hub.node.intake.relieve(channel)
        if relief is not None:
            await relief

    @property
    def _longest_key(self) -> int:
        return self._hub.limits.idempotency_key_bytes - 8  # for the number of the row

    async def _publish(self, channel: str, drafts: list[Draft], progress: Progress) -> None:
        publish = self._hub.node.intake.publish
        receipts: list[Receipt] = []
        full: Overloaded | None = None
        for draft in drafts:
            try:
                receipts.append(publish(channel, draft))
            except Overloaded as error:
                full = error
                break
        try:
            for at, receipt in enumerate(receipts):
                if receipt.done and at < len(receipts) - 1:
                    progress.note(receipt.result(0))
                else:
                    # At least the last is awaited: a turn for the loop, and for readers that lag but move.
                    progress.note(await receipt)
        except REFUSALS:
            await settled(receipts)  # one failure is told, and not one for each row
            raise
        if full is not None and not receipts:
            raise full


class PublishersDoor(ABC):
    """A door for programs that publish: who may, what a body holds, and what a refusal says."""

    kinds: ClassVar[tuple[str, ...]] = KINDS
    """The content types of a body."""

    def __init__(self, guard: Guard, ingest: Ingest) -> None:
        self._guard = guard
        self._ingest = ingest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(HttpRequest(scope, receive))
        if response.status_code >= 400:
            self._guard.hub.counters.api_refused += 1
        await response(scope, receive, send)

    async def _answer(self, request: HttpRequest) -> Response:
        hub = self._guard.hub
        try:
            self._guard.admit_operator(request.scope, Request.of(request.scope))
            unready = hub.lifecycle.unready()
            if unready is not None:
                raise Refused(503, unready)
            rows = await self._read(request)
            key = request.headers.get("idempotency-key") or None
            return self._taken(request, await self._ingest.take(self._channel(request), rows, key))
        except BadRow as bad:
            return self._refuse_row(bad)
        except Refused as refused:
            return refusal(refused)
        except REFUSALS as error:
            return failure(error)

    async def _read(self, request: HttpRequest) -> list[bytes]:
        """The rows of the body, within `Limits.ingest_bytes`, unpacked. Raises Refused or BadRow."""
        limits, kind = self._guard.hub.limits, content_type(request)
        body = await read_body(request, limits, max_bytes=limits.ingest_bytes, kinds=self.kinds)
        packing = request.headers.get("content-encoding", "").strip().lower()
        work = partial(self._unpacked_rows, kind, packing, body)
        if packing in ("", "identity") and not self._is_long(kind, body):
            return work()
        return await self._ingest.aside.read(len(body), work)

    def _unpacked_rows(self, kind: str, packing: str, body: bytes) -> list[bytes]:
        try:
            unpacked = unpack(body, packing, self._guard.hub.limits.ingest_bytes)
        except TooLarge as error:
            raise Refused(413, str(error)) from None
        except ValueError as error:
            raise Refused(415, str(error)) from None
        try:
            return self._rows(kind, unpacked)
        except TooLarge as error:
            raise Refused(413, str(error)) from None

    @abstractmethod
    def _rows(self, kind: str, body: bytes) -> list[bytes]:
        """What the body holds. Called in a thread where that is long. Raises BadRow, TooLarge, Refused."""

    def _is_long(self, kind: str, body: bytes) -> bool:
        return len(body) > SHORT_BYTES

    @abstractmethod
    def _channel(self, request: HttpRequest) -> str: ...

    @abstractmethod
    def _taken(self, request: HttpRequest, progress: Progress) -> Response:
        """The answer when the broker has them all."""

    @abstractmethod
    def _refuse_row(self, bad: BadRow) -> Response:
        """The answer where one of the rows cannot be published, and so none was."""


class IngestDoor(PublishersDoor):
    """Rows of JSON or text, each of them one publication."""

    def _rows(self, kind: str, body: bytes) -> list[bytes]:
        return payloads(kind, body, self._guard.hub.limits, datetime.now(UTC))

    def _is_long(self, kind: str, body: bytes) -> bool:
        return is_long(kind, body)

    def _channel(self, request: HttpRequest) -> str:
        return str(request.path_params["channel"])

    def _taken(self, request: HttpRequest, progress: Progress) -> Response:
        return answer(202, accepted(progress))

    def _refuse_row(self, bad: BadRow) -> Response:
        return bad_row(bad)


def accepted(progress: Progress) -> dict[str, object]:
    """How many were taken, and where they stand in a channel that keeps history.

    `first` and `last` are offsets; `runs` is there where others published in between.
    """
    said: dict[str, object] = {"accepted": progress.done}
    runs = progress.runs
    if runs:
        said |= {"epoch": progress.epoch, "first": runs[0][0], "last": runs[-1][1]}
    if len(runs) > 1:
        said["runs"] = runs
    return said


def bad_row(bad: BadRow) -> Response:
    """The answer where a row cannot be published."""
    return answer(422, {"error": {"code": 107, "message": str(bad)}, "row": bad.row})


def answer(status: int, said: object, **headers: str) -> Response:
    """An answer in JSON."""
    return Response(orjson.dumps(said), status, media_type=JSON_TYPE, headers=headers or None)


def refusal(refused: Refused) -> Response:
    """The answer to a request that does not get in."""
    said, head = worded(refused.status, refused.reason)
    headers = {name.decode(): value.decode() for name, value in head}
    return Response(said, refused.status, headers=headers)


def failure(error: Exception) -> Response:
    """The answer when publishing failed: 429 and 503 ask for the same again later."""
    if isinstance(error, ClientError):
        return answer(STATUSES.get(error.code, 400), {"error": error_shape(error)})
    if isinstance(error, Overloaded):
        return answer(429, {"error": error_shape(error)}, **{"retry-after": "1"})
    return answer(503, {"error": error_shape(error)}, **{"retry-after": "1"})
