"""What one socket can take: order, room, and a bound for what is not read."""

from __future__ import annotations

from gapless.core.outbox import Outbox


def outbox(max_bytes: int = 100, max_frames: int = 10) -> Outbox:
    return Outbox(lambda: None, max_bytes=max_bytes, max_frames=max_frames)


def taken(box: Outbox) -> list[bytes]:
    found = []
    while (frame := box.take()) is not None:
        found.append(frame)
    return found


class TestOrder:
    def test_frames_leave_in_the_order_in_which_they_came(self) -> None:
        box = outbox()
        box.reply(b"reply")
        box.push((b"one", b"two"), 6)
        box.reply(b"another")
        assert taken(box) == [b"reply", b"one", b"two", b"another"]


class TestRoom:
    """At most one push is under way."""

    def test_is_there_at_first_and_not_after_a_push(self) -> None:
        box = outbox()
        assert box.room
        box.push((b"a",), 1)
        assert not box.room

    def test_a_reply_takes_none(self) -> None:
        box = outbox()
        box.reply(b"a")
        assert box.room

    def test_is_back_when_all_frames_were_accepted_and_says_so_once(self) -> None:
        box = outbox()
        box.push((b"a", b"b"), 2)
        box.take()
        assert box.sent() is False
        box.take()
        assert box.sent() is True
        assert box.room
        box.reply(b"c")
        box.take()
        assert box.sent() is False

    def test_never_comes_back_after_closing(self) -> None:
        box = outbox()
        box.push((b"a",), 1)
        box.close(3000, "bye")
        box.take()
        assert box.sent() is False
        assert not box.room


class TestReplies:
    """They are kept until they are read, within a bound in bytes and one in frames."""

    def test_above_the_bytes_they_are_refused(self) -> None:
        box = outbox(max_bytes=10)
        assert box.reply(b"12345")
        assert box.reply(b"12345")
        assert not box.reply(b"1")
        assert box.unread_bytes == 10

    def test_above_the_number_they_are_refused(self) -> None:
        box = outbox(max_frames=2)
        assert [box.reply(b"1") for _ in range(3)] == [True, True, False]

    def test_a_single_one_may_be_larger_than_the_bound(self) -> None:
        assert outbox(max_bytes=3).reply(b"12345")

    def test_what_was_read_makes_room(self) -> None:
        box = outbox(max_bytes=3)
        box.reply(b"123")
        box.take()
        assert box.reply(b"123")

    def test_pushes_count_as_none(self) -> None:
        box = outbox(max_bytes=3)
        box.push((b"123456",), 6)
        assert box.unread_bytes == 0
        assert box.reply(b"123")

    def test_an_empty_frame_counts_as_a_frame(self) -> None:
        box = outbox(max_frames=1)
        for _ in range(3):
            assert box.reply(b"")
            box.take()
        assert box.reply(b"")
        assert not box.reply(b"")


class TestClosing:
    def test_what_is_queued_goes_out_first(self) -> None:
        box = outbox()
        box.reply(b"last words")
        box.close(3001, "shutdown")
        assert box.waiting
        assert box.take() == b"last words"
        assert box.closing == (3001, "shutdown")

    def test_nothing_is_accepted_afterwards_and_nobody_is_told_off_for_it(self) -> None:
        box = outbox()
        box.close(3001, "shutdown")
        assert box.reply(b"late") is True
        assert box.take() is None

    def test_the_first_reason_stays(self) -> None:
        box = outbox()
        box.close(3008, "slow")
        box.close(3001, "shutdown")
        assert box.closing == (3008, "slow")


class TestWakingTheWriter:
    def test_for_everything_that_comes(self) -> None:
        calls: list[int] = []
        box = Outbox(lambda: calls.append(1), max_bytes=10, max_frames=10)
        box.reply(b"a")
        box.push((b"b",), 1)
        box.close(3000, "bye")
        assert len(calls) == 3

    def test_progress_is_a_number_that_changes_with_every_frame(self) -> None:
        box = outbox()
        box.push((b"a", b"b"), 2)
        seen = {box.progressed}
        for _ in range(2):
            box.take()
            box.sent()
            seen.add(box.progressed)
        assert len(seen) == 3
