"""Who answers directly: found by the head, remembered, and found within what a server puts around it."""

from __future__ import annotations

from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gapless.server.direct import (
    KNOWN_HEADS,
    Answer,
    Answerer,
    DirectRequests,
    Headers,
    Place,
    direct_requests_of,
)
from gapless.server.usual import UsualHead

NONE = Headers.of([])
HERE = Place(("127.0.0.1", 80), "http")
HEAD = b"POST /%b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"


class Echo:
    length = 1
    seconds = 1.0

    def answer(self, body: bytes) -> Answer:
        return Answer(200, NONE, body)

    def late(self) -> Answer:
        return Answer(408, NONE, b"")


class Asked:
    """Admits what is asked for at `/yes…`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.requests = DirectRequests(self.admit)

    def admit(self, head: UsualHead, place: Place) -> Answerer | None:
        self.heads.append(head.target)
        return Echo() if head.target.startswith(b"/yes") else None


def test_what_was_admitted_once_is_not_asked_about_again() -> None:
    asked = Asked()
    first = asked.requests.find(HEAD % b"yes", HERE)
    assert first is not None
    assert asked.requests.find(HEAD % b"yes", HERE) is first
    assert asked.heads == [b"/yes"]


def test_another_byte_or_another_place_is_asked_about() -> None:
    asked = Asked()
    asked.requests.find(HEAD % b"yes", HERE)
    asked.requests.find((HEAD % b"yes").replace(b"Host: a", b"Host: b"), HERE)
    asked.requests.find(HEAD % b"yes", HERE._replace(server=("10.0.0.1", 80)))
    assert len(asked.heads) == 3


def test_what_was_not_admitted_is_asked_about_each_time_for_it_may_be_another_day() -> None:
    asked = Asked()
    for _ in range(2):
        assert asked.requests.find(HEAD % b"no", HERE) is None
    assert asked.heads == [b"/no", b"/no"]


def test_a_head_that_will_not_come_again_takes_no_place() -> None:
    asked = Asked()
    head = (HEAD % b"yes").replace(b"Host", b"Idempotency-Key: 7\r\nHost")
    for _ in range(2):
        assert asked.requests.find(head, HERE) is not None
    assert len(asked.heads) == 2


def test_what_is_not_usual_is_not_asked_about() -> None:
    asked = Asked()
    assert asked.requests.find(b"GET /yes HTTP/1.1\r\nHost: a\r\n\r\n", HERE) is None
    assert asked.heads == []


def test_only_so_many_heads_are_remembered() -> None:
    asked = Asked()
    for number in range(KNOWN_HEADS):
        asked.requests.find(HEAD % b"yes%d" % number, HERE)
    asked.requests.find(HEAD % b"yes0", HERE)
    assert len(asked.heads) == KNOWN_HEADS
    asked.requests.find(HEAD % b"yes", HERE)  # one too many: all are forgotten
    asked.requests.find(HEAD % b"yes0", HERE)
    assert len(asked.heads) == KNOWN_HEADS + 2


def test_an_application_may_say_where_one_with_direct_requests_is_mounted() -> None:
    asked = Asked()
    below = asked.requests.below("/live/")
    assert below.find(HEAD % b"live/yes", HERE) is not None
    assert below.find(HEAD % b"yes", HERE) is None
    assert below.find(HEAD % b"lively/yes", HERE) is None
    assert below.find(HEAD % b"live", HERE) is None
    assert asked.heads == [b"/yes"]


class App:
    def __init__(self, direct_requests: Any) -> None:
        self.direct_requests = direct_requests


def test_they_are_found_within_what_uvicorn_puts_around_and_in_nothing_else() -> None:
    requests = Asked().requests
    app: Any = App(requests)
    assert direct_requests_of(app) is requests
    assert direct_requests_of(ProxyHeadersMiddleware(app)) is requests
    assert direct_requests_of(App("no")) is None

    class Middleware:
        def __init__(self, app: Any) -> None:
            self.app = app

    assert direct_requests_of(Middleware(app)) is None, "it would be passed by"


def test_headers_are_written_one_a_line() -> None:
    pairs = ((b"a", b"1"), (b"b", b"2"))
    assert Headers.of(iter(pairs)) == (pairs, b"a: 1\r\nb: 2\r\n")
