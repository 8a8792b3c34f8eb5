"""Fossil deltas (Centrifuge client protocol, version 2): what a client puts together was published."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from gapless import ChannelOptions, Limits
from gapless.model import Draft
from gapless.protocol.centrifuge import delta
from gapless.protocol.centrifuge.codecs import Codec

from ...support.centrifuge.stage import Message, Peer, Stage, stage
from ...support.until import turns

pytestmark = pytest.mark.anyio

OPTIONS = ChannelOptions(history=100, ring=8, delta=True, delta_publish=True)


def document(number: int) -> dict[str, Any]:
    """Much in common with its neighbours, at another place in each, and letters of more than one byte.

    So a patch is of no use upon any other than the one it was made for.
    """
    recent = [hashlib.sha256(b"%d" % n).hexdigest() + "–ü" for n in range(number, number + 4)]
    return {"number": number, "recent": recent}


class Reader:
    """Applies what it gets to what it had, as an SDK does."""

    def __init__(self, peer: Peer) -> None:
        peer.delta = True
        self.peer = peer
        self.documents: list[Any] = []
        self.patches = 0
        self._base = b""

    def take(self, publications: list[Message]) -> None:
        for publication in publications:
            text = publication["data"]
            assert isinstance(text, str), "in JSON every payload of such a subscription is a text"
            if publication.get("delta"):
                self.patches += 1
                self._base = delta.apply(self._base, text.encode())
            else:
                self._base = text.encode()
            self.documents.append(json.loads(self._base))

    def read(self) -> list[Any]:
        self.take(self.peer.of("a"))
        self.peer.forget()
        return self.documents


async def reader(here: Stage, **asked: Any) -> tuple[Reader, Message]:
    peer = await here.client()
    found = Reader(peer)
    reply = await peer.get("subscribe", channel="a", delta="fossil", **asked)
    assert reply["delta"]
    return found, reply


async def test_the_first_is_whole_and_then_come_patches(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        await here.publish("a", document(0))
        found, _ = await reader(here)
        await here.publish("a", *map(document, range(1, 6)))
        assert found.read() == [document(n) for n in range(1, 6)]
        assert found.patches == 4


async def test_several_in_one_write_are_patches_too(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        found, _ = await reader(here)
        for number in range(6):
            here.hub.publish("a", document(number))
        await turns()
        assert found.read() == [document(n) for n in range(6)]
        assert found.patches == 5


async def test_a_recovery_is_whole_first_and_then_patches(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        await here.publish("a", *map(document, range(5)))
        found, reply = await reader(here, recover=True)
        found.take(reply["publications"])
        assert found.patches == 4
        await here.publish("a", document(5), document(6))
        assert found.read() == [document(n) for n in range(7)]
        assert found.patches >= 5


async def test_a_client_that_lagged_goes_on_with_patches_that_fit(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        found, _ = await reader(here)
        await here.publish("a", document(0), document(1))
        found.peer.stall()
        await here.publish("a", document(2), document(3))
        found.peer.drain()
        await here.publish("a", document(4))
        assert found.read() == [document(n) for n in range(5)]
        assert found.patches == 4


async def test_a_client_that_fell_off_the_ring_goes_on_with_a_whole_one(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        found, _ = await reader(here)
        await here.publish("a", document(0), document(1))
        found.peer.stall()
        await here.publish("a", *map(document, range(2, 40)))
        found.peer.drain()
        await turns(100)
        await here.publish("a", document(40), document(41))
        assert found.read() == [document(n) for n in range(42)]
        assert found.peer.closed is None


async def test_a_recovery_of_more_than_a_reply_goes_on_with_a_whole_one(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}, limits=Limits(recovery_bytes=600)) as here:
        await here.publish("a", *map(document, range(30)))
        found, reply = await reader(here, recover=True)
        assert len(reply["publications"]) < 10
        found.take(reply["publications"])
        await turns(100)
        await here.publish("a", document(30), document(31))
        assert found.read() == [document(n) for n in range(32)]


async def test_entries_without_an_offset_are_bases_like_others(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        found, _ = await reader(here)
        await here.publish("a", document(0))
        await here.publish("a", document(1), skip_history=True)
        await here.publish("a", document(2))
        assert found.read() == [document(n) for n in range(3)]


async def test_an_entry_without_an_offset_from_before_is_no_base_after_a_recovery(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        first, _ = await reader(here)
        await here.publish("a", document(0))
        await here.publish("a", document(99), skip_history=True)
        found, reply = await reader(here, recover=True)
        found.take(reply["publications"])
        await here.publish("a", document(1), document(2))
        assert found.read() == [document(n) for n in range(3)]
        assert first.read() == [document(n) for n in (0, 99, 1, 2)]


async def test_what_a_client_was_left_out_of_is_no_base_for_it(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        found, _ = await reader(here)
        await here.publish("a", document(0))
        await here.publish("a", document(1), exclude=found.peer.id)
        await here.publish("a", document(2), document(3))
        assert found.read() == [document(n) for n in (0, 2, 3)]
        found.documents.clear()
        for number in range(4, 8):
            here.hub.publish("a", document(number), exclude=found.peer.id if number == 5 else None)
        await turns()
        await here.publish("a", document(8))
        assert found.read() == [document(n) for n in (4, 6, 7, 8)]


async def test_what_a_client_was_left_out_of_before_a_recovery_is_no_base_for_it(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        found, _ = await reader(here)
        await here.publish("a", document(0))
        found.read()
        await found.peer.get("unsubscribe", channel="a")
        await here.publish("a", document(1))
        await here.publish("a", document(2), exclude=found.peer.id)
        reply = await found.peer.get("subscribe", channel="a", delta="fossil", recover=True)
        found.documents.clear()
        found.take(reply["publications"])
        await here.publish("a", document(3))
        assert found.read() == [document(n) for n in (0, 1, 3)]


async def test_a_jump_to_the_newest_is_whole(codec: Codec) -> None:
    options = ChannelOptions(history=100, ring=8, delta=True, delta_publish=True, on_gap="latest")
    async with stage(codec, {"*": options}) as here:
        found, _ = await reader(here)
        await here.publish("a", document(0), document(1))
        found.peer.stall()
        await here.publish("a", document(2), document(3), document(4))
        found.peer.drain()
        await here.publish("a", document(5))
        assert found.read() == [document(n) for n in (0, 1, 4, 5)]


async def test_who_did_not_ask_gets_whole_ones(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        found, _ = await reader(here)
        plain = await here.client()
        assert "delta" not in await plain.get("subscribe", channel="a")
        await here.publish("a", document(0), document(1))
        assert plain.data("a") == [document(0), document(1)]
        assert found.read() == [document(0), document(1)]
        history = await plain.get("history", channel="a", limit=-1)
        assert [each["data"] for each in history["publications"]] == [document(0), document(1)]


async def test_where_it_is_not_offered_it_is_not_granted(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=5)}) as here:
        peer = await here.client()
        assert "delta" not in await peer.get("subscribe", channel="a", delta="fossil")
        await here.publish("a", document(0))
        assert peer.data("a") == [document(0)]


async def test_only_what_is_published_for_it_is_patched(codec: Codec) -> None:
    async with stage(codec, {"*": ChannelOptions(history=5, delta=True)}) as here:
        found, _ = await reader(here)
        for number, wanted in enumerate((True, True, False, True)):
            payload = json.dumps(document(number)).encode()
            await here.hub.node.intake.publish("a", Draft(payload, delta=wanted))
            await turns()
        assert found.read() == [document(n) for n in range(4)]
        assert found.patches == 2


async def test_a_patch_that_is_longer_than_the_whole_is_not_sent(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        found, _ = await reader(here)
        await here.publish("a", 1, 2, "drei", 4)
        assert found.read() == [1, 2, "drei", 4]
        assert found.patches == 0


async def test_an_unknown_delta_closes_with_3501(codec: Codec) -> None:
    async with stage(codec, {"*": OPTIONS}) as here:
        peer = await here.client()
        await peer.tell("subscribe", channel="a", delta="other")
        assert peer.closed == 3501
