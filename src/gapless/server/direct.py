"""Direct requests: those that an application answers without being called.

An application that can do so has an attribute `direct_requests`. A server that knows of it hands over
the bodies of requests that are usual in every way, and calls the application for all others. It
is an offer to the server and changes no answer: what is refused, or needs more than a look at
head and body, is not answered here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, Protocol

from .usual import UsualHead, read_usual

KNOWN_HEADS = 1000
"""Heads that are remembered, of one address of the server; with more all are forgotten."""

WRAPPED = 8
"""How deep an application is looked for in what a server has put around it."""


class Headers(NamedTuple):
    """Those of answers that are alike, as ASGI has them and as they are written."""

    pairs: tuple[tuple[bytes, bytes], ...]
    written: bytes

    @classmethod
    def of(cls, pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Names in lower case."""
        kept = tuple(pairs)
        return cls(kept, b"".join([b"%b: %b\r\n" % header for header in kept]))


class Answer(NamedTuple):
    """A whole response, but for its Content-Length and what the server says of itself."""

    status: int
    headers: Headers
    body: bytes


class Answerer(Protocol):
    """Who answers the requests that have one head."""

    length: int
    """Bytes of their body, as the head says."""
    seconds: float
    """For a body to arrive."""

    def answer(self, body: bytes) -> Answer | Awaitable[Answer] | None:
        """The answer, now or later. None: nothing was done, call the application."""

    def late(self) -> Answer:
        """The answer when the body did not arrive in time."""


class Place(NamedTuple):
    """Where a request came in."""

    server: tuple[str, int | None] | None
    """The address of the server."""
    scheme: str
    """`http` or `https`."""


Admit = Callable[[UsualHead, Place], Answerer | None]


class DirectRequests:
    """The usual requests of one application.

    `admit` decides by the head alone, and always alike: what it admits once is remembered, byte for
    byte, and not asked about again. None: call the application, which says why it is refused.
    """

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._known: dict[Place, dict[bytes, Answerer]] = {}

    def below(self, path: str) -> DirectRequests:
        """The same for an application in which this one is mounted at `path`, as in "/live".

        What that application does before it calls this one is not done for them.
        """
        prefix = path.rstrip("/").encode()

        def admit(head: UsualHead, place: Place) -> Answerer | None:
            if not head.target.startswith(prefix + b"/"):
                return None
            return self._admit(head._replace(target=head.target[len(prefix) :]), place)

        return DirectRequests(admit)

    def find(self, head: bytes, place: Place) -> Answerer | None:
        """Who answers requests with this head, the blank line included; None: the application."""
        known = self._known.get(place)
        found = known.get(head) if known is not None else None
        if found is not None:
            return found
        usual = read_usual(head)
        found = self._admit(usual, place) if usual is not None else None
        if usual is not None and found is not None and usual.comes_again:
            self._remember(head, place, found)
        return found

    def _remember(self, head: bytes, place: Place, answerer: Answerer) -> None:
        if len(self._known) > KNOWN_HEADS:
            self._known.clear()
        known = self._known.setdefault(place, {})
        if len(known) >= KNOWN_HEADS:
            known.clear()
        known[head] = answerer


def direct_requests_of(app: Any) -> DirectRequests | None:
    """Those of an application, also within what uvicorn puts around it; None where it has none."""
    for _ in range(WRAPPED):
        found = getattr(app, "direct_requests", None)
        if isinstance(found, DirectRequests):
            return found
        if type(app).__module__ not in _TRANSPARENT:
            return None
        app = getattr(app, "app", None)
    return None


_TRANSPARENT = ("uvicorn.middleware.proxy_headers", "uvicorn.middleware.message_logger")
"""What uvicorn may put around: the one changes only requests that are not usual, the other nothing."""
