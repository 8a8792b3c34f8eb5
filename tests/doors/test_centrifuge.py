"""`/connection/websocket` over real sockets: encodings, frames, closing, and who may open it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gapless import ChannelOptions, ConnectEvent, Disconnect, Hub, Limits
from gapless.hooks.events import RpcEvent
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec

from ..support.centrifuge.wire import decode, encode
from ..support.serving import FAST_PATH, PLAIN_ASGI, Doors, doors
from ..support.sockets import handshake, listen
from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio

OPEN = {"*": ChannelOptions(history=1000, presence=True, join_leave=True, client_publish=True)}


@pytest.fixture(params=[PLAIN_ASGI, FAST_PATH], ids=["asgi", "fast"])
def ws(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Socket:
    """A client over a WebSocket, in either encoding."""

    def __init__(self, connection: ClientConnection, codec: Codec) -> None:
        self.connection = connection
        self._codec = codec
        self._waiting: list[Any] = []

    async def say(self, *commands: dict[str, Any]) -> None:
        await self.connection.send(encode(self._codec, *commands))

    async def next(self) -> Any:
        while not self._waiting:
            async with asyncio.timeout(DEADLINE):
                frame = await self.connection.recv()
            assert isinstance(frame, str) is self._codec.text
            self._waiting += decode(self._codec, frame.encode() if isinstance(frame, str) else frame)
        return self._waiting.pop(0)

    async def take(self, count: int) -> list[Any]:
        return [await self.next() for _ in range(count)]

    async def ask(self, *commands: dict[str, Any]) -> Any:
        await self.say(*commands)
        return await self.next()

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close frame; nothing may come before it."""
        async with asyncio.timeout(DEADLINE):
            try:
                frame = await self.connection.recv()
            except ConnectionClosed as error:
                assert error.rcvd is not None
                return error.rcvd.code, error.rcvd.reason
        raise AssertionError(f"{frame!r} came and not the close")


def socket(here: Doors, codec: Codec = JSON, query: str = "", **options: Any) -> Any:
    """A connected WebSocket; Protobuf is asked for as the SDK for JavaScript does, unless the query does."""
    if not codec.text and not query:
        options["subprotocols"] = [Subprotocol("centrifuge-protobuf")]
    settings: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None, "proxy": None}
    return connect(here.address.ws(f"/connection/websocket{query}"), **settings | options)


async def test_a_conversation(ws: str, codec: Codec) -> None:
    async with doors(OPEN, ws=ws) as here, socket(here, codec) as connection:
        client = Socket(connection, codec)
        said = await client.ask({"id": 1, "connect": {}})
        assert said["connect"]["client"]
        await client.say(
            {"id": 2, "subscribe": {"channel": "a"}}, {"id": 3, "publish": {"channel": "a", "data": [1]}}
        )
        said = await client.take(3)
        assert sorted(message.get("id", 0) for message in said) == [0, 2, 3]
        for number in range(100):
            here.hub.publish("a", number)
        pushes = await client.take(100)
        assert [push["push"]["pub"]["data"] for push in pushes] == list(range(100))
        reply = await client.ask({"id": 4, "unsubscribe": {"channel": "a"}})
        assert list(reply) == ["id", "unsubscribe"]


async def test_closed_with_3000_the_connection_just_ends(ws: str) -> None:
    """As if the network had gone: clients come back, and say so with the code of their own for that."""
    async with doors(OPEN, ws=ws) as here, socket(here) as connection:
        client = Socket(connection, JSON)
        said = await client.ask({"id": 1, "connect": {}})
        here.hub.disconnect(client=said["connect"]["client"], code=3000)
        with pytest.raises(ConnectionClosed) as ended:
            async with asyncio.timeout(DEADLINE):
                await connection.recv()
        assert ended.value.rcvd is None
        await here.settled()


@pytest.mark.parametrize("query", ["?format=protobuf", "?cf_protocol=protobuf"])
async def test_the_query_may_ask_for_protobuf(ws: str, query: str) -> None:
    assert PROTOBUF is not None
    async with doors(OPEN, ws=ws) as here, socket(here, PROTOBUF, query) as connection:
        assert connection.subprotocol is None
        assert (await Socket(connection, PROTOBUF).ask({"id": 1, "connect": {}}))["connect"]


@pytest.mark.parametrize(
    ("offered", "echoed"),
    [
        (["centrifuge-json"], "centrifuge-json"),
        (["unknown", "centrifuge-protobuf"], "centrifuge-protobuf"),
        (["unknown"], None),
        ([], None),
    ],
)
async def test_a_known_subprotocol_is_echoed(ws: str, offered: list[str], echoed: str | None) -> None:
    async with doors(OPEN, ws=ws) as here:
        protocols = [Subprotocol(name) for name in offered] or None
        async with socket(here, query="?x", subprotocols=protocols) as connection:
            assert connection.subprotocol == echoed


async def test_an_empty_subprotocol_header_is_none_on_the_fast_path() -> None:
    async with doors(OPEN, ws=FAST_PATH) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.address.port)
        writer.write(handshake(here.address.host, "/connection/websocket", "Sec-WebSocket-Protocol: "))
        async with asyncio.timeout(DEADLINE):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-protocol" not in head.lower()
        writer.close()
        await writer.wait_closed()


