"""Addresses of hubs, and what their answers mean."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest

from gapless.client.remote import NotTheHub, Refused, Remote, Unreachable
from gapless.errors import ConfigError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://127.0.0.1:8765/", "http://127.0.0.1:8765"),
        ("localhost:8765", "http://localhost:8765"),
        ("https://example.com/live/", "https://example.com/live"),
        ("http://user:pw@example.com", "http://example.com"),
        ("http://[::1]:1/x?y#z", "http://[::1]:1/x"),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, url: str) -> None:
    assert Remote.parse(text).url == url


@pytest.mark.parametrize("text", ["", "ftp://x", "http://", "http://x:y", "http://x:99999", "//"])
def test_what_is_no_address_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ConfigError):
        Remote.parse(text)


def test_the_websocket_door_lies_beside_the_api() -> None:
    query = [("channel", "a b&c"), ("since", "x@E:1")]
    assert Remote.parse("https://h/live").websocket(query) == (
        "wss://h/live/ws?channel=a%20b%26c&since=x%40E%3A1"
    )
    assert Remote.parse("http://h:1").websocket([]) == "ws://h:1/ws?"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1", True),
        ("http://[::1]:1", True),
        ("http://localhost:1", True),
        ("http://a.localhost", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
    ],
)
def test_no_proxy_leads_to_this_machine(url: str, loopback: bool) -> None:
    remote = Remote.parse(url)
    assert remote.loopback is loopback
    assert remote.client().trust_env is not loopback


@pytest.mark.parametrize(
    ("url", "verified"),
    [
        ("http://127.0.0.1:1", False),
        ("http://localhost:1", False),
        ("https://127.0.0.1:1", True),
        ("https://example.com", True),
        ("http://example.com", True),  # a proxy of the environment may speak TLS
    ],
)
def test_whoever_can_be_asked_for_a_certificate_is(
    url: str, verified: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def counted(*given: Any, **how: Any) -> ssl.SSLContext:
        made.append(create(*given, **how))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    Remote.parse(url).client()
    assert bool(made) is verified


async def answered(status: int, text: str, **headers: str) -> object:
    """What `call` makes of an answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=text, headers=headers)

    remote = Remote("http://h", "secret")
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        return await remote.call(client, "publish", b"{}")


async def test_a_result_is_given() -> None:
    assert await answered(200, '{"result":{"offset":1}}') == {"offset": 1}


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (200, '{"error":{"code":102,"message":"unknown channel"}}', Refused),
        (200, '{"error":{"code":100,"message":"internal"}}', Unreachable),
        (200, "<html>", NotTheHub),
        (200, "[]", NotTheHub),
        (200, '{"result":7}', NotTheHub),
        (302, "", NotTheHub),
        (400, "a\n\x1b[2Jb", Refused),
        (413, "", Refused),
        (415, "", Refused),
        (401, "", NotTheHub),
        (404, "", NotTheHub),
        (408, "", Unreachable),
        (429, "", Unreachable),
        (500, "", Unreachable),
        (503, "full", Unreachable),
    ],
)
async def test_every_other_answer_says_whether_to_try_again(
    status: int, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        await answered(status, text)
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("value", "seconds"), [("5", 5.0), ("9999", 60.0), ("soon", None), ("-1", None)])
async def test_the_hub_can_ask_for_a_pause(value: str, seconds: float | None) -> None:
    with pytest.raises(Unreachable) as caught:
        await answered(503, "", **{"Retry-After": value})
    assert caught.value.retry_after == seconds
