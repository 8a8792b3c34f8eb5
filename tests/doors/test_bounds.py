"""Each bound that can be met at a door, tried there at the limit and one past it, on every such door.

A row of `BOUNDS` names its doors; whoever adds one finds here that a try is missing, or one too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from websockets.exceptions import ConnectionClosed

from gapless import ChannelOptions, Limits
from gapless.core.bounds import BOUNDS, Where
from gapless.model import Member

from ..support.serving import FAST_PATH, PLAIN_ASGI, Doors, doors
from ..support.sockets import Client, connected, handshake, masked
from ..support.until import DEADLINE, until
from ..support.visits import Wish, ways
from ..support.voices import SOCKETS, STREAMS, Closed, Speak, Voice
from .test_bounds_ends import TRIED as ENDS

pytestmark = pytest.mark.anyio

OPEN = ChannelOptions(history=100, presence=True, client_publish=True, outside_publish=True)
CHANNELS = {"*": OPEN, "strict": replace(OPEN, any_bytes=False)}
PROTOCOLS = {"asgi": PLAIN_ASGI, "fast": FAST_PATH}


Attempt = Callable[[Voice], Awaitable[int]]


class Commands(NamedTuple):
    """A bound on commands: with these limits `at` goes through, and `past` has this code."""

    limits: Limits
    at: Attempt
    past: Attempt
    code: int
    before: Callable[[Doors], Awaitable[object]] | None = None


def one(name: str, **fields: Any) -> Attempt:
    return lambda voice: voice.do(name, **fields)


def many(count: int, name: str, **fields: Any) -> Attempt:
    """The last of so many; where the channel is left out, each has another."""

    async def attempt(voice: Voice) -> int:
        code = 0
        for number in range(count):
            code = await voice.do(name, **{"channel": f"c{number}", **fields})
        return code

    return attempt


def subscribing(count: int) -> Attempt:
    """A subscription more, after leaving: only what is at once counts."""

    async def attempt(voice: Voice) -> int:
        code = 0
        for _ in range(count):
            code = await voice.do("subscribe", channel="c")
            await voice.do("unsubscribe", channel="c")
        return code

    return attempt


async def another_member(here: Doors) -> None:
    """Of `two`; in `one` there is only who asks."""
    await here.hub.node.presence.join("two", Member("a"), announce=False)


def publishing(shaped: Callable[[int], Any], size: int, *, wrapped: bool = False) -> Attempt:
    """A publication of that shape and size; `wrapped` counts what its door puts around.

    Where a channel takes any bytes, Protobuf carries what is beyond as such.
    """
    return lambda voice: voice.do(
        "publish", channel="strict", data=shaped(size - voice.wraps if wrapped else size)
    )


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


def wide(members: int) -> dict[str, int]:
    return {str(number): 1 for number in range(members)}


COMMANDS: dict[str, Commands] = {
    "json_depth": Commands(
        Limits(json_depth=5), publishing(nested, 5, wrapped=True), publishing(nested, 6, wrapped=True), 107
    ),
    # As many as the largest command of any door has itself.
    "json_members": Commands(Limits(json_members=20), publishing(wide, 20), publishing(wide, 21), 107),
    "json_digits": Commands(
        Limits(json_digits=12),
        publishing(lambda size: 10 ** (size - 1), 12),
        publishing(lambda size: 10 ** (size - 1), 13),
        107,
    ),
    "channel_bytes": Commands(
        Limits(channel_bytes=5), one("subscribe", channel="12345"), one("subscribe", channel="1234ü"), 107
    ),
    "client_payload_bytes": Commands(
        Limits(client_payload_bytes=100),
        one("publish", channel="c", data="x" * 98),
        one("publish", channel="c", data="x" * 99),
        107,
    ),
    "subscriptions": Commands(Limits(subscriptions=3), many(3, "subscribe"), many(4, "subscribe"), 106),
    "address_subscriptions": Commands(
        Limits(address_subscriptions=3), many(3, "subscribe"), many(4, "subscribe"), 106
    ),
    "subscribe_burst": Commands(
        Limits(subscribe_burst=3, subscribe_rate=0.001), subscribing(3), subscribing(4), 111
    ),
    "subscribe_rate": Commands(
        Limits(subscribe_burst=1, subscribe_rate=0.001), subscribing(1), subscribing(2), 111
    ),
    "publish_burst": Commands(
        Limits(publish_burst=3, publish_rate=0.001),
        many(3, "publish", data=1),
        many(4, "publish", data=1),
        111,
    ),
    "publish_rate": Commands(
        Limits(publish_burst=1, publish_rate=0.001),
        many(1, "publish", data=1),
        many(2, "publish", data=1),
        111,
    ),
    "read_burst": Commands(
        Limits(read_burst=3, read_rate=0.001), many(3, "presence"), many(4, "presence"), 111
    ),
    "read_rate": Commands(
        Limits(read_burst=1, read_rate=0.001), many(1, "presence"), many(2, "presence"), 111
    ),
    "presence_members": Commands(
        Limits(presence_members=1),
        many(1, "presence", channel="one"),
        many(1, "presence", channel="two"),
        106,
        before=another_member,
    ),
}
"""By option. What is one past is refused by itself: the connection goes on."""

READS = ("read_burst", "read_rate", "presence_members")
"""Of a channel that one has to be in."""

VOICES: dict[str, tuple[Speak, str]] = {
    **{
        f"{name}-{protocol}": (speak, ws)
        for name, speak in SOCKETS.items()
        for protocol, ws in PROTOCOLS.items()
    },
    **{name: (speak, PLAIN_ASGI) for name, speak in STREAMS.items()},
}


@pytest.mark.parametrize("option", COMMANDS)
@pytest.mark.parametrize("voice", VOICES)
async def test_a_command_at_the_bound_is_done_and_one_past_it_refused(option: str, voice: str) -> None:
    limits, at, past, code, before = COMMANDS[option]
    speak, ws = VOICES[voice]
    counter = counter_of(option)
    async with doors(CHANNELS, limits=limits, ws=ws) as here:
        if before is not None:
            await before(here)
        for attempt, wanted in ((at, 0), (past, code)):
            counted = count(here, counter)
            async with speak(here) as client:
                if option in READS:
                    for channel in ("c0", "c1", "c2", "c3", "one", "two"):
                        await client.do("subscribe", channel=channel)
                assert await attempt(client) == wanted
                assert (count(here, counter) - counted > 0) is (wanted != 0), counter
                assert await client.do("unsubscribe", channel="c") == 0, "it goes on"
            await here.settled()


def counter_of(option: str) -> str:
    return next(bound.counter for bound in BOUNDS if bound.option == option)


def count(here: Doors, counter: str) -> int:
    found: int = getattr(here.hub.counters, counter)
    return found


# -- what makes a client wait


SLOWER = {
    "commands": Limits(commands=1000.0, commands_burst=1),
    "commands_burst": Limits(commands=1000.0, commands_burst=3),
}


@pytest.mark.parametrize("option", SLOWER)
@pytest.mark.parametrize("voice", VOICES)
async def test_commands_that_come_too_fast_are_all_done_a_little_later(option: str, voice: str) -> None:
    speak, ws = VOICES[voice]
    async with doors(CHANNELS, limits=SLOWER[option], ws=ws) as here:
        async with speak(here) as client:
            numbers = range(2000, 2050)
            for number in numbers:  # without waiting for the answers: so fast is nobody's rate
                await client.say(client.command(number, "unsubscribe", {"channel": "c"}))
            async with asyncio.timeout(DEADLINE):
                answered = [(await client.hear())["id"] for _ in numbers]
        assert answered == list(numbers)
        if "http" not in voice and "sse" not in voice:  # each post is a request, and may take its time
            assert here.hub.counters.rate_limited > 0


# -- what a client says, whatever it is


SOCKET_PATHS = (
    "/ws",
    "/connection/websocket",
    "/connection/websocket?format=protobuf",
    "/connection/uni_websocket",
)


@pytest.mark.parametrize("path", SOCKET_PATHS)
@pytest.mark.parametrize("ws", PROTOCOLS.values(), ids=PROTOCOLS)
async def test_a_message_at_its_bound_is_read_and_one_byte_more_is_1009(path: str, ws: str) -> None:
    first = b"\0" if "protobuf" in path else b" "
    for size, too_large in ((500, False), (501, True)):
        # uvicorn's own bound is the hub's as well, as `gapless serve` and the how-to set it.
        server = {"ws_max_size": 500}
        async with doors(CHANNELS, limits=Limits(message_bytes=500), ws=ws, server=server) as here:
            async with connected(here.address.ws(path)) as client:
                said = first * size
                await client.connection.send(said if "protobuf" in path else said.decode())
                assert (await answered(client) == 1009) is too_large
            if ws == FAST_PATH:
                assert here.hub.counters.oversized == too_large


async def answered(client: Client) -> int:
    """The code that it is closed with; 0 for any other answer."""
    try:
        async with asyncio.timeout(DEADLINE):
            await client.connection.recv()
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return closed.rcvd.code
    return 0


async def closed_with(here: Doors, path: str, *frames: bytes) -> int:
    """The code that a bare socket is closed with; 0 where it is not, which a ping finds out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", here.address.port)
    try:
        writer.write(handshake(here.address.host, path))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        for frame in frames:
            writer.write(frame)
        writer.write(masked(9, b"still here?"))
        async with asyncio.timeout(DEADLINE):
            while True:
                first, size = await reader.readexactly(2)
                payload = await reader.readexactly(size)
                if first == 0x88:
                    return int.from_bytes(payload[:2])
                if first == 0x8A and payload == b"still here?":
                    return 0
    finally:
        writer.close()


