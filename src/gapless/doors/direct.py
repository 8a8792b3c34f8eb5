"""The direct requests of a HubApp: publications by the API and `/ingest`, answered by the server itself.

Who may, and what is answered, is as at the doors of the same name: a head is admitted by the same
guard, a body read by the same functions. What is refused, or unusual in any way, goes to those doors,
which say why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import orjson
from starlette.responses import Response

from ..api import LONG, at_once
from ..api import is_long as is_long_call
from ..api.publishing import REFUSALS
from ..errors import ClientError
from ..hub import Hub
from ..server.direct import Answer, Answerer, Headers, Place
from ..server.usual import UsualHead
from .entrance import worded
from .guard import Guard
from .ingest import Ingest, accepted, bad_row, failure, refusal
from .once import Progress
from .request import JSON_TYPE, Refused, Request, body_late
from .rows import KINDS, BadRow, TooLarge, is_long, payloads

API = b"/api/"
INGEST = b"/ingest/"

BODY_BYTES = 1024 * 1024
"""A longer body goes to the door: it is read while others have their turns."""

_JSON = Headers.of([(b"content-type", JSON_TYPE.encode())])

_ELSEWHERE = frozenset((b"origin", b"cookie", b"content-encoding", b"x-centrifugo-error-mode"))
"""Requests with one of these go to the door: a browser's, a packed body, an answer of another form."""


class DirectDoors:
    """Which usual requests are answered directly, and how."""

    def __init__(self, guard: Guard, ingest: Ingest) -> None:
        self._guard = guard
        self._ingest = ingest

    def admit(self, head: UsualHead, place: Place) -> Answerer | None:
        """By the head alone. None: it is for the doors, which may well refuse it."""
        if not head.headers.keys().isdisjoint(_ELSEWHERE):
            return None
        if head.target.startswith(API):
            answerer = self._of_api(head)
        elif head.target.startswith(INGEST):
            answerer = self._of_ingest(head)
        else:
            return None
        return answerer if answerer is not None and self._may(head, place) else None

    def _may(self, head: UsualHead, place: Place) -> bool:
        scope = {
            "headers": list(head.headers.items()),
            "query_string": b"",
            "scheme": place.scheme,
            "server": place.server,
        }
        return self._guard.may_call(scope, Request.of(scope))

    def _of_api(self, head: UsualHead) -> Answerer | None:
        hub = self._guard.hub
        method = at_once.METHODS.get(head.target[len(API) :].decode())
        if method is None or head.length > hub.limits.body_bytes or _kind(head) != JSON_TYPE:
            return None
        return _ApiCall(hub, method, head.length) if head.length <= LONG else None

    def _of_ingest(self, head: UsualHead) -> Answerer | None:
        limits = self._guard.hub.limits
        kind, channel = _kind(head), head.target[len(INGEST) :].decode()
        if not channel or channel.endswith("/") or kind not in KINDS:
            return None
        if head.length > min(limits.ingest_bytes, BODY_BYTES):
            return None
        key = head.headers.get(b"idempotency-key", b"").decode("latin-1") or None  # as the door has it
        return _IngestCall(self._guard.hub, self._ingest, channel, kind, key, head.length)


class _Call:
    """A hub that is asked, and how long its bodies may take."""

    def __init__(self, hub: Hub, length: int) -> None:
        self._hub = hub
        self.length = length
        self.seconds = hub.limits.body_seconds

    def late(self) -> Answer:
        self._hub.counters.api_refused += 1
        said, headers = worded(408, body_late(self.seconds))
        return Answer(408, Headers.of(headers), said)


class _ApiCall(_Call):
    """`POST /api/METHOD`."""

    def __init__(self, hub: Hub, method: Callable[[Hub, bytes], at_once.Said], length: int) -> None:
        super().__init__(hub, length)
        self._method = method

    def answer(self, body: bytes) -> Answer | Awaitable[Answer] | None:
        hub = self._hub
        if hub.lifecycle.unready() is not None or is_long_call(body):
            return None
        said = self._method(hub, body)
        if isinstance(said, bytes):
            return self._answer(said)
        return None if said is None else self._later(said)

    async def _later(self, said: Awaitable[bytes]) -> Answer:
        return self._answer(await said)

    def _answer(self, said: bytes) -> Answer:
        if said.startswith(b'{"error":'):
            self._hub.counters.api_refused += 1
        return Answer(200, _JSON, said)


class _IngestCall(_Call):
    """`POST /ingest/CHANNEL`."""

    def __init__(
        self, hub: Hub, ingest: Ingest, channel: str, kind: str, key: str | None, length: int
    ) -> None:
        super().__init__(hub, length)
        self._ingest = ingest
        self._channel = channel
        self._kind = kind
        self._key = key

    def answer(self, body: bytes) -> Answer | Awaitable[Answer] | None:
        if self._hub.lifecycle.unready() is not None:
            return None
        read = partial(payloads, self._kind, body, self._hub.limits, datetime.now(UTC))
        if is_long(self._kind, body):
            return self._read(len(body), read)
        try:
            rows = read()
            progress = self._ingest.take_at_once(self._channel, rows, self._key)
        except (BadRow, TooLarge, ClientError):
            return None  # nothing was done; the door says why
        except REFUSALS as error:
            return self._refused(failure(error))
        if progress is None:
            return self._take(rows)
        relief = self._hub.node.intake.relieve(self._channel)
        return _taken(progress) if relief is None else self._relieved(relief, progress)

    async def _read(self, size: int, read: Callable[[], list[bytes]]) -> Answer:
        try:
            return await self._take(await self._ingest.aside.read(size, read))
        except BadRow as bad:
            return self._refused(bad_row(bad))
        except TooLarge as error:
            return self._refused(refusal(Refused(413, str(error))))
        except REFUSALS as error:
            return self._refused(failure(error))

    async def _take(self, rows: Sequence[bytes]) -> Answer:
        try:
            return _taken(await self._ingest.take(self._channel, rows, self._key))
        except BadRow as bad:
            return self._refused(bad_row(bad))
        except REFUSALS as error:
            return self._refused(failure(error))

    def _refused(self, response: Response) -> Answer:
        self._hub.counters.api_refused += 1
        return _as_answer(response)

    async def _relieved(self, relief: Awaitable[None], progress: Progress) -> Answer:
        await relief
        return _taken(progress)


def _taken(progress: Progress) -> Answer:
    return Answer(202, _JSON, orjson.dumps(accepted(progress)))


def _as_answer(response: Response) -> Answer:
    headers = Headers.of(pair for pair in response.raw_headers if pair[0] != b"content-length")
    return Answer(response.status_code, headers, bytes(response.body))


def _kind(head: UsualHead) -> str:
    """What the body is said to be, as the doors read it."""
    return head.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
