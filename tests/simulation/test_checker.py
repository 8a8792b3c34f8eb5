"""The checker goes red: every fault that could be silent is planted once, in the real objects.

A checker that was never red proves nothing. Each fault is planted into an otherwise ordinary
story (publish, lose, stall, reconnect, restart) by wrapping one object; the same story without
a fault is green.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gapless import ChannelOptions, Limits, Position, Publication
from gapless.brokers.base import Settle
from gapless.core.cursor import Cursor, Lost
from gapless.core.log import Ring
from gapless.model import Draft, History
from gapless.node.repair import Repair

from ..support.broker import FakeBroker, Stream
from ..support.checker import Checker, Seen, Told
from ..support.clients import PlainClient
from ..support.world import World

CHANNEL = "a"

Plant = Callable[[World, pytest.MonkeyPatch], None]


@pytest.fixture
def world() -> Iterator[World]:
    world = World({CHANNEL: ChannelOptions(history=8, ring=3)}, limits=Limits(flush_bytes=60))
    world.plain("reader", CHANNEL, history=0)
    world.plain("eager", CHANNEL, eager=True, history=0)
    world.listener("listener", CHANNEL)
    for reader in world.readers:
        world.connect(reader)
    world.loop.settle()
    yield world
    world.close()


def tell_the_story(world: World) -> None:
    """Everything that a promise is about happens at least once."""
    broker, loop = world.broker, world.loop
    for _ in range(4):
        world.publish(CHANNEL)
        loop.settle()
    broker.held = True
    for _ in range(3):
        world.publish(CHANNEL)
    broker.lose(0)
    broker.deliver_all()
    loop.settle()
    broker.held = False
    for reader in world.readers:
        reader.stall()
    for _ in range(6):
        world.publish(CHANNEL)
        loop.settle()
    for reader in world.readers:
        reader.drain()
    loop.settle()
    for reader in world.readers:
        reader.drop()
    loop.settle()
    for _ in range(2):
        world.publish(CHANNEL)
    for reader in world.readers:
        world.connect(reader)
    loop.settle()
    world.hub.publish(CHANNEL, "once", idempotency_key="k")
    world.hub.publish(CHANNEL, "once", idempotency_key="k")
    loop.settle()
    broker.restart_older(CHANNEL, 2)
    for _ in range(3):
        world.publish(CHANNEL)
        loop.settle()
    world.heal()
    for reader in world.readers:
        world.reaches(reader.name, CHANNEL)
    broker.check_history(CHANNEL)


# -- the faults


def nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No fault: the story is green."""


