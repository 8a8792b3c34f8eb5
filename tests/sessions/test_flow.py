"""What an outlet takes, and when: room, pace, stall, and whose turn it is."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from gapless import Disconnect, Hub, Limits
from gapless.core.channel import Channel
from gapless.node.node import Node
from gapless.sessions.flow import Flow

from ..core.making import BytesView, channel_of, ring_of
from ..support.outlet import FakeOutlet
from ..support.virtual import VirtualLoop


class Reader:
    """Has chunks to write; notes when it was told to lag."""

    def __init__(self, *chunks: bytes) -> None:
        self.view: Any = BytesView()
        self.channel: Channel | None = channel_of(ring_of(1))
        self.chunks = list(chunks)
        self.lagged = 0

    @property
    def pending(self) -> bool:
        return bool(self.chunks)

    def next_chunk(self) -> tuple[Any, int] | None:
        if not self.chunks:
            return None
        chunk = self.chunks.pop(0)
        return [chunk], len(chunk)

    def lag(self) -> None:
        self.lagged += 1


class Joining(BytesView):
    """Chunks of the fake outlet are lists of frames."""

    def concat(self, chunks: list[Any]) -> Any:
        return [frame for chunk in chunks for frame in chunk]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.end()


@pytest.fixture
def node(loop: VirtualLoop) -> Iterator[Node]:
    hub = Hub(limits=Limits(flush_bytes=10, stall_timeout=10.0))
    loop.run(hub.start())
    yield hub.node
    loop.run(hub.close())


def flow_of(node: Node, *readers: Reader, pace: float = 0.0) -> tuple[Flow, FakeOutlet]:
    outlet = FakeOutlet()
    for reader in readers:
        reader.view = Joining()
    return Flow(node, outlet, {str(at): reader for at, reader in enumerate(readers)}, pace=pace), outlet


class TestFlushing:
    def test_what_several_have_goes_out_in_one_push(self, node: Node) -> None:
        flow, outlet = flow_of(node, Reader(b"ab"), Reader(), Reader(b"cd"))
        flow.flush()
        assert (outlet.frames, outlet.writes) == ([b"ab", b"cd"], 1)

    def test_nothing_is_no_push(self, node: Node) -> None:
        flow, outlet = flow_of(node, Reader())
        flow.flush()
        assert outlet.writes == 0

    def test_without_room_they_lag_and_keep_what_they_have(self, node: Node) -> None:
        reader = Reader(b"ab")
        flow, outlet = flow_of(node, reader)
        outlet.stall()
        outlet.room = False
        flow.flush()
        assert (reader.lagged, reader.chunks, outlet.writes) == (1, [b"ab"], 0)

    def test_beyond_the_bound_the_rest_lags_and_has_its_turn_next(
        self, loop: VirtualLoop, node: Node
    ) -> None:
        first, second = Reader(b"0123456789"), Reader(b"later")
        flow, outlet = flow_of(node, first, second)
        flow.flush()
        assert (outlet.frames, second.lagged) == ([b"0123456789"], 1)
        flow.flush()
        assert outlet.frames == [b"0123456789", b"later"]

    def test_one_that_ends_the_connection_has_the_last_word(self, node: Node) -> None:
        first, second = Reader(b"never"), Reader(b"seen")
        flow, outlet = flow_of(node, first, second)

        def ends() -> None:
            flow.end(Disconnect(3008))

        second.next_chunk = lambda: ends()  # type: ignore[method-assign]
        flow.flush()
        assert outlet.frames == []


class Page:
    """Something large that whoever waits for room has at hand."""


class TestTheEnd:
    def test_who_waits_learns_why_and_leaves_nothing_for_the_garbage_collector(
        self, loop: VirtualLoop, node: Node
    ) -> None:
        flow, outlet = flow_of(node)
        outlet.room = False
        pages: list[weakref.ref[Page]] = []

        async def wait() -> None:
            page = Page()
            pages.append(weakref.ref(page))
            await flow.until_room()

        async def until_the_end() -> str:
            try:
                await wait()
            except Disconnect as disconnect:
                flow.end(disconnect)  # as whoever attends to the session does with what ends it
                return str(disconnect)
            return ""

        gc.disable()
        try:
            waiting = [loop.create_task(until_the_end()) for _ in range(2)]
            loop.settle()
            flow.end(Disconnect(3008, "why"))
            loop.settle()
            assert [task.result() for task in waiting] == ["3008: why"] * 2
            del waiting
            loop.settle()
            assert [page() for page in pages] == [None, None]
        finally:
            gc.enable()
        assert flow.closed is not None
        assert flow.closed.__traceback__ is None


class TestPace:
    def test_pushes_are_at_least_that_far_apart(self, loop: VirtualLoop, node: Node) -> None:
        reader = Reader()
        flow, outlet = flow_of(node, reader, pace=0.05)
        for chunk in (b"1", b"2", b"3"):
            reader.chunks.append(chunk)
            flow.flush()
        assert (outlet.frames, flow.room) == ([b"1"], False)
        reader.chunks = [b"2"]
        loop.advance(0.06)
        assert outlet.frames == [b"1", b"2"]
        reader.chunks = [b"3"]
        loop.advance(0.06)
        assert outlet.frames == [b"1", b"2", b"3"]

    def test_what_one_push_does_not_hold_goes_on_as_soon_as_there_is_room(
        self, loop: VirtualLoop, node: Node
    ) -> None:
        reader = Reader(b"1" * 10, b"2" * 10, b"3")
        flow, outlet = flow_of(node, reader, pace=60.0)
        flow.flush()
        assert (outlet.writes, flow.resting) == (1, False)
        flow.on_room()
        assert (outlet.writes, flow.resting) == (2, False)
        flow.on_room()
        assert (outlet.writes, flow.resting) == (3, True)
        reader.chunks = [b"4"]
        flow.on_room()
        assert outlet.writes == 3

    def test_a_page_of_history_is_followed_by_the_next_without_a_rest(self, node: Node) -> None:
        flow, outlet = flow_of(node, Reader(), pace=60.0)
        flow.push([b"page"], 4, rests=False)
        assert (outlet.frames, flow.room) == ([b"page"], True)

    def test_who_rests_when_it_ends_does_not_wake_again(self, loop: VirtualLoop, node: Node) -> None:
        reader = Reader(b"1")
        flow, outlet = flow_of(node, reader, pace=0.05)
        flow.flush()
        reader.chunks = [b"2"]
        flow.end(Disconnect(3000))
        loop.advance(1.0)
        assert outlet.frames == [b"1"]

    def test_a_push_that_finds_the_connection_broken_waits_for_no_rest(self, node: Node) -> None:
        flow, outlet = flow_of(node, pace=60.0)
        outlet.on_frame = lambda frame: flow.end(Disconnect(3000))
        flow.push([b"x"], 1)
        assert not flow.resting


class TestWaiting:
    def test_one_waits_at_a_time_and_history_goes_before_what_lags(
        self, loop: VirtualLoop, node: Node
    ) -> None:
        reader = Reader(b"live")
        flow, outlet = flow_of(node, reader)
        order: list[str] = []

        async def page(name: str) -> None:
            await flow.until_room()
            order.append(name)
            outlet.room = False

        outlet.room = False
        pages = [loop.create_task(page("first")), loop.create_task(page("second"))]
        loop.settle()
        for expected in (["first"], ["first", "second"]):
            outlet.room = True
            flow.on_room()
            loop.settle()
            assert (order, outlet.frames) == (expected, [])
        outlet.room = True
        flow.on_room()
        assert outlet.frames == [b"live"]
        assert all(page.done() for page in pages)

    def test_what_was_promised_to_one_is_not_taken_by_another(self, loop: VirtualLoop, node: Node) -> None:
        """A channel that is delivered between the word that there is room and the turn of who heard it."""
        hot = Reader(b"hot", b"hotter")
        flow, outlet = flow_of(node, hot)
        outlet.room = False
        waiting = loop.create_task(flow.until_room())
        loop.settle()
        outlet.room = True
        flow.on_room()
        flow.flush()
        assert (outlet.frames, hot.lagged, flow.room) == ([], 1, False)
        loop.settle()
        assert waiting.done()
        assert outlet.frames == [b"hot"], "what it left of the room is the others'"

    def test_a_promise_ends_with_who_had_it(self, loop: VirtualLoop, node: Node) -> None:
        flow, outlet = flow_of(node)
        outlet.room = False
        waiting = loop.create_task(flow.until_room())
        loop.settle()
        outlet.room = True
        flow.on_room()
        waiting.cancel()
        loop.settle()
        assert flow.room

    def test_who_waits_when_it_ends_learns_why(self, loop: VirtualLoop, node: Node) -> None:
        flow, outlet = flow_of(node)
        outlet.room = False
        waiting = loop.create_task(flow.until_room())
        loop.settle()
        flow.end(Disconnect(3008))
        loop.settle()
        with pytest.raises(Disconnect) as ended:
            waiting.result()
        assert ended.value.code == 3008

    def test_after_the_end_nobody_may_wait(self, loop: VirtualLoop, node: Node) -> None:
        flow, _ = flow_of(node)
        flow.end(Disconnect(3000))
        with pytest.raises(Disconnect):
            loop.run(flow.until_room())


class TestStall:
    def test_who_takes_nothing_of_what_waits_is_stalled(self, loop: VirtualLoop, node: Node) -> None:
        flow, outlet = flow_of(node)
        outlet.stall()
        outlet.reply(b"unread")
        begun = loop.time()
        assert not flow.is_stalled(begun)
        assert not flow.is_stalled(begun + 9.9)
        assert flow.is_stalled(begun + 10.1)

    def test_who_moves_is_not(self, loop: VirtualLoop, node: Node) -> None:
        flow, outlet = flow_of(node)
        outlet.stall()
        outlet.reply(b"unread")
        begun = loop.time()
        for seconds in range(0, 60, 6):
            outlet.frames_sent += 1
            assert not flow.is_stalled(begun + seconds)

    def test_a_number_that_falls_is_no_progress(self, loop: VirtualLoop, node: Node) -> None:
        flow, outlet = flow_of(node)
        outlet.stall()
        outlet.reply(b"unread")
        outlet.frames_sent = 100
        begun = loop.time()
        assert not flow.is_stalled(begun)
        for seconds in range(1, 10):
            outlet.frames_sent -= 1
            assert not flow.is_stalled(begun + seconds)
        assert flow.is_stalled(begun + 10.1)

    def test_who_has_nothing_to_read_is_not(self, loop: VirtualLoop, node: Node) -> None:
        flow, _ = flow_of(node)
        assert not any(flow.is_stalled(loop.time() + seconds) for seconds in (0, 100, 1000))


def test_a_waiter_that_was_cancelled_takes_no_turn_away(loop: VirtualLoop, node: Node) -> None:
    flow, outlet = flow_of(node)
    outlet.room = False
    first, second = (loop.create_task(flow.until_room()) for _ in range(2))
    loop.settle()
    first.cancel()
    loop.settle()
    outlet.room = True
    flow.on_room()
    loop.run(asyncio.wait_for(second, 1.0))
    assert first.cancelled()
