"""Who may come in, before any door opens."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapless import Access, ChannelOptions, Client, ConnectEvent, Disconnect, Grant, Hub, Limits
from gapless.doors.guard import Guard, new_client_id
from gapless.doors.request import Refused, Request
from gapless.model import ANONYMOUS

pytestmark = pytest.mark.anyio

TOKEN = "0f3c9a7b5d2e4816a9c07f1b3e5d8246"
KEY = (b"x-api-key", TOKEN.encode())


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with Hub(channels={"*": ChannelOptions()}, limits=Limits(connections=2)) as running:
        yield running


def scope(*headers: tuple[bytes, bytes], host: bytes = b"localhost", server: str = "127.0.0.1") -> Any:
    return {
        "type": "websocket",
        "scheme": "ws",
        "headers": [(b"host", host), *headers],
        "query_string": b"",
        "client": ("192.0.2.1", 1),
        "server": (server, 80),
    }


async def admitted(guard: Guard, asked: Any) -> tuple[Client, Grant]:
    client, how = await guard.admit(asked, Request.of(asked), "websocket")
    return client, how.grant


def refusal(guard: Guard, asked: Any) -> int:
    with pytest.raises(Refused) as refused:
        guard.enter(asked, Request.of(asked))
    return refused.value.status


async def test_without_a_hook_everybody_is_anonymous_and_who_has_the_token_is_an_operator(hub: Hub) -> None:
    guard = Guard(hub, Access(token=TOKEN))
    client, grant = await admitted(guard, scope())
    assert (client.address, grant) == ("192.0.2.1", ANONYMOUS)
    _, grant = await admitted(guard, scope(KEY))
    assert grant.operator


async def test_what_a_client_calls_itself_is_kept_up_to_a_bound(hub: Hub) -> None:
    guard = Guard(hub, Access())
    for query, name in ((b"", ""), (b"channel=a&name=page%201", "page 1"), (b"name=" + b"x" * 99, "x" * 64)):
        client, _ = await admitted(guard, {**scope(), "query_string": query})
        assert client.name == name


async def test_where_a_credential_is_required_nobody_comes_without(hub: Hub) -> None:
    guard = Guard(hub, Access(token=TOKEN, require_credential=True))
    with pytest.raises(Refused) as refused:
        await admitted(guard, scope())
    assert refused.value.status == 401
    assert (await admitted(guard, scope(KEY)))[1].operator


async def test_the_applications_hook_has_the_last_word(hub: Hub) -> None:
    @hub.on_connect
    def decide(event: ConnectEvent) -> Grant:
        if event.headers.get("x-name") == "ada":
            return Grant("ada")
        raise Disconnect(4000, "who are you")

    guard = Guard(hub, Access(require_credential=True))
    assert (await admitted(guard, scope((b"x-name", b"ada"))))[1].user == "ada"
    with pytest.raises(Disconnect) as refused:
        await admitted(guard, scope())
    assert refused.value.code == 4000


async def test_a_hook_that_grants_nothing_that_is_a_grant_is_the_applications_fault(hub: Hub) -> None:
    @hub.on_connect
    def decide(event: ConnectEvent) -> Any:
        return 42

    with pytest.raises(Disconnect) as refused:
        await admitted(Guard(hub, Access()), scope())
    assert refused.value.code == 3004
    assert hub.counters.hook_errors == 1


async def test_pages_of_others_are_refused_unless_they_are_listed(hub: Hub) -> None:
    page = scope((b"origin", b"https://example.com"))
    assert refusal(Guard(hub, Access()), page) == 403
    assert Guard(hub, Access(origins=["https://example.com"])).enter(page, Request.of(page)) is False


@pytest.mark.parametrize(
    ("host", "server", "status"),
    [
        (b"localhost:80", "127.0.0.1", None),
        (b"127.0.0.1", "127.0.0.1", None),
        (b"[::1]:80", "::1", None),
        (b"evil.example", "127.0.0.1", 403),
        (b"hub.example", "192.0.2.7", None),
    ],
)
async def test_an_open_hub_on_loopback_has_no_other_names(
    hub: Hub, host: bytes, server: str, status: int | None
) -> None:
    asked, guard = scope(host=host, server=server), Guard(hub, Access(open_api=True))
    if status is None:
        guard.check_place(asked, Request.of(asked))
    else:
        assert refusal(guard, asked) == status


async def test_a_cookie_alone_proves_nothing(hub: Hub) -> None:
    access = Access(token=TOKEN)
    assert access.credential is not None
    cookie = (b"cookie", access.credential.cookie(4e9, secure=False).partition(";")[0].encode())
    guard = Guard(hub, access)
    for headers, expected in (
        ([cookie], False),
        ([cookie, (b"origin", b"http://localhost")], True),
        ([cookie, (b"sec-fetch-site", b"same-origin")], True),
        ([cookie, (b"sec-fetch-site", b"cross-site")], False),
    ):
        asked = scope(*headers)
        assert guard.is_operator(asked, Request.of(asked)) is expected, headers


async def test_the_api_is_for_operators_or_for_everybody_where_it_is_open(hub: Hub) -> None:
    asked = scope()
    with pytest.raises(Refused) as refused:
        Guard(hub, Access(token=TOKEN)).admit_operator(asked, Request.of(asked))
    assert refused.value.status == 401
    Guard(hub, Access(open_api=True)).admit_operator(asked, Request.of(asked))
    Guard(hub, Access(token=TOKEN)).admit_operator(scope(KEY), Request.of(scope(KEY)))


async def test_a_hub_that_does_not_run_refuses_and_says_once_how_to_start_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guard = Guard(Hub(), Access())
    assert [refusal(guard, scope()) for _ in range(3)] == [503] * 3
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    assert "lifespan=hub.lifespan" in caplog.text


def test_ids_of_clients_are_random_uuids() -> None:
    ids = {new_client_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(one[14] == "4" and one[19] in "89ab" and len(one) == 36 for one in ids)