def skip_one_push(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _tamper_with_frames(world, 2, lambda frames: [])


def swap_two(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []

    def swap(frames: list[str]) -> list[str]:
        if not held:
            held.extend(frames)
            return []
        return frames + held

    _tamper_with_frames(world, 2, swap, times=2)


def repeat_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _tamper_with_frames(world, 2, lambda frames: frames + frames)


def change_a_payload(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _tamper_with_frames(world, 2, lambda frames: [f.replace('"data":', '"data":9') for f in frames])


def acknowledge_before_it_is_stored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publish = world.broker.publish

    def hasty(channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        stream = world.broker.stream(channel)
        world.checker.acknowledged(channel, Position(stream.top + 1, stream.epoch), draft.payload)
        publish(channel, draft, options, settle)

    monkeypatch.setattr(world.broker, "publish", hasty)


def acknowledge_without_storing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 3

    def forgetful(channel: str, stream: Stream, publication: Publication) -> None:
        if publication.offset != at:
            store(channel, stream, publication)

    store = world.broker.store
    monkeypatch.setattr(world.broker, "store", forgetful)


def deliver_before_it_is_stored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store = world.broker.store

    def late(channel: str, stream: Stream, publication: Publication) -> None:
        world.broker.notify(channel, publication)
        world.loop.settle()
        store(channel, stream, publication)

    monkeypatch.setattr(world.broker, "store", late)


def reuse_an_offset(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store = world.broker.store

    def reusing(channel: str, stream: Stream, publication: Publication) -> None:
        store(channel, stream, publication)
        if publication.offset == 4:
            stream.kept.pop()
            stream.top = 3

    monkeypatch.setattr(world.broker, "store", reusing)


def keep_the_epoch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker comes back older under the same epoch, and goes on counting."""
    monkeypatch.setattr(world.broker, "new_epoch", lambda: world.broker.stream(CHANNEL).epoch)


def ignore_the_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the idempotency is left, and the checker is told the keys."""
    publish, stored = world.broker.publish, world.checker.stored

    def careless(channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        publish(channel, draft._replace(idempotency_key=None), options, settle)

    def telling(channel: str, position: Position, payload: bytes, key: str | None = None) -> None:
        stored(channel, position, payload, "k" if payload == b'"once"' else None)

    monkeypatch.setattr(world.broker, "publish", careless)
    monkeypatch.setattr(world.checker, "stored", telling)


def recover_one_too_few(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that comes back is placed one behind where it was."""
    connect = PlainClient.connect

    def forgetful(client: PlainClient) -> None:
        position = client._checker.position
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                client._checker,
                "position",
                lambda who, channel: (at := position(who, channel)) and Position(at.offset + 1, at.epoch),
            )
            connect(client)

    monkeypatch.setattr(PlainClient, "connect", forgetful)


def history_without_its_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page leaves out the first publication that was asked for, and the cursor believes it."""
    page, left_out = world.broker.page, False

    def short(*about: Any) -> History:
        nonlocal left_out
        whole = page(*about)
        if left_out or len(whole.publications) < 2:
            return whole
        left_out = True
        return whole._replace(publications=whole.publications[1:])

    def trusting(cursor: Cursor, page: History) -> tuple[list[Publication], Lost | None]:
        fresh = [p for p in page.publications if p.offset > cursor.offset or p.epoch != cursor.epoch]
        cursor.epoch, cursor.offset = page.top.epoch, max(cursor.offset, page.top.offset)
        return fresh, None

    monkeypatch.setattr(world.broker, "page", short)
    monkeypatch.setattr(Cursor, "admit", trusting)


def hide_the_new_epoch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ring goes on under the old epoch although the stream began anew."""
    monkeypatch.setattr(Ring, "restart", lambda ring, epoch, top: setattr(ring, "epoch", epoch))


def forget_gaps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ring takes whatever it is notified, as if offsets had no meaning."""

    def gullible(ring: Ring, publication: Publication) -> bool:
        ring.top = publication.offset
        ring.add(_entry(publication))
        return True

    monkeypatch.setattr(Ring, "append", gullible)


def lose_on_cancel(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publication is taken, and then there is an await in which its reader is cancelled."""
    world.background = world.loop.create_task(_cancelled_reader(world))


async def _cancelled_reader(world: World) -> None:
    checker = world.checker

    def on_gap(lost: Lost) -> None:
        checker.told("cancelled", CHANNEL, Told(lost.first, lost.last, lost.epoch, lost.reason.value))

    async with world.hub.subscribe(CHANNEL, on_gap=on_gap) as feed:
        checker.begins("cancelled", CHANNEL, feed.position)
        patience: float | None = None
        while True:

            async def take_and_hand_over() -> Publication:
                publication = await anext(feed)
                await asyncio.sleep(0.01)  # the fault: it is taken already
                return publication

            try:
                publication = await asyncio.wait_for(take_and_hand_over(), patience)
            except TimeoutError:
                patience = None
                continue
            checker.saw("cancelled", CHANNEL, Seen(publication.position, publication.payload))
            patience = 0.005 if checker.seen("cancelled", CHANNEL) == 2 else None


def never_compare(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost last notification is not looked for."""

    async def blind(repair: Repair, channels: object) -> None:
        return None

    monkeypatch.setattr(Repair, "compare", blind)
    heal = world.heal

    def lose_the_last() -> None:
        world.broker.held = True
        world.publish(CHANNEL)
        heal()

    monkeypatch.setattr(world, "heal", lose_the_last)


FAULTS: list[tuple[Plant, str]] = [
    (skip_one_push, "lost"),
    (swap_two, "reordered"),
    (repeat_one, "repeated"),
    (change_a_payload, "different"),
    (acknowledge_before_it_is_stored, "early"),
    (acknowledge_without_storing, "early"),
    (deliver_before_it_is_stored, "early"),
    (reuse_an_offset, "different"),
    (keep_the_epoch, "different"),
    (ignore_the_key, "double"),
    (recover_one_too_few, "lost"),
    (history_without_its_first, "lost"),
    (hide_the_new_epoch, "lost"),
    (forget_gaps, "lost"),
    (lose_on_cancel, "lost"),
    (never_compare, "stalled"),
]


def test_the_story_is_green_without_a_fault(world: World) -> None:
    tell_the_story(world)
    world.check()
    assert not world.checker.verdict.wrong


@pytest.mark.parametrize(("plant", "verdict"), FAULTS, ids=lambda part: getattr(part, "__name__", part))
def test_the_checker_sees_a_planted_fault(
    world: World, monkeypatch: pytest.MonkeyPatch, plant: Plant, verdict: str
) -> None:
    plant(world, monkeypatch)
    tell_the_story(world)
    assert verdict in world.checker.verdict.wrong
    with pytest.raises(AssertionError, match=verdict):
        world.checker.assert_clean()


def _tamper_with_frames(
    world: World, at: int, change: Callable[[list[str]], list[str]], *, times: int = 1
) -> None:
    """Between the hub and the first client: the publication frames from number `at` on are changed."""
    client = world.readers[0]
    assert isinstance(client, PlainClient)
    assert client.socket is not None
    on_frame, count = client.socket.on_frame, 0

    def tampering(frame: str) -> None:
        nonlocal count
        if '"data"' not in frame:
            on_frame(frame)
            return
        count += 1
        for changed in change([frame]) if at <= count < at + times else [frame]:
            on_frame(changed)

    client.socket.on_frame = tampering


def _entry(publication: Publication) -> Any:
    from gapless.core.log import Entry

    return Entry(publication)


class TestTheCheckerAlone:
    """Its clauses, without a hub."""

    def checker(self, count: int = 9) -> Checker:
        checker = Checker()
        for offset in range(1, count + 1):
            checker.stored("c", Position(offset, "e"), b"%d" % offset)
        checker.begins("x", "c", Position(0, "e"))
        return checker

    def see(self, checker: Checker, *offsets: int, epoch: str = "e") -> None:
        for offset in offsets:
            checker.saw("x", "c", Seen(Position(offset, epoch), b"%d" % offset))

    def test_consecutive_offsets_are_clean(self) -> None:
        checker = self.checker()
        self.see(checker, 1, 2, 3)
        checker.reaches("x", "c", Position(3, "e"))
        checker.assert_clean()

    def test_a_hole_that_was_announced_is_clean(self) -> None:
        checker = self.checker()
        self.see(checker, 1, 2)
        checker.told("x", "c", Told(3, 5, "e"))
        self.see(checker, 6)
        checker.assert_clean()

    def test_a_hole_larger_than_announced_is_lost(self) -> None:
        checker = self.checker()
        self.see(checker, 1, 2)
        checker.told("x", "c", Told(3, 5, "e"))
        self.see(checker, 7)
        assert checker.verdict.lost

    def test_an_announcement_that_begins_too_late_is_lost(self) -> None:
        checker = self.checker()
        self.see(checker, 1)
        checker.told("x", "c", Told(4, 5, "e"))
        self.see(checker, 6)
        assert checker.verdict.lost

    def test_an_announcement_about_entries_without_offsets_excuses_no_hole(self) -> None:
        checker = self.checker()
        self.see(checker, 1)
        checker.told("x", "c", Told(None, None, "e", "unnumbered", 4))
        self.see(checker, 3)
        assert checker.verdict.lost

    def test_entries_without_offsets_are_counted(self) -> None:
        checker = self.checker()
        checker.saw_unnumbered("x", "c", 1)
        checker.told("x", "c", Told(None, None, "e", "unnumbered", 2))
        checker.saw_unnumbered("x", "c", 4)
        checker.assert_clean()
        checker.saw_unnumbered("x", "c", 6)
        assert checker.verdict.lost

    def test_more_said_to_be_missed_than_were_is_a_false_alarm(self) -> None:
        checker = self.checker()
        checker.saw_unnumbered("x", "c", 1)
        checker.told("x", "c", Told(None, None, "e", "unnumbered", 2))
        checker.saw_unnumbered("x", "c", 2)
        assert checker.verdict.false_alarms

    def test_another_epoch_without_a_word_is_lost(self) -> None:
        checker = self.checker()
        self.see(checker, 1)
        checker.stored("c", Position(2, "f"), b"2")
        self.see(checker, 2, epoch="f")
        assert checker.verdict.lost

    def test_told_of_another_epoch_anything_of_it_may_follow(self) -> None:
        checker = self.checker()
        self.see(checker, 1)
        checker.stored("c", Position(7, "f"), b"7")
        checker.told("x", "c", Told(2, None, "f", "epoch"))
        self.see(checker, 7, epoch="f")
        checker.assert_clean()

    def test_told_of_another_epoch_without_one_is_a_false_alarm(self) -> None:
        checker = self.checker()
        self.see(checker, 1)
        checker.told("x", "c", Told(2, None, "e", "epoch"))
        assert checker.verdict.false_alarms

    def test_told_that_something_is_trimmed_that_is_kept_is_a_false_alarm(self) -> None:
        checker = self.checker()
        self.see(checker, 1)
        checker.told("x", "c", Told(2, 4, "e", "trimmed"), kept_from=3)
        assert checker.verdict.false_alarms

    def test_one_position_holds_one_payload(self) -> None:
        checker = self.checker()
        checker.stored("c", Position(1, "e"), b"other")
        assert checker.verdict.different

    def test_without_all_knowledge_two_views_must_agree(self) -> None:
        checker = Checker(knows_all=False)
        checker.saw("x", "c", Seen(Position(1, "e"), b"1"))
        checker.assert_clean()
        checker.saw("y", "c", Seen(Position(1, "e"), b"2"))
        assert checker.verdict.different

    def test_a_history_with_a_hole_is_lost(self) -> None:
        checker = self.checker(3)
        seen = [Seen(Position(offset, "e"), b"%d" % offset) for offset in (1, 3)]
        checker.read("c", seen, 1, Position(3, "e"))
        assert checker.verdict.lost

    def test_what_was_acknowledged_must_be_in_the_history(self) -> None:
        checker = self.checker(3)
        checker.acknowledged("c", Position(3, "e"), b"3")
        seen = [Seen(Position(offset, "e"), b"%d" % offset) for offset in (1, 2)]
        checker.read("c", seen, 1, Position(2, "e"))
        assert checker.verdict.lost

    def test_unanswered_publications_are_reported_and_not_wrong(self) -> None:
        checker = self.checker()
        checker.unanswered()
        assert checker.verdict.unknown == 1
        checker.assert_clean()


def test_the_broker_of_the_simulation_never_uses_an_offset_twice() -> None:
    checker = Checker()
    broker = FakeBroker(checker)
    stream = broker.stream("c")
    broker.store("c", stream, Publication(b"1", 1, stream.epoch))
    broker.restart_older("c", 1)
    again = broker.stream("c")
    assert again.epoch != stream.epoch
    broker.store("c", again, Publication(b"2", 1, again.epoch))
    checker.assert_clean()