def pieces(count: int) -> list[bytes]:
    """A message of so many frames that no door minds."""
    begin, rest = masked(1, b" "), masked(0, b" ")
    parts = [begin, *[rest] * (count - 1)]
    return [bytes((part[0] & 0x7F,)) + part[1:] if at < count - 1 else part for at, part in enumerate(parts)]


FRAMES: dict[str, tuple[Limits, list[bytes], list[bytes], int]] = {
    "message_frames": (Limits(message_frames=3), pieces(4)[:3], [*pieces(4)[:3], pieces(5)[1]], 1009),
    "message_seconds": (Limits(message_seconds=0.05), [], pieces(2)[:1], 1008),
    # The ping at the end is one more.
    "control_burst": (
        Limits(control_burst=3, control_rate=0.001),
        [masked(9, b"")] * 2,
        [masked(9, b"")] * 3,
        1008,
    ),
    "control_rate": (Limits(control_burst=1, control_rate=0.001), [], [masked(10, b"")], 1008),
}


@pytest.mark.parametrize("option", FRAMES)
@pytest.mark.parametrize("path", SOCKET_PATHS)
async def test_frames_at_the_bound_are_read_and_one_past_it_is_the_end(option: str, path: str) -> None:
    limits, at, past, code = FRAMES[option]
    counter = counter_of(option)
    async with doors(CHANNELS, limits=limits, ws=FAST_PATH) as here:
        assert await closed_with(here, path, *at) == 0
        assert count(here, counter) == 0
        if option == "message_seconds":
            assert await closed_with_in_time(here, path, *past) == code
        else:
            assert await closed_with(here, path, *past) == code
        assert count(here, counter) == 1
        await here.settled()


