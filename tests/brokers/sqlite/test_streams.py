"""One stream's row: which offsets are kept, what they weigh, and whose version came last."""

from __future__ import annotations

import pytest

from gapless import ChannelOptions
from gapless.brokers.sqlite.streams import Stream
from gapless.model import Draft, Position


def stream_of(*sizes: int, history: int = 100) -> Stream:
    stream = Stream(1, "c", "e")
    for size in sizes:
        stream.append(size, history)
    return stream


def test_offsets_go_up_by_one_and_the_oldest_make_room() -> None:
    stream = stream_of(5, 5, 5, history=2)
    assert (stream.position, stream.oldest, stream.lagging) == (Position(3, "e"), 2, 1)
    assert stream.append(5, history=10) == 4
    assert stream.oldest == 2, "what was let go of does not come back"


def test_dropping_never_goes_back() -> None:
    stream = stream_of(5, 5, 5)
    stream.drop_before(3, 10)
    stream.drop_before(2, 5)
    assert (stream.oldest, stream.dropped) == (3, 10)


def test_after_dropping_all_the_position_goes_on() -> None:
    stream = stream_of(5, 5)
    stream.drop_all()
    assert (stream.position, stream.oldest, stream.is_too_large(1)) == (Position(2, "e"), 3, False)
    assert stream.append(5, history=10) == 3


@pytest.mark.parametrize(
    ("sizes", "too_large"), [((6, 5), True), ((5, 5), False), ((11,), False), ((), False)]
)
def test_more_bytes_than_allowed_are_too_many_but_the_newest_is_kept_in_any_case(
    sizes: tuple[int, ...], too_large: bool
) -> None:
    assert stream_of(*sizes).is_too_large(10) is too_large
    assert not stream_of(*sizes).is_too_large(None)


def test_bytes_that_were_dropped_do_not_count() -> None:
    stream = stream_of(6, 5, 5)
    stream.drop_before(2, 6)
    assert not stream.is_too_large(10)


def test_who_uses_it_says_how_long_it_lasts() -> None:
    stream = stream_of()
    stream.use(ChannelOptions(history=9, history_age=60, idle_expiry=3600, search=True), 7.0)
    assert (stream.used_at, stream.history_age, stream.idle_expiry, stream.search) == (7.0, 60, 3600, 1)


class TestVersions:
    def repeated(self, stream: Stream, version: int, epoch: str = "") -> bool:
        return stream.is_repeated_version(Draft(b"1", version=version, version_epoch=epoch))

    def test_only_a_higher_one_is_news(self) -> None:
        stream = stream_of()
        assert [self.repeated(stream, version) for version in (5, 5, 4, 6)] == [False, True, True, False]

    def test_without_one_everything_is_news(self) -> None:
        stream = stream_of()
        assert [self.repeated(stream, version) for version in (5, 0, 0)] == [False, False, False]

    def test_they_begin_anew_in_another_epoch(self) -> None:
        stream = stream_of()
        said = [(5, "a"), (3, "b"), (3, "b"), (4, ""), (4, "b")]
        assert [self.repeated(stream, *each) for each in said] == [False, False, True, False, True]
