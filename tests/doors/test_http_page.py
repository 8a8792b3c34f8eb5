"""The page at `/`, what it is made of, and the sign-in in front of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from gapless import Board, ChannelOptions, Hub, HubApp
from gapless.api.watching import MAX_ROWS
from gapless.board import Log, Number
from gapless.doors.assets import assets

from ..support.serving import doors, serve

pytestmark = pytest.mark.anyio

TOKEN = "9f2c61d07be84a35c1d2"
CHANNELS = {"logs": ChannelOptions(history=10)}


async def test_who_asks_is_told_what_may_be_done_here() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        viewer = (await opened.http.post("/api/session")).json()["result"]
        assert (viewer["role"], viewer["sign_in"], viewer["digest"]) == ("viewer", True, assets().digest)
        operator = (await opened.http.post("/api/session", headers={"X-API-Key": TOKEN})).json()["result"]
        assert operator["role"] == "operator"
        foreign = await opened.http.post("/api/session", headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
    async with doors(CHANNELS, open_api=True) as opened:
        result = (await opened.http.post("/api/session")).json()["result"]
        assert (result["role"], result["sign_in"]) == ("operator", False)


async def test_settings_are_told_to_operators_alone() -> None:
    settings = {"port": (8765, "default"), "token": ("set", "environment")}
    async with doors(CHANNELS, token=TOKEN, configuration=settings) as opened:
        assert "configuration" not in (await opened.http.post("/api/session")).json()["result"]
        told = (await opened.http.post("/api/session", headers={"X-API-Key": TOKEN})).json()["result"]
        assert told["configuration"] == [
            {"name": "port", "value": 8765, "origin": "default"},
            {"name": "token", "value": "set", "origin": "environment"},
        ]


async def test_who_may_call_the_api_is_told_the_channels_with_it() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        opened.hub.publish("logs", 1)
        assert "channels" not in (await opened.http.post("/api/session")).json()["result"]
        key = {"X-API-Key": TOKEN}
        told = (await opened.http.post("/api/session", headers=key)).json()["result"]["channels"]
        asked = await opened.http.post("/api/channels", json={"all": True}, headers=key)
        assert told == asked.json()["result"]["channels"] == {"logs": {"num_clients": 0}}


async def test_too_many_channels_are_asked_for_apart() -> None:
    async with doors({"logs:*": ChannelOptions(history=1)}, open_api=True) as opened:
        for number in range(MAX_ROWS):
            opened.hub.publish(f"logs:{number}", 1)
        assert len((await opened.http.post("/api/session")).json()["result"]["channels"]) == MAX_ROWS
        opened.hub.publish("logs:more", 1)
        assert "channels" not in (await opened.http.post("/api/session")).json()["result"]


@pytest.mark.parametrize(
    ("access", "openness"), [({"open_api": True}, "local"), ({"token": TOKEN}, None), ({}, None)]
)
async def test_who_asks_is_told_whether_the_api_asks_for_anything(
    access: dict[str, Any], openness: str | None
) -> None:
    async with doors(CHANNELS, **access) as opened:
        result = (await opened.http.post("/api/session")).json()["result"]
        assert result["open"] == openness
        assert result["limits"]["client_payload_bytes"] == opened.hub.limits.client_payload_bytes
        assert result["features"] == ["watch"]


async def test_a_configured_board_is_told_to_who_sees_the_page() -> None:
    board = Board([Number("stats", "total"), Log("logs")], "Robot")
    async with doors(CHANNELS, board=board) as opened:
        result = (await opened.http.post("/api/session")).json()["result"]
        assert (result["board"], result["title"]) == (board.as_json(), "Robot")
    async with doors(CHANNELS, board=board, token=TOKEN) as opened:
        assert "board" not in (await opened.http.post("/api/session")).json()["result"]
        await opened.http.post("/signin", json={"token": TOKEN})
        assert (await opened.http.post("/api/session")).json()["result"]["board"] == board.as_json()
    async with doors(CHANNELS) as opened:
        assert "board" not in (await opened.http.post("/api/session")).json()["result"]


async def test_health_and_readiness() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        assert (await opened.http.get("/health")).json() == {"status": "ok"}
        assert (await opened.http.get("/ready")).json() == {"status": "ready"}
        opened.hub.drain()
        answer = await opened.http.get("/ready")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json() == {"status": "not ready", "reason": "the hub is shutting down"}
        assert (await opened.http.get("/health")).status_code == 200


# -- the sign-in


async def test_who_signs_in_gets_the_page_and_a_cookie_that_scripts_cannot_read() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        before = await opened.http.get("/")
        assert "signin.js" in before.text
        answer = await opened.http.post("/signin", json={"token": TOKEN})
        assert (answer.status_code, answer.headers["cache-control"]) == (204, "no-store")
        cookie = answer.headers["set-cookie"]
        assert TOKEN not in cookie
        assert {"Path=/", "HttpOnly", "SameSite=Strict"} <= set(re.split("; ?", cookie))
        assert "Secure" not in cookie, "over plain HTTP a browser would not keep it"
        after = await opened.http.get("/", headers={"Sec-Fetch-Site": "none"})
        assert "signin.js" not in after.text
        assert after.text != before.text


async def test_the_page_opens_also_where_browsers_send_no_fetch_metadata() -> None:
    """They send it to localhost and over TLS only; the page itself holds nothing secret."""
    async with doors(CHANNELS, token=TOKEN) as opened:
        await opened.http.post("/signin", json={"token": TOKEN})
        assert "signin.js" not in (await opened.http.get("/")).text


async def test_a_mounted_hub_keeps_its_cookie_to_itself() -> None:
    hub = Hub(channels=CHANNELS)
    app = FastAPI(lifespan=hub.lifespan)
    app.mount("/live", HubApp(hub, token=TOKEN))
    async with serve(app) as address, AsyncClient(base_url=address.http(""), trust_env=False) as browser:
        answer = await browser.post("/live/signin", json={"token": TOKEN})
        assert "Path=/live/;" in answer.headers["set-cookie"]
        own = {"Origin": address.http("")}
        assert (await browser.post("/live/api/info", json={}, headers=own)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"token": TOKEN + "x"}, 401),
        ({"token": ""}, 401),
        ({"token": 1}, 400),
        ({}, 400),
        ([TOKEN], 400),
        ({"token": TOKEN, "more": "x" * 5000}, 413),
    ],
)
async def test_a_wrong_token_signs_nobody_in(body: object, status: int) -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        answer = await opened.http.post("/signin", json=body)
        assert answer.status_code == status
        assert "set-cookie" not in answer.headers


async def test_signing_in_is_for_the_servers_own_pages_and_json_only() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        foreign = {"Origin": "https://evil.example"}
        assert (await opened.http.post("/signin", json={"token": TOKEN}, headers=foreign)).status_code == 403
        assert (await opened.http.post("/signin", data={"token": TOKEN})).status_code == 415
        assert (await opened.http.get("/signin")).status_code == 405
    async with doors(CHANNELS) as opened:
        assert (await opened.http.post("/signin", json={"token": TOKEN})).status_code == 404


async def test_guessing_is_slowed_down() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        for _ in range(5):
            assert (await opened.http.post("/signin", json={"token": "guess"})).status_code == 401
        answer = await opened.http.post("/signin", json={"token": TOKEN})
        assert answer.status_code == 429, "also the right one: who guesses must not learn which it is"
        assert 1 <= int(answer.headers["retry-after"]) <= 13
        assert "set-cookie" not in answer.headers


async def test_who_signs_out_is_a_viewer_again() -> None:
    async with doors(CHANNELS, token=TOKEN) as opened:
        own = {"Origin": opened.address.http("")}
        await opened.http.post("/signin", json={"token": TOKEN})
        assert (await opened.http.post("/api/info", json={}, headers=own)).status_code == 200
        foreign = {"Origin": "https://evil.example"}
        assert (await opened.http.post("/signout", headers=foreign)).status_code == 403
        answer = await opened.http.post("/signout", headers=own)
        assert (answer.status_code, answer.headers["cache-control"]) == (204, "no-store")
        assert (await opened.http.post("/api/info", json={}, headers=own)).status_code == 401
        assert "signin.js" in (await opened.http.get("/")).text
    async with doors(CHANNELS) as opened:
        assert (await opened.http.post("/signout")).status_code == 404


# -- whom the application knows


def by_header(scope: Mapping[str, Any]) -> bool:
    """As an application would say, by what its middleware found: here by a cookie of its own."""
    return (b"cookie", b"session=boss") in scope["headers"]


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_whom_the_application_knows_for_an_operator_may_call_the_api(token: str | None) -> None:
    async with doors(CHANNELS, operators=by_header, token=token) as opened:
        own = {"Origin": opened.address.http("")}
        boss = {"Cookie": "session=boss"}
        assert (await opened.http.post("/api/info", json={}, headers=boss | own)).status_code == 200
        same_site = {"Sec-Fetch-Site": "same-origin"}
        assert (await opened.http.post("/api/info", json={}, headers=boss | same_site)).status_code == 200
        refused = await opened.http.post("/api/info", json={}, headers=boss)
        assert refused.status_code == 401, "any page can cause a request with a cookie"
        assert (await opened.http.post("/api/info", json={}, headers=own)).status_code == 401
        assert "signin.js" not in (await opened.http.get("/", headers=boss)).text
        session = (await opened.http.post("/api/session", headers=boss | own)).json()["result"]
        assert session["role"] == "operator"
        async with opened.client("?channel=$stats", additional_headers=boss | own) as page:
            assert (await page.next())["channel"] == "$stats"
        async with opened.client("?channel=$stats", additional_headers=own) as page:
            assert (await page.next())["code"] == 103


async def test_an_application_that_fails_to_say_makes_nobody_an_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(scope: Mapping[str, Any]) -> bool:
        raise KeyError("user")

    async with doors(CHANNELS, operators=fails) as opened:
        own = {"Origin": opened.address.http("")}
        assert (await opened.http.post("/api/info", json={}, headers=own)).status_code == 401
        assert opened.hub.counters.hook_errors == 1
    async with doors(CHANNELS, operators=lambda scope: "yes") as opened:
        own = {"Origin": opened.address.http("")}
        assert (await opened.http.post("/api/info", json={}, headers=own)).status_code == 401
    assert "nobody is an operator by it" in caplog.text
