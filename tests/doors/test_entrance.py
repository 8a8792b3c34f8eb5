"""What happens before a door opens: how each refusal is told, and what counts it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapless import Access, Disconnect, Hub
from gapless.core.outbox import Outlet
from gapless.doors.entrance import HttpEntrance, Opening, WebSocketEntrance, answer
from gapless.doors.guard import Guard
from gapless.doors.query import BadQuery
from gapless.doors.request import Refused, Unreadable
from gapless.sessions.views import Framing

from ..support.session import FakeSession

pytestmark = pytest.mark.anyio

PAGE = (b"origin", b"https://example.com")


@pytest.fixture
async def guard() -> AsyncIterator[Guard]:
    async with Hub() as hub:
        yield Guard(hub, Access(origins=["https://example.com"]))


def scope(kind: str, *headers: tuple[bytes, bytes], **other: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "method": "GET",
        "headers": [(b"host", b"hub"), *headers],
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        **other,
    }


class Call:
    """One ASGI call: what the application was told, and what it said."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = list(events)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> Any:
        return self.events.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.sent]


CONNECT = {"type": "websocket.connect"}
LEAVE = {"type": "websocket.disconnect", "code": 1000}
STATUSES: dict[str, Any] = {"websocket.http.response": {}}


async def at_the_websocket(guard: Guard, outcome: Any, **other: Any) -> Call:
    """A door that decides this."""
    call = Call(CONNECT, LEAVE)

    async def admit(scope: Any, request: Any) -> Opening:
        assert request.address == "127.0.0.1"
        if isinstance(outcome, Exception):
            raise outcome
        opening: Opening = outcome
        return opening

    await WebSocketEntrance(guard, admit)(scope("websocket", **other), call.receive, call.send)
    return call


async def test_who_is_admitted_is_accepted_and_its_session_begins(guard: Guard) -> None:
    made: list[FakeSession] = []

    def make(outlet: Outlet, framing: Framing) -> FakeSession:
        made.append(FakeSession(outlet, framing))
        return made[0]

    call = await at_the_websocket(guard, Opening(make, subprotocol="mine"))
    assert call.sent == [{"type": "websocket.accept", "subprotocol": "mine"}]
    assert made[0].ended == [1000]
    assert guard.hub.counters.refused_connections == 0


@pytest.mark.parametrize(
    ("status", "retry", "said"),
    [
        (401, False, b'{"error":{"code":101,"message":"no"}}'),
        (403, False, b'{"error":{"code":103,"message":"no"}}'),
        (503, True, b"no"),
    ],
)
async def test_a_refusal_is_a_status_where_the_server_can_say_it(
    guard: Guard, status: int, retry: bool, said: bytes
) -> None:
    call = await at_the_websocket(guard, Refused(status, "no"), extensions=STATUSES)
    start, body = call.sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
    assert ((b"retry-after", b"5") in start["headers"]) is retry
    assert body["body"] == said
    assert guard.hub.counters.refused_connections == 1


@pytest.mark.parametrize(("status", "code"), [(403, 3507), (503, 3001)])
async def test_elsewhere_it_is_a_close_before_the_accept(guard: Guard, status: int, code: int) -> None:
    call = await at_the_websocket(guard, Refused(status, "no"))
    assert call.sent == [{"type": "websocket.close", "code": code}]


async def test_the_applications_word_is_a_close_that_the_page_can_read(guard: Guard) -> None:
    call = await at_the_websocket(guard, Disconnect(4001, "not you"), extensions=STATUSES)
    assert call.types == ["websocket.accept", "websocket.close"]
    assert (call.sent[1]["code"], call.sent[1]["reason"]) == (4001, "not you")
    assert guard.hub.counters.refused_connections == 1


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Refused(401, "no"), "refused_credentials"),
        (Refused(403, "no"), "refused_origins"),
        (Refused(503, "no"), "refused_for_room"),
        (Disconnect(3504), "refused_for_room"),
        (Disconnect(4001, "not you"), None),
    ],
    ids=str,
)
async def test_why_somebody_was_refused_is_counted_at_both_entrances(
    guard: Guard, outcome: Exception, reason: str | None
) -> None:
    await at_the_websocket(guard, outcome)
    await at_http(guard, outcome)
    said = {name: n for name, n in guard.hub.counters.snapshot().items() if name.startswith("refused")}
    assert {name for name, n in said.items() if n} == {"refused_connections", reason} - {None}
    assert set(said.values()) <= {0, 2}


async def test_a_query_that_cannot_be_meant_is_told_in_words(guard: Guard) -> None:
    call = await at_the_websocket(guard, BadQuery("pace: no"))
    assert call.types == ["websocket.accept", "websocket.send", "websocket.close"]
    assert "pace: no" in call.sent[1]["text"]
    assert call.sent[2]["code"] == 3501
    assert (guard.hub.counters.bad_protocol, guard.hub.counters.refused_connections) == (1, 0)


async def test_a_query_that_cannot_be_read_never_gets_to_the_door(guard: Guard) -> None:
    call = await at_the_websocket(guard, AssertionError(), query_string=b"\xff", extensions=STATUSES)
    assert call.sent[0]["status"] == 400


async def at_http(guard: Guard, outcome: Any, *headers: tuple[bytes, bytes], **other: Any) -> Call:
    call = Call()

    async def respond(receive: Any, send: Any, headers: Any) -> None:
        await answer(send, 200, "welcome", headers)

    async def admit(http: Any, request: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return respond

    await HttpEntrance(guard, admit)(scope("http", *headers, **other), call.receive, call.send)
    return call


@pytest.mark.parametrize(
    ("outcome", "status", "counter"),
    [
        (None, 200, None),
        (Refused(401, "no"), 401, "refused_connections"),
        (Unreadable(413, "too much"), 413, "bad_protocol"),
        (Disconnect(3501), 403, "refused_connections"),
        (Disconnect(3004), 503, "refused_connections"),
    ],
    ids=str,
)
async def test_each_answer_is_one_that_the_page_may_read(
    guard: Guard, outcome: Exception | None, status: int, counter: str | None
) -> None:
    call = await at_http(guard, outcome, PAGE)
    assert call.sent[0]["status"] == status
    assert (b"access-control-allow-origin", PAGE[1]) in call.sent[0]["headers"]
    counted = {name for name in ("refused_connections", "bad_protocol") if getattr(guard.hub.counters, name)}
    assert counted == ({counter} if counter else set())


async def test_a_page_of_nobody_is_refused_and_may_not_even_read_that(guard: Guard) -> None:
    call = await at_http(guard, AssertionError(), (b"origin", b"https://elsewhere.example"))
    assert call.sent[0]["status"] == 403
    assert not [name for name, _ in call.sent[0]["headers"] if name.startswith(b"access-control")]


async def test_a_browser_that_asks_first_is_told_what_it_may_send(guard: Guard) -> None:
    asks = (b"access-control-request-headers", b"x-mine")
    call = await at_http(guard, AssertionError(), PAGE, asks, method="OPTIONS")
    assert call.sent[0]["status"] == 204
    assert (b"access-control-allow-headers", b"x-mine") in call.sent[0]["headers"]