async def test_the_wrong_kind_of_frame_closes_with_3506(ws: str, codec: Codec) -> None:
    async with doors(OPEN, ws=ws) as here, socket(here, codec) as connection:
        await connection.send(b"\x00" if codec.text else "{}")
        assert (await Socket(connection, codec).closed())[0] == 3506


async def test_a_frame_that_is_too_large_closes_with_1009(ws: str) -> None:
    async with doors(OPEN, ws=ws, limits=Limits(message_bytes=1000)) as here, socket(here) as connection:
        client = Socket(connection, JSON)
        await client.ask({"id": 1, "connect": {}})
        await client.say({"id": 2, "publish": {"channel": "a", "data": "x" * 1000}})
        assert (await client.closed())[0] == 1009
        await here.settled()


async def test_a_disconnect_is_a_close_frame_and_no_push(ws: str, codec: Codec) -> None:
    async with doors(OPEN, ws=ws) as here, socket(here, codec) as connection:
        client = Socket(connection, codec)
        id_ = (await client.ask({"id": 1, "connect": {}}))["connect"]["client"]
        here.hub.disconnect(client=id_, code=4500, reason="ä" * 100)
        assert await client.closed() == (4500, "ä" * 61)


async def test_what_was_answered_before_the_close_is_read(ws: str) -> None:
    async with doors(OPEN, ws=ws) as here, socket(here) as connection:
        client = Socket(connection, JSON)
        await client.say(
            {"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": "a"}}, {"id": 3, "subscribe": {}}
        )
        assert [message["id"] for message in await client.take(2)] == [1, 2]
        assert (await client.closed())[0] == 3501
        await here.settled()
        assert await here.hub.presence("a") == {}


async def test_frames_keep_their_order_behind_a_slow_one(ws: str) -> None:
    think = asyncio.Event()
    hub = Hub(channels=OPEN)

    @hub.on_rpc
    async def rpc(event: RpcEvent) -> Any:
        await think.wait()
        return event.data

    async with doors(hub=hub, ws=ws) as here, socket(here) as connection:
        client = Socket(connection, JSON)
        await client.ask({"id": 1, "connect": {}})
        for number in range(2, 100):
            await client.say({"id": number, "rpc": {"data": number}})
        think.set()
        assert [message["rpc"]["data"] for message in await client.take(98)] == list(range(2, 100))


async def test_who_comes_and_goes_leaves_nothing_behind(ws: str) -> None:
    async with doors(OPEN, ws=ws) as here:
        for turn in range(20):
            async with socket(here) as connection:
                client = Socket(connection, JSON)
                await client.say({"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": "a"}})
                if turn % 2:
                    await client.take(2)
        await here.settled()
        assert await here.hub.presence("a") == {}
        assert not here.hub.node.members
        assert here.hub.counters.session_errors == 0


async def test_native_pings_replace_the_applications(ws: str) -> None:
    limits = Limits(ping_interval=0.05, pong_timeout=0.04)  # where the connection is ours to ping
    server = {"ws_ping_interval": 0.05, "ws_ping_timeout": 5.0}
    async with doors(OPEN, ws=ws, server=server, limits=limits) as here:
        peer = await listen(here.address.host, "/connection/websocket?cf_ws_frame_ping_pong=true")
        async with asyncio.timeout(DEADLINE):
            while b"\x89" not in peer._data.partition(b"\r\n\r\n")[2]:
                await asyncio.sleep(0.005)
        peer.transport.abort()
        async with socket(here, query="?cf_ws_frame_ping_pong=true") as connection:
            said = (await Socket(connection, JSON).ask({"id": 1, "connect": {}}))["connect"]
            assert not {"ping", "pong"} & set(said)


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (None, True),
        ("own", True),
        ("https://good.example", True),
        ("https://evil.example", False),
        ("null", False),
    ],
)
@pytest.mark.parametrize("path", ["websocket", "uni_websocket"])
async def test_pages_from_elsewhere_are_refused_before_the_upgrade(
    ws: str, path: str, origin: str | None, welcome: bool
) -> None:
    async with doors(OPEN, ws=ws, origins=["https://good.example"]) as here:
        if origin == "own":
            origin = here.address.http("")
        opening = connect(here.address.ws(f"/connection/{path}"), origin=origin, proxy=None)  # type: ignore[arg-type]
        if welcome:
            async with opening:
                return
        with pytest.raises(InvalidStatus) as caught:
            await opening
        assert caught.value.response.status_code == 403
        assert not here.hub.node.roster


async def test_a_full_hub_answers_503_before_the_upgrade(ws: str) -> None:
    async with doors(OPEN, ws=ws, limits=Limits(connections=1)) as here, socket(here):
        with pytest.raises(InvalidStatus) as caught:
            await socket(here)
        assert caught.value.response.status_code == 503
        assert caught.value.response.headers["retry-after"] == "5"


async def test_a_hook_that_disconnects_gives_the_close_code(ws: str) -> None:
    hub = Hub(channels=OPEN)

    @hub.on_connect
    async def connecting(event: ConnectEvent) -> None:
        raise Disconnect(4501, "not you")

    async with doors(hub=hub, ws=ws) as here, socket(here) as connection:
        client = Socket(connection, JSON)
        await client.say({"id": 1, "connect": {}})
        assert await client.closed() == (4501, "not you")
