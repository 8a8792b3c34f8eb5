"""Several nodes that share a store are one hub: what is said of and done to connections holds on all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, Limits
from gapless.api import call
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec

from ..support.centrifuge.stage import Stage, stage
from ..support.centrifuge.streams import Stream, stream
from ..support.serving import doors
from ..support.until import until

pytestmark = pytest.mark.anyio

SAID_ONLY = Limits(position_check=3600.0)
"""What nodes do not say to each other they would find out by themselves, every now and then."""

MEMBERS = {"*": ChannelOptions(history=10, presence=True, join_leave=True, client_publish=True)}


@pytest.fixture
async def nodes(anyio_backend: str, url: str) -> AsyncIterator[list[Stage]]:
    """Two nodes, each with its own clients."""
    async with AsyncExitStack() as stack:
        made = [stage(JSON, MEMBERS, broker=url, limits=SAID_ONLY) for _ in range(2)]
        yield [await stack.enter_async_context(one) for one in made]


async def api(hub: Hub, method: str, /, **said: Any) -> Any:
    answer = await call(hub, method, json.dumps(said).encode())
    assert answer is not None
    return json.loads(answer)["result"]


async def test_a_user_is_disconnected_wherever_it_is(nodes: list[Stage]) -> None:
    here, there = nodes
    near, far, other = await here.client("anna"), await there.client("anna"), await there.client("bert")
    await api(here.hub, "disconnect", user="anna", disconnect={"code": 4000, "reason": "enough"})
    for peer in (near, far):
        await until(lambda peer=peer: peer.session.flow.closed is not None)  # type: ignore[misc]
        assert peer.closed == 4000
    assert other.session.flow.closed is None


async def test_who_comes_right_behind_is_not_meant(nodes: list[Stage]) -> None:
    here, there = nodes
    far = await there.client("anna")
    here.hub.disconnect(user="anna")
    near = await here.client("anna")
    await until(lambda: far.closed)
    await here.hub.occupancy()  # the node's own message has come back by now
    assert near.closed is None


async def test_but_not_the_clients_that_are_to_stay(nodes: list[Stage]) -> None:
    here, there = nodes
    kept, gone = await there.client("anna"), await there.client("anna")
    await api(here.hub, "disconnect", user="anna", whitelist=[kept.id])
    await until(lambda: gone.session.flow.closed is not None)
    assert kept.session.flow.closed is None


async def test_a_user_is_subscribed_and_unsubscribed_wherever_it_is(nodes: list[Stage]) -> None:
    here, there = nodes
    far = await there.client("anna")
    await api(here.hub, "subscribe", user="anna", channel="a", info={"x": 1}, data={"y": 2})
    await until(lambda: far.of("a", "subscribe"))
    assert far.of("a", "subscribe")[0]["data"] == {"y": 2}
    assert (await here.hub.presence("a"))[far.id].chan_info == b'{"x": 1}'
    await here.hub.publish("a", 1)
    await until(lambda: far.of("a", "pub"))
    await api(here.hub, "unsubscribe", user="anna", channel="a")
    await until(lambda: far.of("a", "unsubscribe"))


async def test_a_connection_elsewhere_is_made_to_expire(nodes: list[Stage]) -> None:
    here, there = nodes
    far = await there.client("anna")
    await api(here.hub, "refresh", user="anna", expired=True)
    await until(lambda: far.session.flow.closed is not None)
    assert far.closed == 3005


async def test_channels_are_counted_over_all_nodes(nodes: list[Stage]) -> None:
    here, there = nodes
    for node, user in ((here, "anna"), (there, "anna"), (there, "bert")):
        client = await node.client(user)
        await client.get("subscribe", channel="a")
    await there.hub.publish("quiet", 1)
    for node in nodes:
        assert await api(node.hub, "channels") == {"channels": {"a": {"num_clients": 3}}}
        found = await api(node.hub, "channels", all=True)
        assert found == {"channels": {"a": {"num_clients": 3}, "quiet": {"num_clients": 0}}}


async def test_each_node_knows_all_that_live(nodes: list[Stage], url: str) -> None:
    here, there = nodes
    await there.client("anna")
    said = (await api(here.hub, "info"))["nodes"]
    assert [node["uid"] for node in said] == [here.hub.uid, there.hub.uid]
    assert said[0]["num_clients"] == 0
    async with Hub(url) as third:
        said = (await api(here.hub, "info"))["nodes"]
        assert {node["uid"] for node in said} == {here.hub.uid, there.hub.uid, third.uid}
    said = (await api(here.hub, "info"))["nodes"]
    assert {node["uid"] for node in said} == {here.hub.uid, there.hub.uid}


async def test_its_signs_of_life_hold_up_no_farewell(nodes: list[Stage]) -> None:
    """They would go on for ever; what ends by itself is waited for, for a moment."""
    node = nodes[0].hub.node
    assert node.tasks.running
    await node.farewell()
    assert not node.tasks.running


async def test_a_node_that_gives_no_sign_of_life_is_forgotten(nodes: list[Stage]) -> None:
    hub = nodes[0].hub
    await hub.node.broker.nodes.meet("silent", b'{"uid":"silent"}', 0.2)  # type: ignore[attr-defined]
    assert await knows(hub, "silent", True)
    await until(lambda: knows(hub, "silent", False))


async def test_a_node_that_says_nothing_of_itself_is_none(nodes: list[Stage]) -> None:
    hub = nodes[0].hub
    for said in (b"garbage", b"[]", b"5", b'"x"'):
        await hub.node.broker.nodes.meet("foreign", said, 10.0)  # type: ignore[attr-defined]
        assert len(await hub.nodes()) == 2
        assert await hub.occupancy() == {}


async def knows(hub: Hub, other: str, expected: bool) -> bool:
    return (other in {node["uid"] for node in await hub.nodes()}) is expected


async def test_one_that_does_not_answer_is_waited_for_a_moment_only(nodes: list[Stage]) -> None:
    here, _ = nodes
    client = await here.client("anna")
    await client.get("subscribe", channel="a")
    await here.hub.node.broker.nodes.meet("silent", b"{}", 10.0)  # type: ignore[attr-defined]
    assert await here.hub.occupancy() == {"a": 1}


async def test_what_is_no_message_of_a_node_does_no_harm(
    nodes: list[Stage], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = nodes
    known = await there.client("anna")
    everybody: dict[str, Any] = {"user": None, "client": None, "session": None, "keep": []}
    server: dict[str, Any] = {"info": None, "data": None, "override": {}, "expires_at": None}
    subscribing = {"channel": "a", "server": server, "since": None}
    orders: list[tuple[str, dict[str, Any]]] = [
        ("close", {}),
        ("close", {"code": 2**16, "reason": ""}),
        ("close", {"code": "3000", "reason": ""}),
        ("close", {"code": 3000, "reason": 5}),
        ("unsubscribe", {"channel": [], "code": 2000, "reason": None}),
        ("refresh", {"expires_at": "soon", "info": None}),
        ("refresh", {"expires_at": None, "info": "%"}),
        ("subscribe", {}),
        ("subscribe", {**subscribing, "channel": 5}),
        ("subscribe", {**subscribing, "since": [1]}),
        ("subscribe", {**subscribing, "since": ["1", "e"]}),
        ("subscribe", {**subscribing, "server": {**server, "override": {"no such": 1}}}),
    ]
    wrong = [
        *(b"", b"{", b"[]", b"{}", b"null", b'{"from":"x","do":"close","whom":{},"arguments":{}}'),
        *(
            b'{"from":"x"}',
            b"[" * 5000,
            b'{"from":"x","do":"close","whom":{"user":[],"keep":1},"arguments":{}}',
        ),
        *(
            json.dumps({"from": "x", "do": verb, "whom": everybody, "arguments": arguments}).encode()
            for verb, arguments in orders
        ),
        *(
            json.dumps({"from": "x", "ask": 1, "what": what, "about": about}).encode()
            for what in ("clients", "sources", "subscribers", "nothing")
            for about in ({}, {"limit": "x", "query": 5})
        ),
        b'{"from":"x","answer":1,"piece":"%","last":true}',
        b'{"from":"x","emulated":"x","data":{"bytes":"%"}}',
    ]
    for message in wrong:
        here.hub.node.broker.nodes.tell(message)  # type: ignore[attr-defined]
    await here.hub.occupancy()  # all of that was heard before
    assert known.session.flow.closed is None
    await api(here.hub, "disconnect", user="anna")
    await until(lambda: known.session.flow.closed is not None)
    assert not [record for record in caplog.records if record.exc_info], "nothing of it is an error of ours"
    assert "cannot be understood" in caplog.text


async def test_a_storm_of_those_who_come_back_reads_from_the_ring_and_hardly_from_redis(url: str) -> None:
    async with Hub(url, channels={"*": ChannelOptions(history=500)}) as hub:
        async with hub.subscribe("c"):
            since = await hub.publish("c", 0)
            for number in range(1, 101):
                await hub.publish("c", number)
            before = hub.counters.history_reads

            async def come_back() -> list[int]:
                async with hub.subscribe("c", since=since) as feed:
                    return [json.loads((await anext(feed)).payload) for _ in range(100)]

            seen = await asyncio.gather(*(come_back() for _ in range(1000)))
            assert all(one == list(range(1, 101)) for one in seen)
            assert hub.counters.history_reads - before <= 10


@pytest.mark.parametrize("codec", [JSON, PROTOBUF], ids=["json", "protobuf"])
async def test_commands_posted_to_another_node_reach_the_one_that_has_the_session(
    url: str, codec: Codec
) -> None:
    async with (
        doors(hub=Hub(url, channels=MEMBERS)) as here,
        doors(hub=Hub(url, channels=MEMBERS)) as there,
        stream(here, "http_stream", codec=codec) as opened,
    ):
        await opened.connected()
        # A load balancer sends what goes up to somebody else.
        up = Stream(opened.response, there, codec, events=False, bare=False)
        up.session, up.node = opened.session, opened.node
        await up.say({"id": 2, "subscribe": {"channel": "a"}})
        assert list(await opened.next()) == ["id", "subscribe"]
        assert (await up.post({"id": 3, "ping": {}}, node="nobody")).status_code == 404


async def test_what_one_has_forgotten_is_found_in_no_ring(nodes: list[Stage]) -> None:
    here, there = nodes
    client = await there.client("anna")
    await client.get("subscribe", channel="a")
    since = await here.hub.publish("a", 0)
    for number in (1, 2):
        await here.hub.publish("a", number)

    async def first() -> object:
        async with there.hub.subscribe("a", since=since, on_gap=lambda lost: None) as feed:
            return (await anext(feed)).data

    await until(lambda: there.hub.node.rings.find("a").ring.top == 3)  # type: ignore[union-attr]
    assert await first() == 1
    await api(here.hub, "history_remove", channel="a")
    await here.hub.publish("a", "after")

    async def finds_nothing() -> bool:
        return await first() == "after"

    await until(finds_nothing)
