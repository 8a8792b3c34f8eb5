"""`/sse`, who may open a stream: origins, credentials, hooks, the query, and a hub that is full."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from gapless import ChannelOptions, Disconnect, Hub, Limits, PermissionDenied
from gapless.errors import Internal

from ..support.events import sse
from ..support.serving import DIRECT_HTTP, PLAIN_HTTP, doors
from ..support.until import until

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=1000)
TOKEN = "9f2c61d07be84a35c1d2"


async def test_a_channel_that_is_refused_is_an_event_and_the_others_go_on() -> None:
    hub = Hub(channels={"logs": KEPT, "secret": KEPT})

    @hub.on_subscribe("secret")
    def refuse(event: Any) -> None:
        raise PermissionDenied("not for you")

    async with doors(hub=hub) as opened:
        await hub.publish("logs", 1)
        async with sse(opened, "channel=nope&channel=secret&channel=logs") as stream:
            unknown, secret, event = await stream.take(3)
            assert unknown.name == secret.name == "refused"
            assert unknown.data == {
                "type": "error",
                "code": 102,
                "message": "unknown channel: no pattern of this hub matches it",
                "channel": "nope",
            }
            assert (secret.data["code"], secret.data["message"]) == (103, "not for you")
            assert event.data["data"] == 1


BAD_QUERIES = [
    ("", "channel: name at least one, as in /sse?channel=logs"),
    ("channel=", "channel: the name is empty"),
    ("channel=logs&batch=1", "batch: events are not batched; leave it out"),
    ("channel=logs&pace=x", "pace: is 0 to 60000 milliseconds, not 'x'"),
    ("channel=logs&history=x", "history: is a whole number, 0 for none, not 'x'"),
    ("channel=logs&since=x", "since: is CHANNEL@EPOCH:OFFSET, not 'x'"),
    ("channel=logs&joins=x", "joins: is 1 or 0, not 'x'"),
    ("channel=%FF", "the query cannot be read"),
    ("channel=a%0Ab", "a channel's name holds"),
]


async def test_a_stream_of_nothing_but_unknown_channels_is_404() -> None:
    """`EventSource` takes it for the end; an empty stream it would read for ever."""
    async with doors({"logs": KEPT}) as opened:
        answer = await opened.http.get("/sse?channel=nope&channel=a%0Ab")
        assert (answer.status_code, answer.text) == (
            404,
            "unknown channel: no pattern of this hub matches 'nope'",
        )
        assert opened.hub.counters.bad_protocol == 1
        await opened.settled()


REFUSED = {
    "private": "channel=$secret",
    "of others": "channel=room%23ada",
    "by options": "channel=closed",
    "by a hook": "channel=hooked",
    "one and another": "channel=$secret&channel=nope&channel=hooked",
}


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED)
async def test_a_stream_of_nothing_that_this_client_may_read_is_403(query: str) -> None:
    """`EventSource` takes it for the end; after an empty stream it would come back for ever."""
    hub = Hub(
        channels={
            "closed": ChannelOptions(client_subscribe=False),
            "$secret": KEPT,
            "room#ada": KEPT,
            "hooked": KEPT,
        }
    )
    asked: list[str] = []

    @hub.on_subscribe("hooked")
    def refuse(event: Any) -> None:
        asked.append(event.channel)
        raise PermissionDenied("not for you")

    async with doors(hub=hub) as opened:
        answer = await opened.http.get(f"/sse?{query}")
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == 103
        assert hub.counters.connections == 0
        assert len(asked) == query.count("hooked")
        await opened.settled()


async def test_what_may_be_read_a_little_later_asks_to_come_back() -> None:
    hub = Hub(channels={"logs": KEPT})

    @hub.on_subscribe
    def refuse(event: Any) -> None:
        raise Internal

    async with doors(hub=hub) as opened:
        answer = await opened.http.get("/sse?channel=logs")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        answer = await opened.http.get("/sse?channel=logs", headers={"Accept": "text/event-stream"})
        assert (answer.status_code, answer.text.split(":")[0]) == (200, "retry")


async def test_each_channel_is_asked_about_once() -> None:
    hub = Hub(channels={"*": KEPT})
    asked: list[str] = []

    @hub.on_subscribe
    def note(event: Any) -> bool:
        asked.append(event.channel)
        return bool(event.channel != "b")

    async with doors(hub=hub) as opened, sse(opened, "channel=b&channel=a&channel=c") as stream:
        refused = await stream.next()
        assert (refused.name, refused.data["channel"], refused.data["code"]) == ("refused", "b", 103)
        await until(lambda: set(hub.channels()) == {"a", "c"})
        assert asked == ["b", "a", "c"]


async def test_a_query_that_cannot_be_meant_is_400_and_explained() -> None:
    async with doors({"logs": KEPT}) as opened:
        for query, message in BAD_QUERIES:
            answer = await opened.http.get(f"/sse?{query}")
            assert answer.status_code == 400, query
            assert answer.text.startswith(message), answer.text
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_the_default_channels_are_those_of_a_stream_that_names_none() -> None:
    async with doors({"logs": KEPT}, default_channels=("logs",)) as opened, sse(opened, "") as stream:
        await opened.hub.publish("logs", 1)
        assert (await stream.next()).data["channel"] == "logs"


async def test_origins_are_checked_and_allowed_ones_get_the_headers_of_cors() -> None:
    async with doors({"logs": KEPT}, origins=["https://a.example"]) as opened:
        answer = await opened.http.get("/sse?channel=logs", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
        async with sse(opened, "channel=logs", Origin="https://a.example") as stream:
            headers = stream.response.headers
            assert headers["access-control-allow-origin"] == "https://a.example"
            assert headers["access-control-allow-credentials"] == "true"
            assert headers["vary"].lower() == "origin"
        async with sse(opened, "channel=logs") as stream:
            assert "access-control-allow-origin" not in stream.response.headers


async def test_with_any_origin_allowed_credentials_are_not() -> None:
    async with doors({"logs": KEPT}, origins=["*"]) as opened:
        async with sse(opened, "channel=logs", Origin="https://a.example") as stream:
            headers = stream.response.headers
            assert headers["access-control-allow-origin"] == "https://a.example"
            assert "access-control-allow-credentials" not in headers


async def test_a_required_credential_is_asked_for() -> None:
    async with doors({"logs": KEPT}, token=TOKEN, require_credential=True) as opened:
        assert (await opened.http.get("/sse?channel=logs")).status_code == 401
        async with sse(opened, "channel=logs", Authorization=f"Bearer {TOKEN}") as stream:
            assert stream.response.status_code == 200


@pytest.mark.parametrize(
    ("error", "status"), [(PermissionDenied(), 403), (Disconnect(3013), 503), (Disconnect(4500), 403)]
)
async def test_a_connect_hook_may_refuse_a_stream(error: Exception, status: int) -> None:
    hub = Hub(channels={"logs": KEPT})

    @hub.on_connect
    async def refuse(event: Any) -> None:
        assert event.client.transport == "sse"
        raise error

    async with doors(hub=hub) as opened:
        assert (await opened.http.get("/sse?channel=logs")).status_code == status


async def test_other_methods_are_405_and_head_ends() -> None:
    async with doors({"logs": KEPT}) as opened:
        assert (await opened.http.post("/sse?channel=logs")).status_code == 405
        answer = await opened.http.head("/sse?channel=logs")
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        await opened.settled()
        assert opened.hub.counters.connections == 0


async def test_a_full_hub_says_503() -> None:
    async with doors({"logs": KEPT}, limits=Limits(connections=1)) as opened:
        async with sse(opened, "channel=logs"):
            await until(lambda: opened.hub.stats().clients == 1)
            answer = await opened.http.get("/sse?channel=logs")
            assert (answer.status_code, answer.text) == (503, "the hub is full")


STREAMS = {
    "sse": "/sse?channel=logs",
    "sse with commands": "/sse?channel=logs&commands=1",
    "connection/sse": "/connection/sse?cf_connect=" + quote('{"id":1,"connect":{}}'),
    "connection/uni_sse": "/connection/uni_sse?cf_connect=" + quote('{"subs":{"logs":{}}}'),
}


@pytest.mark.parametrize("path", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("http", [PLAIN_HTTP, DIRECT_HTTP])
async def test_who_asks_for_the_head_of_a_stream_gets_it_and_opens_none(path: str, http: str) -> None:
    async with doors({"logs": KEPT}, server={"http": http}) as opened:
        async with opened.http.stream("GET", path) as got:
            expected = dict(got.headers)
        await opened.settled()
        entered = opened.hub.counters.snapshot()["connections"]
        for _ in range(2):  # the connection is good for another request
            answer = await opened.http.head(path)
            assert answer.status_code == 200
            assert {**answer.headers, "date": "", "transfer-encoding": ""} == {
                **expected,
                "date": "",
                "transfer-encoding": "",
            }
        assert opened.hub.counters.snapshot()["connections"] == entered
        assert (await opened.http.head("/sse?channel=nobody")).status_code == 404
