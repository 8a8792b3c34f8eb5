"""What one client sends in one go is read in shares, and what it does not finish is not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from websockets.frames import Opcode

from gapless import Limits
from gapless.core.counters import Counters
from gapless.node.inbound import Inbound
from gapless.transports.frames import BadFrame, Message
from gapless.transports.hearing import FRAMES_A_SHARE, Hearing

from ..support.sockets import masked
from ..support.until import until
from ..support.virtual import VirtualLoop

pytestmark = pytest.mark.anyio

MANY = 10 * FRAMES_A_SHARE


class Peer:
    """One client, and what was read of it."""

    def __init__(self, inbound: Inbound, log: list[str], name: str) -> None:
        self.hearing = Hearing(inbound, self, max_bytes=1000)
        self.messages: list[bytes] = []
        self.codes: list[int] = []
        self.backlog: list[bool] = []
        self._log = log
        self._name = name

    def on_frame(self, message: Message) -> None:
        assert message.opcode is Opcode.TEXT
        self.messages.append(message.data)
        self._log.append(self._name)

    def on_bad_frame(self, bad: BadFrame) -> None:
        self.codes.append(bad.code)
        self.hearing.stop()

    def on_backlog(self, waits: bool) -> None:
        self.backlog.append(waits)


def shares(log: list[str]) -> list[tuple[str, int]]:
    """Who was read, and how many frames before the next one's."""
    found: list[tuple[str, int]] = []
    for name in log:
        found = (
            [*found[:-1], (name, found[-1][1] + 1)] if found and found[-1][0] == name else [*found, (name, 1)]
        )
    return found


async def test_two_that_send_much_are_read_in_turns() -> None:
    log: list[str] = []
    inbound = Inbound(Limits(slice_seconds=0.0), Counters())
    peers = [Peer(inbound, log, name) for name in "ab"]
    for peer in peers:
        peer.hearing.hear(masked(1, b"x") * MANY)
    assert len(log) <= FRAMES_A_SHARE, "the first read has its share, and no more"
    assert [peer.backlog[:1] for peer in peers] == [[True], [True]], "no more is read from their sockets"
    await until(lambda: len(log) == 2 * MANY)
    (_, first), *others, _ = shares(log)
    assert first == 2 * FRAMES_A_SHARE, "at once, for there was time, and when its turn had come"
    assert {count for _, count in others} == {FRAMES_A_SHARE}
    await until(lambda: [peer.backlog[-1] for peer in peers] == [False, False])
    assert inbound.used == 0


async def test_what_waits_is_heard_when_there_is_room_for_it_again() -> None:
    inbound = Inbound(Limits(), Counters())
    peer = Peer(inbound, [], "a")
    peer.hearing.pause(True)
    peer.hearing.hear(masked(1, b"one") + masked(1, b"two"))
    assert (peer.messages, inbound.used) == ([], 18)
    peer.hearing.pause(False)
    await until(lambda: peer.messages == [b"one", b"two"])
    assert inbound.used == 0


async def test_what_all_hold_is_bounded_and_the_fullest_goes() -> None:
    inbound = Inbound(Limits(inbound_budget_bytes=1000), Counters())
    small, large, last = (Peer(inbound, [], name) for name in "abc")
    small.hearing.hear(masked(1, b"x" * 400)[:300])
    large.hearing.hear(masked(1, b"x" * 900)[:700])
    assert (inbound.used, inbound.counters.inbound_full) == (1000, 0)
    last.hearing.hear(masked(1, b"x" * 400)[:1])
    assert [peer.codes for peer in (small, large, last)] == [[], [1013], []]
    assert (inbound.used, inbound.counters.inbound_full) == (301, 1)
    for peer in (small, last):
        peer.hearing.stop()
    assert inbound.used == 0


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    with closing(VirtualLoop()) as made:
        yield made


@pytest.mark.parametrize("whole", [masked(1, b"hello"), b"\x01" + masked(1, b"x")[1:] + masked(0, b"y")])
def test_a_message_that_is_never_finished_is_waited_for_only_so_long(loop: VirtualLoop, whole: bytes) -> None:
    async def story() -> None:
        inbound = Inbound(Limits(message_seconds=10.0), Counters())
        peer = Peer(inbound, [], "a")
        for _ in range(3):  # one that takes its time, but ends
            peer.hearing.hear(whole[:8])
            await asyncio.sleep(9.0)
            peer.hearing.hear(whole[8:])
            await asyncio.sleep(9.0)
        assert (len(peer.messages), peer.codes) == (3, [])
        peer.hearing.hear(whole[:8])
        for _ in range(9):
            await asyncio.sleep(1.0)
            peer.hearing.hear(masked(1, b"")[:0])
        assert peer.codes == []
        await asyncio.sleep(1.5)
        assert (peer.codes, inbound.counters.unfinished) == ([1008], 1)

    loop.run_until_complete(story())


def test_empty_continuations_finish_nothing(loop: VirtualLoop) -> None:
    async def story() -> None:
        peer = Peer(Inbound(Limits(message_seconds=10.0), Counters()), [], "a")
        peer.hearing.hear(b"\x01" + masked(1, b"x")[1:])
        for _ in range(11):
            await asyncio.sleep(1.0)
            peer.hearing.hear(b"\x00" + masked(0, b"")[1:])
        assert peer.codes == [1008]

    loop.run_until_complete(story())


async def test_nothing_is_read_behind_what_was_wrong() -> None:
    peer = Peer(Inbound(Limits(), Counters()), [], "a")
    peer.hearing.hear(masked(1, b"one") + b"\xff" + masked(1, b"two"))
    assert (peer.messages, peer.codes) == ([b"one"], [1002])
