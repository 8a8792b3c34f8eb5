"""`/ws`, connections that end in every way there is: nothing of them stays, and nobody else notices."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct
import weakref
from collections.abc import Awaitable, Callable

import pytest

from gapless import ChannelOptions, Hub, Limits
from gapless.sessions.plain import PlainSession

from ..support.serving import Doors
from ..support.sockets import handshake, masked
from ..support.until import DEADLINE, until
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

ROOM = ChannelOptions(history=500, history_bytes=None, presence=True, join_leave=True)

Visit = Callable[[Doors], Awaitable[None]]


async def polite(doors: Doors) -> None:
    async with doors.client("?channel=room&joins=1") as client:
        await client.history("room")


async def by_reset(doors: Doors) -> None:
    async with doors.client("?channel=room&batch=1") as client:
        await client.history("room")
        client.connection.transport.abort()


async def by_command(doors: Doors) -> None:
    async with doors.client() as client:
        await client.ask({"type": "subscribe", "channel": "room", "history": 0})
        await client.say({"type": "unsubscribe", "channel": "room"})


async def paced(doors: Doors) -> None:
    async with doors.client("?channel=room&pace=60000") as client:
        await client.history("room")
        await doors.hub.publish("room", 1)


async def raw(doors: Doors, *steps: tuple[bytes, bytes]) -> None:
    """At each step say the one, and wait for an answer that holds the other; then go without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.address.port)
    for say, answer in steps:
        writer.write(say)
        await writer.drain()
        seen = b""
        async with asyncio.timeout(DEADLINE):
            while answer not in seen:
                piece = await reader.read(65536)
                assert piece, f"it was closed without {answer!r}"
                seen += piece
    linger = struct.pack("ii", 1, 0)  # close with a reset
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def hello(doors: Doors) -> bytes:
    return handshake(doors.address.host, "/ws?channel=room")


CLOSED_1002 = (1002).to_bytes(2)


async def in_the_handshake(doors: Doors) -> None:
    await raw(doors, (hello(doors)[:-10], b""))


async def after_the_handshake(doors: Doors) -> None:
    await raw(doors, (hello(doors), b""))


async def in_the_middle_of_a_frame(doors: Doors) -> None:
    await raw(doors, (hello(doors), b'"history":'), (masked(1, b"ping")[:7], b""))


async def in_the_middle_of_a_message(doors: Doors) -> None:
    unfinished = bytes((0x01, 0x84, 0, 0, 0, 0)) + b'{"ty'
    await raw(doors, (hello(doors), b'"history":'), (unfinished, b""))


async def with_a_bad_frame(doors: Doors) -> None:
    await raw(doors, (hello(doors), b'"history":'), (b"\xf3\x81\0\0\0\0x", CLOSED_1002))


async def unmasked(doors: Doors) -> None:
    await raw(doors, (hello(doors), b'"history":'), (b"\x81\x04ping", CLOSED_1002))


async def refused(doors: Doors) -> None:
    async with doors.client("?channel=room&pace=never") as client:
        await client.closed()


VISITS: list[Visit] = [
    polite,
    by_reset,
    by_command,
    paced,
    in_the_handshake,
    after_the_handshake,
    in_the_middle_of_a_frame,
    in_the_middle_of_a_message,
    with_a_bad_frame,
    unmasked,
    refused,
]


async def test_after_two_hundred_visits_nothing_is_left(
    open_doors: OpenDoors, caplog: pytest.LogCaptureFixture
) -> None:
    hub = Hub(channels={"room": ROOM})
    opened, gone = set[str](), list[str]()

    @hub.on_disconnect
    async def left(event: object) -> None:
        gone.append(event.client.id)  # type: ignore[attr-defined]

    with caplog.at_level(logging.WARNING):
        async with open_doors(hub=hub) as doors:
            async with doors.client("?channel=room&batch=1") as neighbour:
                await neighbour.history("room")
                before = weakref.WeakSet(asyncio.all_tasks())
                for n in range(1, 21):
                    await asyncio.gather(*(VISITS[(10 * n + k) % len(VISITS)](doors) for k in range(10)))
                    opened |= {session.client for session in hub.node.roster}
                    await hub.publish("room", n)
                top = (await hub.history("room", limit=0)).top.offset
                live = await neighbour.live(top)
                assert [item["offset"] for item in live] == list(range(1, top + 1))
                await until(lambda: len(hub.node.roster) == 1)
                await until(lambda: len(hub.node.members) == 1)
                assert hub.stats().subscriptions == 1
                await until(lambda: asyncio.all_tasks() <= set(before))
            await doors.settled()
            assert hub.stats().subscriptions == 0
            await until(lambda: len(gone) == hub.counters.connections)
            assert len(set(gone)) == len(gone), "told once each"
            assert await hub.presence("room") == {}
            await until(lambda: not [*_sessions(hub)], pause=0.5)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR], caplog.text
    assert hub.counters.session_errors == 0


def _sessions(hub: Hub) -> list[PlainSession]:
    """Those of this hub that nothing has freed yet."""
    gc.collect()
    return [found for found in gc.get_objects() if type(found) is PlainSession and found.node is hub.node]


async def test_a_hook_that_is_still_thinking_does_not_hold_a_client_that_left(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"room": ROOM})
    asked, go_on = asyncio.Event(), asyncio.Event()

    @hub.on_subscribe
    async def slow(event: object) -> None:
        asked.set()
        await go_on.wait()

    async with open_doors(hub=hub) as doors:
        async with doors.client("?channel=room") as client:
            await asked.wait()
            client.connection.transport.abort()
        go_on.set()
        await doors.settled()
        assert hub.stats().subscriptions == 0
        assert await hub.presence("room") == {}
        await until(lambda: not [*_sessions(hub)], pause=0.5)


async def test_presence_of_somebody_who_was_thrown_out_while_joining_is_gone_too(
    open_doors: OpenDoors,
) -> None:
    async with open_doors({"*": ROOM}, limits=Limits(subscriptions=100)) as doors:
        query = "&".join(f"channel=room:{n}" for n in range(100))
        for _ in range(5):
            async with doors.client(f"?{query}") as client:
                await client.next()
                for one in list(doors.hub.node.roster):
                    doors.hub.disconnect(client=one.client)
                await client.closed()
        await doors.settled()
        await until(lambda: not doors.hub.node.members)
        for n in range(100):
            assert await doors.hub.presence(f"room:{n}") == {}


async def test_an_idle_connection_has_no_task_that_writes(open_doors: OpenDoors) -> None:
    async with open_doors({"room": ROOM}) as doors, doors.client("?channel=room") as client:
        await client.history("room")
        await client.quiet()
        await until(lambda: not [task for task in asyncio.all_tasks() if "Writer" in repr(task.get_coro())])
