"""The shortcut through ASGI: which requests take it, and what becomes of those that cannot after all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from gapless.doors.shortcut import KNOWN, Shortcut
from gapless.server.direct import Answer, Answerer, Headers, Place
from gapless.server.usual import UsualHead

pytestmark = pytest.mark.anyio

HEADERS = [(b"host", b"a"), (b"content-length", b"5")]
JSON = Headers.of([(b"content-type", b"application/json")])


class Echo:
    def __init__(self, length: int, seconds: float = 60.0) -> None:
        self.length = length
        self.seconds = seconds

    def answer(self, body: bytes) -> Answer | Awaitable[Answer] | None:
        if body == b"never":
            return None
        answer = Answer(202, JSON, body)
        return self._later(answer) if body == b"later" else answer

    async def _later(self, answer: Answer) -> Answer:
        await asyncio.sleep(0)
        return answer

    def late(self) -> Answer:
        return Answer(408, JSON, b"late")


class Asked:
    def __init__(self) -> None:
        self.heads: list[tuple[bytes, Place]] = []
        self.shortcut = Shortcut(self.admit)

    def admit(self, head: UsualHead, place: Place) -> Answerer | None:
        self.heads.append((head.target, place))
        return Echo(head.length) if head.target == b"/yes" else None


def scope(**different: Any) -> Any:
    return {
        "type": "http",
        "method": "POST",
        "query_string": b"",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "headers": HEADERS,
    } | different


def test_what_was_admitted_once_is_not_asked_about_again() -> None:
    asked = Asked()
    found = asked.shortcut.find(scope(), "/yes")
    assert found is not None
    assert asked.shortcut.find(scope(headers=list(HEADERS)), "/yes") is found
    assert asked.heads == [(b"/yes", Place(("127.0.0.1", 80), "http"))]


@pytest.mark.parametrize(
    "different",
    [
        {"headers": [*HEADERS, (b"x", b"1")]},
        {"headers": [(b"host", b"b"), HEADERS[1]]},
        {"server": ("10.0.0.1", 80)},
        {"scheme": "https"},
        {"server": None},
    ],
)
def test_one_that_is_different_is_asked_about(different: dict[str, Any]) -> None:
    asked = Asked()
    asked.shortcut.find(scope(), "/yes")
    assert asked.shortcut.find(scope(**different), "/yes") is not None
    assert len(asked.heads) == 2


@pytest.mark.parametrize(
    "different",
    [
        {"method": "GET"},
        {"query_string": b"a=b"},
        {"headers": HEADERS[:1]},
        {"headers": HEADERS[1:]},
        {"headers": [*HEADERS, (b"x", b"1"), (b"x", b"2")]},
        {"headers": [*HEADERS, (b"transfer-encoding", b"chunked")]},
        {"headers": [HEADERS[0], (b"content-length", b"-5")]},
        {"headers": [HEADERS[0], (b"content-length", b"123456789")]},
        {"headers": [list(header) for header in HEADERS]},
    ],
)
def test_what_is_not_usual_goes_to_its_door_unasked(different: dict[str, Any]) -> None:
    asked = Asked()
    assert asked.shortcut.find(scope(**different), "/yes") is None
    assert asked.heads == []


def test_one_that_will_not_come_again_takes_no_place() -> None:
    asked = Asked()
    for _ in range(2):
        assert asked.shortcut.find(scope(headers=[*HEADERS, (b"idempotency-key", b"7")]), "/yes") is not None
    assert len(asked.heads) == 2


def test_only_so_many_are_remembered() -> None:
    asked = Asked()
    for number in range(KNOWN + 1):
        asked.shortcut.find(scope(headers=[*HEADERS, (b"x", b"%d" % number)]), "/yes")
    asked.shortcut.find(scope(headers=[*HEADERS, (b"x", b"0")]), "/yes")
    assert len(asked.heads) == KNOWN + 2


class Client:
    """Sends these pieces of a body, then leaves; keeps what is sent to it."""

    def __init__(self, *pieces: bytes) -> None:
        self.messages = [
            {"type": "http.request", "body": piece, "more_body": at + 1 < len(pieces)}
            for at, piece in enumerate(pieces)
        ]
        self.said: list[Any] = []

    async def receive(self) -> Any:
        if self.messages:
            return self.messages.pop(0)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.said.append(message)


@pytest.mark.parametrize("pieces", [(b"hello",), (b"he", b"", b"llo"), (b"later",)])
async def test_a_body_is_answered_however_it_comes(pieces: tuple[bytes, ...]) -> None:
    client = Client(*pieces)
    shortcut = Asked().shortcut
    assert await shortcut.answer(Echo(5), client.receive, client.send) is None
    start, body = client.said
    assert start == {
        "type": "http.response.start",
        "status": 202,
        "headers": [(b"content-length", b"5"), (b"content-type", b"application/json")],
    }
    assert body == {"type": "http.response.body", "body": b"".join(pieces)}


@pytest.mark.parametrize("pieces", [(b"never",), (b"ne", b"ver"), (b"hell",), (b"hello!",)])
async def test_what_cannot_be_answered_here_is_received_again_by_the_door(pieces: tuple[bytes, ...]) -> None:
    client = Client(*pieces)
    again = await Asked().shortcut.answer(Echo(5), client.receive, client.send)
    assert again is not None
    assert client.said == []
    received = [await again() for _ in range(len(pieces) + 1)]
    assert [message.get("body") for message in received] == [*pieces, None]
    assert received[-1]["type"] == "http.disconnect"


async def test_of_a_body_longer_than_it_said_no_more_is_kept() -> None:
    client = Client(*[b"hello!"] * 3)
    assert await Asked().shortcut.answer(Echo(5), client.receive, client.send) is not None
    assert len(client.messages) == 2, "they are for the door to read, and to bound"


async def test_a_body_that_does_not_come_in_time_is_answered() -> None:
    client = Client()

    async def receive() -> Any:
        await asyncio.Event().wait()

    assert await Asked().shortcut.answer(Echo(5, seconds=0.01), receive, client.send) is None
    assert (client.said[0]["status"], client.said[1]["body"]) == (408, b"late")
