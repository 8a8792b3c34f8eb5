"""What a request is: its scope read once, what it presents, its body within bounds; else it is refused.

A long body is read beside the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import Scope

from ..errors import GaplessError, Overloaded
from ..options import Limits

JSON_TYPE = "application/json"

QUERY_FIELDS = 1000
"""Parameters of one query; more: 400."""

WAITING = 4
"""Of the longest bodies that may wait to be read; with more the answer is 429, or error 100 of the API."""

T = TypeVar("T")


class Refused(GaplessError):
    """A request that does not get in: the status to answer with, and why."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"{status}: {reason}")


class Unreadable(Refused):
    """A request that is refused for what it is, whoever sent it."""


class Request(NamedTuple):
    """What a door needs of an ASGI scope, read once."""

    headers: dict[str, str]
    origins: tuple[str, ...]
    query: list[tuple[str, str]]
    address: str

    @property
    def cookies(self) -> dict[str, str]:
        """By name; none when the header cannot be read."""
        sent = self.headers.get("cookie")
        if sent is None:
            return {}
        try:
            found = SimpleCookie(sent)
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in found.items()}

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """Raises Refused (400) when the query is not text."""
        # ASGI names headers in lower case.
        sent = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        headers = dict(sent)
        origins = tuple(value for name, value in sent if name == "origin") if "origin" in headers else ()
        client = scope.get("client")
        return cls(headers, origins, read_query(scope["query_string"]), client[0] if client else "")


def read_query(query: bytes) -> list[tuple[str, str]]:
    """Names and values in order. Raises Refused (400)."""
    if not query:
        return []
    try:
        text = query.decode("ascii")
        if "%" not in text and "+" not in text and text.count("&") < QUERY_FIELDS:
            # Nothing to decode: the same as below, in a fifth of the time.
            split = (field.partition("=") for field in text.split("&") if field)
            return [(name, value) for name, _, value in split]
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS)
    except ValueError as error:
        raise Refused(400, f"the query cannot be read: {error}") from None


async def read_body(
    request: HttpRequest,
    limits: Limits,
    *,
    max_bytes: int,
    kinds: tuple[str, ...] = (JSON_TYPE,),
    undeclared: bool = False,
) -> bytes:
    """The body of a POST that is declared as one of `kinds`, within `max_bytes` and `body_seconds`.

    `undeclared` also takes one that is declared as nothing at all.

    Raises:
        Unreadable: 415, 413, 408, or 400 when the client left in the middle.
    """
    if content_type(request) not in kinds and not (undeclared and "content-type" not in request.headers):
        raise Unreadable(415, f"send Content-Type: {' or '.join(kinds)}")
    too_large = Unreadable(413, f"the body is larger than {max_bytes} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError:
        raise Unreadable(408, body_late(limits.body_seconds)) from None
    except ClientDisconnect:
        raise Unreadable(400, "the body ended too early") from None
    return bytes(body)


def content_type(request: HttpRequest) -> str:
    """What the body is said to be, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def body_late(seconds: float) -> str:
    """Why a request is answered with 408."""
    return f"the body did not arrive within {seconds} seconds"


class Aside:
    """Long bodies are read beside the loop: in a thread, one at a time, the others behind it in their order.

    One thread more shares the interpreter with the loop; a dozen would leave it a twelfth. `longest` is how
    many bytes the longest of them may have; `WAITING` times as many may wait and be read in all.
    """

    def __init__(self, longest: int) -> None:
        self._most = WAITING * longest
        self._held = 0
        self._reading = asyncio.Lock()

    async def read(self, size: int, work: Callable[[], T]) -> T:
        """What `work` makes of a body of this size.

        Raises what `work` raises, or Overloaded: too much waits.
        """
        held = self._held + size
        if held > self._most and self._held:
            raise Overloaded(held, self._most)
        self._held = held
        try:
            async with self._reading:
                return await asyncio.to_thread(work)
        finally:
            self._held -= size


BEARER_SUBPROTOCOL = "gapless.bearer"
"""Offered with the token behind it: all that a page can add to the handshake of a WebSocket."""

TOKEN_PARAMETER = "token"  # noqa: S105 - its name


def presented_token(scope: Scope, request: Request) -> str:
    """What the client presents, "" for nothing: by subprotocol, else by query, else `Authorization: Bearer`.

    The nearest to us first: a header may be meant for whatever stands before the hub.
    """
    return bearer_offered(scope) or _in_query(request) or _in_header(request)


def by_header(scope: Scope, request: Request) -> bool:
    """Did what `presented_token` found stand in a header of its own?"""
    return not bearer_offered(scope) and not _in_query(request)


def presented_key(request: Request) -> str:
    """A key in the headers of the server's own credential, "" for none."""
    scheme, _, key = request.headers.get("authorization", "").strip().partition(" ")
    return request.headers.get("x-api-key", "").strip() or (key.strip() if scheme.lower() == "apikey" else "")


def bearer_offered(scope: Scope) -> str:
    """The token that stands behind `gapless.bearer` among the subprotocols."""
    offered: Sequence[str] = list(scope.get("subprotocols") or ())
    if BEARER_SUBPROTOCOL not in offered:
        return ""
    behind = offered[offered.index(BEARER_SUBPROTOCOL) + 1 :]
    return behind[0] if behind else ""


def bearer_subprotocol(scope: Scope) -> str | None:
    """What to select: a browser closes a connection whose subprotocols nobody took up."""
    return BEARER_SUBPROTOCOL if BEARER_SUBPROTOCOL in (scope.get("subprotocols") or ()) else None


def _in_query(request: Request) -> str:
    return dict(request.query).get(TOKEN_PARAMETER, "")


def _in_header(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
