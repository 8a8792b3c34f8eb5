"""`/ws`, readers that stall: they miss nothing that is kept, are told what is not, and cost nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gapless import ChannelOptions, Limits

from ..support.serving import Doors
from ..support.sockets import frozen, handshake, masked
from ..support.until import until
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

COUNT = 2000
FILLER = "x" * 5000
"""So much in each publication that COUNT of them are more than any socket's buffers take."""


async def publish(doors: Doors, channel: str = "logs", count: int = COUNT) -> None:
    for n in range(1, count + 1):
        await doors.hub.publish(channel, [n, FILLER])


def number(item: Any) -> int:
    """Which publication this is."""
    n: int = item["data"][0]
    return n


@asynccontextmanager
async def beside(doors: Doors) -> AsyncIterator[None]:
    """A client that reads while this lasts; it must have had everything, and promptly."""
    async with doors.client("?channel=logs&batch=1") as client:
        await client.history("logs")
        reading = asyncio.create_task(client.live(COUNT))
        yield
        assert [number(item) for item in await reading] == list(range(1, COUNT + 1))
        await client.quiet()


@pytest.mark.parametrize("query", ["", "&batch=1"])
async def test_a_reader_that_stalls_and_goes_on_gets_every_publication_once(
    open_doors: OpenDoors, query: str
) -> None:
    options = ChannelOptions(history=COUNT, history_bytes=None, ring=64)
    async with open_doors({"logs": options}) as doors, doors.lazy(f"?channel=logs{query}") as client:
        await client.history("logs")
        async with beside(doors):
            await publish(doors)
        items = await client.live(COUNT)
        assert [item["offset"] for item in items] == list(range(1, COUNT + 1))
        assert [number(item) for item in items] == list(range(1, COUNT + 1))
        assert doors.hub.counters.gaps == 0
        await doors.hub.publish("logs", [0, "after"])
        assert number(await client.next()) == 0


async def test_a_reader_that_stalls_within_the_ring_is_never_sent_to_history(open_doors: OpenDoors) -> None:
    options = ChannelOptions(history=COUNT, history_bytes=None, ring=COUNT, ring_bytes=100_000_000)
    async with open_doors({"logs": options}) as doors, doors.lazy("?channel=logs") as client:
        await client.history("logs")
        reads = doors.hub.counters.history_reads
        await publish(doors)
        assert [number(item) for item in await client.live(COUNT)] == list(range(1, COUNT + 1))
        assert doors.hub.counters.history_reads == reads


async def test_what_history_gave_up_meanwhile_is_announced_before_anything_newer(
    open_doors: OpenDoors,
) -> None:
    options = ChannelOptions(history=10, ring=8)
    async with open_doors({"logs": options}) as doors, doors.lazy("?channel=logs") as client:
        (first,) = await client.history("logs")
        await publish(doors)
        expected, gaps = 1, 0
        while expected <= COUNT:
            frame = await client.next()
            if "gap" in frame:
                gap = frame["gap"]
                assert set(gap) == {"from", "to", "reason", "epoch"}
                assert (gap["reason"], gap["epoch"]) == ("trimmed", first["epoch"])
                assert gap["from"] == expected
                assert gap["to"] >= gap["from"]
                expected, gaps = gap["to"] + 1, gaps + 1
            else:
                assert frame["offset"] == expected == number(frame)
                expected += 1
        assert gaps
        assert doors.hub.counters.gaps >= gaps


async def test_latest_skips_to_the_newest_and_says_what_was_skipped(open_doors: OpenDoors) -> None:
    options = ChannelOptions(history=COUNT, history_bytes=None, on_gap="latest")
    async with open_doors({"logs": options}) as doors, doors.lazy("?channel=logs") as client:
        await client.history("logs")
        await publish(doors)
        expected, gaps = 1, []
        while expected <= COUNT:
            frame = await client.next()
            if "gap" in frame:
                assert frame["gap"]["reason"] == "latest"
                assert frame["gap"]["from"] == expected
                expected = frame["gap"]["to"] + 1
                gaps.append(frame["gap"])
            else:
                assert frame["offset"] == expected == number(frame)
                expected += 1
        assert gaps
        assert gaps[-1]["to"] == COUNT - 1, "the newest is what is left"
        assert doors.hub.counters.conflated > 0


async def test_latest_without_history_counts_what_was_skipped(open_doors: OpenDoors) -> None:
    options = ChannelOptions(on_gap="latest", ring=16)
    async with open_doors({"logs": options}) as doors, doors.lazy("?channel=logs") as client:
        await client.history("logs")
        await publish(doors)
        seen, skipped, last = 0, 0, 0
        while last < COUNT:
            frame = await client.next()
            if "gap" in frame:
                gap = frame["gap"]
                assert (gap["from"], gap["to"], gap["reason"]) == (None, None, "latest")
                skipped += gap["count"]
            else:
                seen += 1
                last = number(frame)
                assert last == seen + skipped
        assert skipped


async def test_disconnect_closes_the_slow_with_3008_and_they_resume(open_doors: OpenDoors) -> None:
    options = ChannelOptions(history=10, ring=8, on_gap="disconnect")
    async with open_doors({"logs": options}) as doors:
        async with doors.lazy("?channel=logs") as client:
            (first,) = await client.history("logs")
            await publish(doors)
            code, reason = await client.closed()
            assert (code, reason) == (3008, "slow")
            assert doors.hub.counters.slow_disconnects == 1
        async with doors.client(f"?channel=logs&since=logs@{first['epoch']}:1") as client:
            (frame,) = await client.history("logs")
            assert frame["lost"] == {"from": 2, "to": COUNT - 10}


