"""One transaction: it numbers at once and writes at its end, and knows what it has not written yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gapless import ChannelOptions, Limits
from gapless.brokers.sqlite.entries import Kind, Notice
from gapless.brokers.sqlite.journal import Journal
from gapless.brokers.sqlite.transaction import ROWS, Transaction
from gapless.model import Draft, Member, Position, Publication

from ...support.clock import Clock
from ..harness import KEPT, NOT_KEPT
from .opening import do, journal_of, rows


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(path: Path, clock: Clock) -> Iterator[Journal]:
    with journal_of(path, clock) as opened:
        yield opened


def publish(*drafts: Draft, options: ChannelOptions = KEPT) -> Positions:
    return Positions(drafts, options)


class Positions:
    """Publishes them all to one channel; where they came."""

    def __init__(self, drafts: tuple[Draft, ...], options: ChannelOptions) -> None:
        self._drafts, self._options = drafts, options

    def __call__(self, transaction: Transaction) -> list[int | None]:
        found = [transaction.publish("c", draft, self._options) for draft in self._drafts]
        return [None if position is None else position.offset for position in found]


@pytest.mark.parametrize("count", [1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS + 2])
def test_however_many_come_together_all_are_written_in_order(
    journal: Journal, path: Path, count: int
) -> None:
    drafts = [Draft(b"%d" % number) for number in range(count)]
    assert do(journal, publish(*drafts)) == list(range(1, count + 1))
    written = rows(path, "SELECT offset, before, payload FROM publications ORDER BY seq")
    assert [(offset, payload) for offset, _, payload in written] == [
        (number + 1, draft.payload) for number, draft in enumerate(drafts)
    ]
    assert [before for _, before, _ in written] == [
        sum(len(earlier.payload) for earlier in drafts[:number]) for number in range(count)
    ]


def test_a_key_is_known_to_the_transaction_that_brought_it(journal: Journal) -> None:
    twice = Draft(b"1", idempotency_key="k")
    assert do(journal, publish(twice, Draft(b"2"), twice)) == [1, 2, 1]


def test_a_key_without_a_position_is_known_as_well(journal: Journal) -> None:
    def apply(transaction: Transaction) -> int:
        for _ in range(2):
            assert transaction.publish("c", Draft(b"1", idempotency_key="k"), NOT_KEPT) is None
        return len(transaction.entries)

    assert (do(journal, apply), do(journal, apply)) == (1, 0)


def test_a_key_is_of_its_channel_and_of_its_time(journal: Journal, clock: Clock) -> None:
    first = do(journal, lambda t: t.publish("c", Draft(b"1", idempotency_key="k"), KEPT))
    other = do(journal, lambda t: t.publish("d", Draft(b"1", idempotency_key="k"), KEPT))
    assert other != first
    clock.move(Limits().idempotency_seconds)
    assert do(journal, publish(Draft(b"1", idempotency_key="k"))) == [2]


def test_a_repeated_version_is_answered_with_what_is_there(journal: Journal) -> None:
    assert do(journal, publish(Draft(b"1", version=5), Draft(b"2", version=5), Draft(b"3", version=6))) == [
        1,
        1,
        2,
    ]


def test_bytes_too_many_are_let_go_of_at_the_end(journal: Journal, path: Path) -> None:
    options = ChannelOptions(history=100, history_bytes=25)
    do(journal, publish(*[Draft(b"1" * 10)] * 4, options=options))
    assert rows(path, "SELECT top, oldest, dropped FROM streams") == [(4, 3, 20)]


def test_a_channel_that_was_forgotten_begins_anew_in_the_same_transaction(
    journal: Journal, path: Path
) -> None:
    def apply(transaction: Transaction) -> tuple[Position | None, Position | None]:
        before = transaction.publish("c", Draft(b"1"), KEPT)
        stream = transaction.find("c")
        assert stream is not None
        transaction.forget(stream)
        assert transaction.find("c") is None
        return before, transaction.publish("c", Draft(b"2"), KEPT)

    do(journal, publish(Draft(b"0")))
    before, after = do(journal, apply)
    assert before is not None
    assert after is not None
    assert (before.offset, after.offset) == (2, 1)
    assert before.epoch != after.epoch


def test_what_happened_is_told_in_its_order(journal: Journal) -> None:
    member = Member("client", "user")

    def apply(transaction: Transaction) -> list[object]:
        transaction.tell(Kind.JOINED, "c", member)
        transaction.publish("c", Draft(b"1"), KEPT)
        transaction.publish("c", Draft(b"2"), NOT_KEPT)
        transaction.tell(Kind.LEFT, "c", member)
        return [what.payload if isinstance(what, Publication) else what for _, what in transaction.entries]

    assert do(journal, apply) == [
        Notice(Kind.JOINED, member),
        Notice(Kind.BORN),
        b"1",
        b"2",
        Notice(Kind.LEFT, member),
    ]


def test_what_is_restored_keeps_its_time_and_is_told_to_nobody(journal: Journal, path: Path) -> None:
    def apply(transaction: Transaction) -> int:
        stream = transaction.stream("c", KEPT)
        transaction.entries.clear()
        transaction.restore(stream, 12.0, None, b"old")
        transaction.restore(stream, 13.0, '{"tags":{"a":"b"}}', b"older")
        return len(transaction.entries)

    assert do(journal, apply) == 0
    assert rows(path, "SELECT offset, time, payload FROM publications") == [
        (1, 12.0, b"old"),
        (2, 13.0, b"older"),
    ]
    assert rows(path, "SELECT top, oldest FROM streams") == [(2, 1)]


def test_every_transaction_moves_the_sequence(journal: Journal, path: Path) -> None:
    def sequence() -> int:
        ((value,),) = rows(path, "SELECT value FROM meta WHERE name = 'sequence'")
        return int(value)

    before = sequence()
    do(journal, lambda transaction: None)
    assert sequence() == before + 1
    do(journal, publish(Draft(b"1"), Draft(b"2")))
    assert sequence() == before + 4


def test_those_with_rows_to_delete_are_named(journal: Journal) -> None:
    do(journal, publish(Draft(b"1"), Draft(b"2"), options=ChannelOptions(history=2)))
    assert journal.lagging == set()
    do(journal, publish(Draft(b"3"), options=ChannelOptions(history=2)))
    assert journal.lagging == {"c"}
