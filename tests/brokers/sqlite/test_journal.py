"""The one connection that writes: what it commits, and what it reads of others before it numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gapless import ChannelOptions, Limits
from gapless.brokers.sqlite.address import Tuning
from gapless.brokers.sqlite.entries import Entry, Kind, Notice
from gapless.brokers.sqlite.journal import Journal
from gapless.brokers.sqlite.transaction import Transaction
from gapless.brokers.sqlite.trouble import StoreError
from gapless.model import Draft, Position, Publication

from ...support.clock import Clock
from ..harness import KEPT, NOT_KEPT
from .opening import Doing, do, journal_of, rows


def publish(journal: Journal, payload: bytes = b"1", options: ChannelOptions = KEPT) -> Position | None:
    return do(journal, lambda transaction: transaction.publish("c", Draft(payload), options))


def payloads(entries: list[Entry]) -> list[bytes]:
    return [what.payload for _, what in entries if isinstance(what, Publication)]


class TestWriting:
    def test_several_works_are_one_commit_and_each_has_its_answer(self, path: Path) -> None:
        with journal_of(path) as journal:
            before = journal.commits
            entries, answers = journal.write(
                [Doing(lambda t, n=n: t.publish("c", Draft(b"%d" % n), KEPT)) for n in range(3)]  # type: ignore[misc]
            )
            assert journal.commits == before + 1
            assert [answer.offset for answer in answers] == [1, 2, 3]
            assert payloads(entries) == [b"0", b"1", b"2"]

    def test_nothing_of_it_happened_when_one_fails(self, path: Path) -> None:
        def fail(transaction: Transaction) -> None:
            raise OverflowError("too large")

        with journal_of(path) as journal:
            publish(journal)
            with pytest.raises(OverflowError):
                journal.write([Doing(lambda t: t.publish("c", Draft(b"lost"), KEPT)), Doing(fail)])
            position = publish(journal, b"2")
            assert position is not None
            assert position.offset == 2
        assert rows(path, "SELECT payload FROM publications ORDER BY offset") == [(b"1",), (b"2",)]

    def test_what_need_not_survive_a_power_cut_is_not_flushed(self, path: Path) -> None:
        def level(journal: Journal, *durable: bool) -> int:
            journal.write([Doing(lambda transaction: None, each) for each in durable])
            assert journal.connection is not None
            (found,) = journal.connection.execute("PRAGMA synchronous").fetchone()
            return int(found)

        full, normal = 2, 1
        with journal_of(path) as journal:
            assert level(journal, True) == full
            assert level(journal, False, False) == normal
            assert level(journal, False, True) == full

    def test_the_write_ahead_log_is_moved_into_the_database_after_so_many_bytes(self, path: Path) -> None:
        with journal_of(path, tuning=Tuning(checkpoint_bytes=200_000)) as journal:
            for _ in range(20):
                publish(journal, b"1" * 50_000)
            assert path.stat().st_size > 500_000

    def test_after_closing_nothing_can_be_written(self, path: Path) -> None:
        with journal_of(path) as journal:
            publish(journal)
        with pytest.raises(StoreError, match="is not open"):
            publish(journal)


class TestOthers:
    def test_what_others_wrote_is_passed_on_before_one_s_own(self, path: Path) -> None:
        with journal_of(path) as one, journal_of(path) as other:
            publish(one, b"1")
            publish(one, b"2", NOT_KEPT)
            entries, (position,) = other.write([Doing(lambda t: t.publish("c", Draft(b"3"), KEPT))])
            assert payloads(entries) == [b"1", b"2", b"3"]
            assert position.offset == 2
            assert payloads(one.look()) == [b"3"]

    def test_a_look_finds_everything_once(self, path: Path) -> None:
        with journal_of(path) as one, journal_of(path) as other:
            other.look()
            assert other.look() == []
            publish(one, b"1")
            assert payloads(other.look()) == [b"1"]
            assert other.look() == []

    def test_what_was_read_in_a_transaction_that_failed_is_passed_on_by_the_next(self, path: Path) -> None:
        def fail(transaction: Transaction) -> None:
            raise OverflowError("too large")

        with journal_of(path) as one, journal_of(path) as other:
            publish(one, b"1")
            with pytest.raises(OverflowError):
                other.write([Doing(fail)])
            entries, _ = other.write([])
            assert payloads(entries) == [b"1"]

    @pytest.mark.parametrize("tuning", [Tuning(read_on_entries=3), Tuning(read_on_bytes=8)])
    def test_too_far_behind_reads_nothing_and_says_so(self, path: Path, tuning: Tuning) -> None:
        with journal_of(path) as one, journal_of(path, tuning=tuning) as other:
            other.look()
            for _ in range(3):
                publish(one, b"12345678")
            assert other.look() == [("c", Notice(Kind.BORN)), ("", Notice(Kind.INTERRUPTED))]
            assert other.look() == []

    def test_it_sees_when_the_others_have_gone(self, path: Path) -> None:
        with journal_of(path) as one:
            assert one.is_alone()
            with journal_of(path):
                one.look()
                assert not one.is_alone()
            assert one.is_alone()

    def test_one_directory_is_found_by_all(self, path: Path, tmp_path: Path) -> None:
        places = [tmp_path / "first", tmp_path / "second"]
        with journal_of(path) as one, journal_of(path) as other:
            assert one.wakeups(lambda _: True, lambda: places[0]) == places[0]
            assert other.wakeups(lambda _: True, lambda: places[1]) == places[0]
            assert other.wakeups(lambda _: False, lambda: places[1]) == places[1]


class TestLives:
    def test_reopening_goes_on_and_says_which_channels_there_are(self, path: Path) -> None:
        with journal_of(path) as journal:
            before = publish(journal)
        again = Journal(journal.address, Limits(), Clock())
        assert again.open() == ["c"]
        try:
            assert not again.epochs_ended
            after = publish(again)
        finally:
            again.close(cleanly=True)
        assert before is not None
        assert after == Position(2, before.epoch)

    def test_an_older_copy_put_back_ends_the_epochs(self, path: Path) -> None:
        copy = path.with_name("copy.db")
        with journal_of(path) as journal:
            before = publish(journal)
        shutil.copy(path, copy)
        with journal_of(path) as journal:
            publish(journal)
        shutil.copy(copy, path)
        with journal_of(path) as journal:
            assert journal.epochs_ended
            after = publish(journal)
        assert before is not None
        assert after is not None
        assert after.offset == 2
        assert after.epoch != before.epoch

    def test_a_file_that_was_replaced_is_not_written_to(self, path: Path) -> None:
        with journal_of(path) as journal:
            publish(journal)
            path.rename(path.with_name("moved.db"))
            with pytest.raises(StoreError, match="was deleted while it was open"):
                publish(journal)
            path.write_bytes(b"")
            with pytest.raises(StoreError, match="was replaced while it was open"):
                publish(journal)
            path.with_name("moved.db").replace(path)
            assert publish(journal) is not None

    def test_compacting_makes_the_file_smaller_and_loses_nothing(self, path: Path) -> None:
        few = ChannelOptions(history=1)
        with journal_of(path, tuning=Tuning(delete_rows=1000)) as journal:
            journal.write([Doing(lambda t: t.publish("c", Draft(b"1" * 4000), few))] * 600)
            before = path.stat().st_size + path.with_name("app.db-wal").stat().st_size
            journal.compact()
            assert path.stat().st_size < before / 2
            assert rows(path, "SELECT max(offset) FROM publications") == [(600,)]
