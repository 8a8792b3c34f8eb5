"""The client's side of the plain protocol, frame by frame."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapless.client.reader import Arrived, CaughtUp, Failed, Happening, Missed, NotPlain, Reader
from gapless.model import Position


def history(
    *offsets: int, head: int | None = None, epoch: str = "E", more: bool = False, **first: Any
) -> str:
    frame = {
        "channel": "logs",
        "epoch": epoch,
        "oldest": 1,
        "head": head if head is not None else max(offsets, default=0),
        "history": [{"offset": offset, "data": offset} for offset in offsets],
        "more": more,
    }
    return json.dumps(frame | first)


def live(*offsets: int) -> str:
    if len(offsets) == 1:
        return json.dumps({"channel": "logs", "offset": offsets[0], "data": offsets[0]})
    batch = [{"offset": offset, "data": offset} for offset in offsets]
    return json.dumps({"channel": "logs", "batch": batch})


def gap(first: int | None, last: int | None, reason: str, epoch: str = "E", **more: Any) -> str:
    said = {"from": first, "to": last, "reason": reason, "epoch": epoch}
    return json.dumps({"channel": "logs", "gap": said | more})


def feed(reader: Reader, *frames: str) -> list[Happening]:
    return [event for frame in frames for event in reader.feed(frame)]


def offsets(events: list[Happening]) -> list[int]:
    return [event.offset for event in events if isinstance(event, Arrived)]


def missed(events: list[Happening]) -> list[Missed]:
    return [event for event in events if isinstance(event, Missed)]


def since(reader: Reader) -> list[str]:
    return [value for name, value in reader.query() if name == "since"]


def connected(**options: Any) -> Reader:
    reader = Reader(["logs"], **options)
    assert reader.connected() == []
    return reader


def test_the_first_query_asks_for_history_and_batches() -> None:
    reader = Reader(["a", "b"], history=10, since={"b": Position(3, "E")})
    assert reader.query() == [
        ("channel", "a"),
        ("channel", "b"),
        ("batch", "1"),
        ("history", "10"),
        ("since", "b@E:3"),
    ]
    assert ("history", "10") not in Reader(["a"]).query()


def test_history_then_live_comes_in_order_with_positions() -> None:
    reader = connected()
    events = feed(reader, history(1, 2, head=3, more=True), history(3, head=3), live(4), live(5, 6))
    assert events == [
        Arrived("logs", 1, "E", 1, live=False),
        Arrived("logs", 2, "E", 2, live=False),
        Arrived("logs", 3, "E", 3, live=False),
        CaughtUp("logs", Position(3, "E"), None),
        Arrived("logs", 4, "E", 4, live=True),
        Arrived("logs", 5, "E", 5, live=True),
        Arrived("logs", 6, "E", 6, live=True),
    ]
    assert since(reader) == ["logs@E:6"]


def test_a_cut_in_the_middle_of_history_is_resumed_where_it_was() -> None:
    reader = connected(history=5)
    feed(reader, history(8, 9, head=12, more=True))
    assert since(reader) == ["logs@E:9"]


def test_a_cut_before_the_first_answer_asks_again_for_the_same() -> None:
    reader = connected(history=5)
    assert since(reader) == []
    assert ("history", "5") in reader.query()


def test_with_no_history_wanted_the_position_is_the_head() -> None:
    reader = connected(history=0)
    assert feed(reader, history(head=7)) == [CaughtUp("logs", Position(7, "E"), None)]
    assert since(reader) == ["logs@E:7"]


def test_what_was_missed_follows_a_resume_without_a_word_about_loss() -> None:
    reader = connected(since={"logs": Position(4, "E")})
    events = feed(reader, history(5, head=6, more=True, recovered=True), history(6, head=6), live(7))
    assert offsets(events) == [5, 6, 7]
    assert missed(events) == []
    assert CaughtUp("logs", Position(6, "E"), True) in events


def test_a_lost_range_is_told_before_what_is_still_kept() -> None:
    reader = connected(since={"logs": Position(4, "E")})
    events = feed(reader, history(8, 9, head=9, recovered=False, lost={"from": 5, "to": 7}))
    assert events[0] == Missed("logs", 5, 7, "lost")
    assert offsets(events) == [8, 9]
    assert len(missed(events)) == 1


def test_another_epoch_starts_over() -> None:
    reader = connected(since={"logs": Position(4, "E")})
    events = feed(reader, history(1, 2, epoch="F", recovered=False, lost={"from": 5, "to": None}), live(3))
    assert events[0] == Missed("logs", 5, None, "lost")
    assert offsets(events) == [1, 2, 3]
    assert since(reader) == ["logs@F:3"]


def test_another_epoch_counts_as_loss_even_when_the_answer_does_not_say_so() -> None:
    reader = connected(since={"logs": Position(4, "E")})
    assert feed(reader, history(1, epoch="F"))[0] == Missed("logs", None, None, "lost")


def test_a_repeat_is_shown_once() -> None:
    reader = connected()
    assert offsets(feed(reader, history(1, 2), live(2), live(2, 3))) == [1, 2, 3]


def test_a_hole_without_a_word_is_reported_all_the_same() -> None:
    reader = connected()
    events = feed(reader, history(1), live(4))
    assert missed(events) == [Missed("logs", 2, 3, "unannounced")]
    assert offsets(events) == [1, 4]


def test_a_resume_that_claims_to_be_complete_is_checked() -> None:
    reader = connected(since={"logs": Position(4, "E")})
    events = feed(reader, history(5, head=9, recovered=True))
    assert missed(events) == [Missed("logs", 6, 9, "unannounced")]


@pytest.mark.parametrize("reason", ["trimmed", "latest"])
def test_after_a_gap_the_next_offset_is_the_one_behind_it(reason: str) -> None:
    reader = connected()
    events = feed(reader, history(1), gap(2, 5, reason), live(6))
    assert missed(events) == [Missed("logs", 2, 5, reason)]
    assert offsets(events) == [1, 6]


def test_a_gap_into_a_new_epoch_starts_over() -> None:
    reader = connected()
    events = feed(reader, history(1, 2), gap(3, None, "epoch", "F"), live(1))
    assert missed(events) == [Missed("logs", 3, None, "epoch")]
    assert events[-1] == Arrived("logs", 1, "F", 1, live=True)
    assert since(reader) == ["logs@F:1"]


def test_publications_without_an_offset_are_counted_where_they_were_missed() -> None:
    reader = connected()
    events = feed(reader, history(1), gap(None, None, "unnumbered", count=12), live(2))
    assert missed(events) == [Missed("logs", None, None, "unnumbered", 12)]
    assert offsets(events) == [1, 2]


def test_a_channel_without_history_is_not_resumed_and_its_absence_is_told() -> None:
    reader = connected()
    feed(reader, history(head=0, epoch=""), '{"channel":"logs","data":1}')
    assert since(reader) == []
    assert reader.connected() == [Missed("logs", None, None, "away")]


def test_errors_and_ended_subscriptions_are_told() -> None:
    reader = connected()
    assert feed(reader, '{"type":"error","code":102,"message":"unknown channel","channel":"logs"}') == [
        Failed("logs", 102, "unknown channel")
    ]
    assert feed(reader, '{"type":"unsubscribed","channel":"logs","code":2000,"reason":"server"}') == [
        Failed("logs", 2000, "server")
    ]


def test_tags_come_along_and_other_frames_are_passed_over() -> None:
    reader = connected()
    events = feed(
        reader,
        history(),
        '{"channel":"logs","offset":1,"data":null,"tags":{"a":"b"}}',
        '{"type":"pong"}',
        '{"channel":"logs","join":{"user":"","client":"x"}}',
    )
    assert events[1:] == [Arrived("logs", 1, "E", None, live=True, tags={"a": "b"})]


@pytest.mark.parametrize(
    "frame",
    [
        "hello",
        "[]",
        "7",
        "{}",
        '{"channel":"other","data":1}',
        '{"channel":"logs","history":[{}]}',
        "[" * 9000,
    ],
)
def test_anything_else_is_not_the_plain_protocol(frame: str) -> None:
    with pytest.raises(NotPlain):
        connected().feed(frame)