async def closed_with_in_time(here: Doors, path: str, *frames: bytes) -> int:
    """As `closed_with`, of one that says nothing more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", here.address.port)
    try:
        writer.write(handshake(here.address.host, path))
        await reader.readuntil(b"\r\n\r\n")
        writer.writelines(frames)
        async with asyncio.timeout(DEADLINE):
            _, size = await reader.readexactly(2)
            return int.from_bytes((await reader.readexactly(size))[:2])
    finally:
        writer.close()


PACED = {
    "inbound_burst": Limits(inbound_rate=2000, inbound_burst=1000),
    "inbound_rate": Limits(inbound_rate=1000, inbound_burst=1000),
}


@pytest.mark.parametrize("option", PACED)
@pytest.mark.parametrize("ws", PROTOCOLS.values(), ids=PROTOCOLS)
@pytest.mark.parametrize("name", SOCKETS)
async def test_bytes_within_the_burst_do_not_wait_and_more_do(option: str, ws: str, name: str) -> None:
    long = "x" * 400
    for count_, waits in ((2, False), (4, True)):
        async with doors(CHANNELS, limits=PACED[option], ws=ws) as here, SOCKETS[name](here) as client:
            for number in range(count_):
                await client.say(client.command(1000 + number, "publish", {"channel": "c", "data": long}))
            async with asyncio.timeout(DEADLINE):
                for number in range(count_):
                    assert (await client.hear())["id"] == 1000 + number
            assert (here.hub.counters.inbound_waits > 0) is waits


# -- who comes in


@pytest.mark.parametrize("ws", PROTOCOLS.values(), ids=PROTOCOLS)
@pytest.mark.parametrize("way", ways())
async def test_so_many_connections_and_one_more_is_refused(ws: str, way: str) -> None:
    _, come = ways()[way]
    async with doors(CHANNELS, limits=Limits(connections=1), ws=ws) as here, come(here, Wish()) as first:
        assert first.refusal is None
        async with come(here, Wish()) as second:
            assert second.refusal in ("full", "later")
        assert here.hub.counters.refused_connections == 1


# -- what is posted


async def test_commands_that_are_posted_at_their_bound_and_one_byte_more() -> None:
    async with doors(CHANNELS, limits=Limits(message_bytes=500)) as here:
        for speak in STREAMS.values():
            async with speak(here) as client:
                room = 500 - len('{"id":2,"unsubscribe":{"channel":""}}') - 40
                assert await client.do("unsubscribe", channel="x" * (room // 2)) in (0, 107)
                with pytest.raises(Closed) as refused:
                    await client.do("unsubscribe", channel="x" * 501)
                assert refused.value.code == 413


class Post(NamedTuple):
    """A bound on calls: with these limits the first body is taken, and the second has this code or status."""

    limits: Limits
    path: str
    at: Any
    past: Any
    code: int


def said(data: Any, channel: str = "c") -> dict[str, Any]:
    return {"channel": channel, "data": data}


POSTS: dict[tuple[str, Where], Post] = {
    ("channel_bytes", Where.API): Post(
        Limits(channel_bytes=5), "/api/publish", said(1, "12345"), said(1, "123456"), 107
    ),
    ("channel_bytes", Where.INGEST): Post(Limits(channel_bytes=5), "/ingest/{}", [1], [1], 422),
    ("server_payload_bytes", Where.API): Post(
        Limits(server_payload_bytes=100), "/api/publish", said("x" * 98), said("x" * 99), 107
    ),
    ("server_payload_bytes", Where.INGEST): Post(
        Limits(server_payload_bytes=100), "/ingest/c", ["x" * 98], ["x" * 99], 422
    ),
    ("ingest_bytes", Where.INGEST): Post(Limits(ingest_bytes=100), "/ingest/c", "x" * 98, "x" * 99, 413),
    ("ingest_rows", Where.INGEST): Post(Limits(ingest_rows=3), "/ingest/c", [1, 2, 3], [1, 2, 3, 4], 413),
    ("json_depth", Where.API): Post(
        Limits(json_depth=5), "/api/publish", said(nested(4)), said(nested(5)), 400
    ),
    ("json_depth", Where.INGEST): Post(Limits(json_depth=5), "/ingest/c", [nested(5)], [nested(6)], 422),
    ("json_members", Where.API): Post(
        Limits(json_members=3),
        "/api/publish",
        said({"a": 1, "b": 1, "c": 1}),
        said(dict.fromkeys("abcd", 1)),
        400,
    ),
    ("json_digits", Where.API): Post(Limits(json_digits=5), "/api/publish", said(12345), said(123456), 400),
    ("body_containers", Where.API): Post(
        Limits(body_containers=5), "/api/publish", said([[], [{}]]), said([[], [{}, {}]]), 400
    ),
    ("body_containers", Where.INGEST): Post(
        Limits(body_containers=4), "/ingest/c", [[[], [{}]]] * 2, [1, [[], [{}, {}]]], 422
    ),
    ("body_bytes", Where.API): Post(
        Limits(body_bytes=100), "/api/publish", said("x" * (100 - 25)), said("x" * (101 - 25)), 413
    ),
    ("broadcast_channels", Where.API): Post(
        Limits(broadcast_channels=2),
        "/api/broadcast",
        {"channels": ["a", "b"], "data": 1},
        {"channels": ["a", "b", "c"], "data": 1},
        107,
    ),
    ("batch_commands", Where.API): Post(
        Limits(batch_commands=2),
        "/api/batch",
        {"commands": [{"publish": said(1)}] * 2},
        {"commands": [{"publish": said(1)}] * 3},
        107,
    ),
}


@pytest.mark.parametrize("row", POSTS, ids=lambda row: f"{row[0]}-{row[1].name.lower()}")
async def test_a_call_at_the_bound_is_done_and_one_past_it_refused(row: tuple[str, Where]) -> None:
    limits, path, at, past, code = POSTS[row]
    async with doors(CHANNELS, limits=limits, open_api=True) as here:
        assert await posted(here, path.format("12345"), at) == 0
        assert here.hub.counters.api_refused == 0
        assert await posted(here, path.format("123456"), past) == code
        assert here.hub.counters.api_refused == 1


async def posted(here: Doors, path: str, body: Any) -> int:
    answer = await here.http.post(path, json=body)
    if answer.status_code not in (200, 202):
        return answer.status_code
    error = answer.json().get("error", {})
    return int(error.get("code", 0))


async def test_a_body_that_does_not_come_in_time_is_408() -> None:
    async with doors(CHANNELS, limits=Limits(body_seconds=0.05), open_api=True) as here:

        async def slow() -> Any:
            yield b"{"
            await until(lambda: here.hub.counters.api_refused == 1, "the hub has waited enough")

        answer = await here.http.post(
            "/api/info", content=slow(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 408
        assert await posted(here, "/api/info", {}) == 0


# -- the table


TRIED: set[tuple[str, Where]] = {
    *((option, Where.COMMANDS) for option in (*COMMANDS, *SLOWER)),
    *ENDS,
    *((option, Where.FAST) for option in FRAMES),
    *((option, Where.SOCKETS) for option in (*PACED, "message_bytes")),
    *((option, Where.ENTRANCE) for option in ("connections", "user_connections", "address_connections")),
    ("message_bytes", Where.POSTS),
    ("body_seconds", Where.API),
    *POSTS,
}
"""`user_connections` by tests/doors/test_access_matrix.py, `address_connections` by
tests/doors/test_addresses.py, on all the same ways."""


def test_each_row_is_tried_on_each_of_its_doors() -> None:
    assert {(bound.option, where) for bound in BOUNDS for where in bound.where} == TRIED