async def test_publications_without_an_offset_that_were_missed_are_counted(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": ChannelOptions(ring=16)}) as doors, doors.lazy("?channel=logs") as client:
        await client.history("logs")
        await publish(doors)
        seen, missed, last = 0, 0, 0
        while last < COUNT:
            frame = await client.next()
            if "gap" in frame:
                gap = frame["gap"]
                assert (gap["from"], gap["to"], gap["reason"]) == (None, None, "unnumbered")
                missed += gap["count"]
            else:
                seen += 1
                last = number(frame)
                assert last == seen + missed
        assert missed
        assert doors.hub.counters.unnumbered_lost == missed


async def test_a_history_larger_than_the_sockets_buffers_waits_for_its_reader(open_doors: OpenDoors) -> None:
    options = ChannelOptions(history=COUNT + 100, history_bytes=None, ring=64)
    async with open_doors({"logs": options}) as doors:
        await publish(doors)
        async with doors.lazy("?channel=logs") as client:
            await until(lambda: len(doors.hub.node.roster) == 1)
            for n in range(COUNT + 1, COUNT + 101):
                await doors.hub.publish("logs", [n, FILLER])
            frames = await client.history("logs")
            seen = [item["offset"] for frame in frames for item in frame["history"]]
            seen += [item["offset"] for item in await client.live(COUNT + 100 - len(seen))]
            assert seen == list(range(1, COUNT + 101))


# -- clients that never read again


async def test_a_client_that_reads_nothing_is_cut_off_and_leaves_nothing(open_doors: OpenDoors) -> None:
    options = ChannelOptions(history=COUNT, history_bytes=None, ring=64)
    limits = Limits(stall_timeout=0.3, housekeeping=0.1)
    async with open_doors({"logs": options}, limits=limits) as doors:
        host = doors.address.host
        with frozen(host, handshake(host, "/ws?channel=logs")):
            await until(lambda: doors.hub.stats().subscriptions == 1)
            async with beside(doors):
                await publish(doors)
            await until(lambda: doors.hub.counters.stalled == 1)
            await until(lambda: not doors.hub.stats().subscriptions)
            # Whether or not its socket could be aborted, its ASGI call has returned.
            await doors.settled()


async def test_one_large_publication_that_nobody_takes_is_a_stall_too(
    open_doors: OpenDoors,
) -> None:
    """The frame under way is all there is: nothing queues behind it that could tell."""
    limits = Limits(slowest_rate=10**9, stall_timeout=0.3, housekeeping=0.1, server_payload_bytes=32_000_000)
    async with open_doors({"logs": ChannelOptions(ring_bytes=64_000_000)}, limits=limits) as doors:
        host = doors.address.host
        with frozen(host, handshake(host, "/ws?channel=logs")):
            await until(lambda: doors.hub.stats().subscriptions == 1)
            for n in range(2):
                await doors.hub.publish("logs", [n, "x" * 8_000_000])
            await until(lambda: doors.hub.counters.stalled == 1)
            await doors.settled()


async def test_a_large_publication_that_is_taken_slowly_is_no_stall(open_doors: OpenDoors) -> None:
    """Several times the stall timeout goes by until all of it is there."""
    limits = Limits(stall_timeout=0.3, housekeeping=0.1, server_payload_bytes=32_000_000)
    async with open_doors({"logs": ChannelOptions(ring_bytes=64_000_000)}, limits=limits) as doors:
        host = doors.address.host
        with frozen(host, handshake(host, "/ws?channel=logs")) as peer:
            await until(lambda: doors.hub.stats().subscriptions == 1)
            await doors.hub.publish("logs", "x" * 9_000_000)
            await doors.hub.publish("logs", "the end")

            def read() -> None:
                for _ in range(20):
                    peer.recv(65536)
                    time.sleep(0.05)
                last = b""
                while b"the end" not in last:
                    piece = peer.recv(1 << 20)
                    assert piece, "it was cut off"
                    last = (last + piece)[-(1 << 20) :]

            await asyncio.to_thread(read)
            assert doors.hub.counters.stalled == 0
        await doors.settled()


async def test_replies_that_are_not_read_end_the_connection(open_doors: OpenDoors) -> None:
    options = ChannelOptions(history=COUNT, history_bytes=None, ring=64)
    limits = Limits(reply_frames=5, reply_bytes=1000)
    async with open_doors({"logs": options}, limits=limits) as doors:
        host = doors.address.host
        with frozen(host, handshake(host, "/ws?channel=logs")) as peer:
            await until(lambda: doors.hub.stats().subscriptions == 1)
            async with beside(doors):
                await publish(doors)
            peer.sendall(masked(1, b"ping") * 50)
            await until(lambda: doors.hub.counters.slow_replies == 1)
        await doors.settled()


async def test_a_client_that_reads_nothing_cannot_outlive_its_own_close(
    open_doors: OpenDoors,
) -> None:
    """A close frame cannot pass a socket that takes nothing; the connection ends without it."""
    options = ChannelOptions(history=COUNT, history_bytes=None, ring=64)
    async with open_doors({"logs": options}, limits=Limits(close_timeout=0.1)) as doors:
        host = doors.address.host
        with frozen(host, handshake(host, "/ws?channel=logs")):
            await until(lambda: doors.hub.stats().subscriptions == 1)
            async with beside(doors):
                await publish(doors)
            (client,) = doors.hub.node.roster
            assert doors.hub.disconnect(client=client.client) == 1
            await doors.settled()
