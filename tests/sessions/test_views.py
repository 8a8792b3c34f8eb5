"""How subscribers see entries: encoded once, and joined as each door writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapless.core.log import Entry, Kind, View
from gapless.model import Member, Publication
from gapless.opaque import packed
from gapless.sessions.views import SEND_BYTES, BatchView, PlainView, SseView, shared_view, stream_bodies
from gapless.transports.conversation import BINARY, TEXT

ANN = Member("c1", user="ann")


def numbered(offset: int) -> Entry:
    return Entry(Publication(b"%d" % offset, offset, "e"))


def joins() -> Entry:
    return Entry(kind=Kind.JOIN, member=ANN)


def leaves() -> Entry:
    return Entry(kind=Kind.LEAVE, member=ANN)


def binary(offset: int) -> Entry:
    return Entry(Publication(packed(b"\xff"), offset, "e"))


def shown(view: View, *entries: Entry) -> Any:
    frames = [frame for entry in entries if (frame := view.frame("c", entry, None)) is not None]
    return view.join("c", frames)


def read(view: View, *entries: Entry) -> list[Any]:
    return [json.loads(frame) for frame in shown(view, *entries)]


class TestPlain:
    def test_each_entry_is_a_frame(self) -> None:
        view = PlainView(TEXT, joins=True)
        assert read(view, numbered(1), joins(), leaves(), numbered(2)) == [
            {"channel": "c", "offset": 1, "data": 1},
            {"channel": "c", "join": {"user": "ann", "client": "c1"}},
            {"channel": "c", "leave": {"user": "ann", "client": "c1"}},
            {"channel": "c", "offset": 2, "data": 2},
        ]

    def test_who_did_not_ask_for_joins_sees_none(self) -> None:
        view = PlainView(TEXT, joins=False)
        assert [item.get("offset") for item in read(view, joins(), numbered(1), leaves())] == [1]

    def test_those_with_and_without_joins_share_the_frame(self) -> None:
        entry = numbered(1)
        frame = PlainView(TEXT, joins=True).frame("c", entry, None)
        assert PlainView(TEXT, joins=False).frame("c", entry, None) is frame

    def test_text_and_bytes_do_not(self) -> None:
        entry = numbered(1)
        text, raw = (PlainView(framing, joins=False).frame("c", entry, None) for framing in (TEXT, BINARY))
        assert (type(text), type(raw)) == (str, bytes)

    def test_bytes_that_are_no_json_are_a_gap(self) -> None:
        [frame] = read(PlainView(TEXT, joins=False), binary(7))
        assert (frame["gap"]["from"], frame["gap"]["reason"]) == (7, "binary")


class TestBatch:
    view = BatchView(TEXT, joins=True)

    def test_several_publications_are_one_frame(self) -> None:
        assert read(self.view, numbered(1), numbered(2)) == [
            {"channel": "c", "batch": [{"offset": 1, "data": 1}, {"offset": 2, "data": 2}]}
        ]

    def test_a_single_one_is_as_without_batches(self) -> None:
        assert read(self.view, numbered(1)) == [{"channel": "c", "offset": 1, "data": 1}]

    def test_a_join_between_them_keeps_its_place(self) -> None:
        frames = read(self.view, numbered(1), numbered(2), joins(), numbered(3))
        assert [next(key for key in ("batch", "join", "data") if key in frame) for frame in frames] == [
            "batch",
            "join",
            "data",
        ]

    def test_a_gap_between_them_keeps_its_place_too(self) -> None:
        frames = read(self.view, numbered(1), binary(2), numbered(3))
        assert [frame.get("offset", "gap") for frame in frames] == [1, "gap", 3]

    def test_who_did_not_ask_for_joins_sees_none(self) -> None:
        assert BatchView(TEXT, joins=False).frame("c", joins(), None) is None

    def test_an_item_is_encoded_once(self) -> None:
        entry = numbered(1)
        assert self.view.frame("c", entry, None) is BatchView(BINARY, joins=False).frame("c", entry, None)


class TestEvents:
    def test_the_position_is_the_events_id(self) -> None:
        [event] = shown(SseView(joins=False, with_id=True), numbered(7))
        assert event == b'id: e:7\ndata: {"channel":"c","offset":7,"data":7}\n\n'

    def test_without_an_offset_there_is_no_id(self) -> None:
        [event] = shown(SseView(joins=False, with_id=True), Entry(Publication(b"1")))
        assert event.startswith(b"data: ")

    def test_with_several_channels_the_id_is_left_to_the_connection(self) -> None:
        [event] = shown(SseView(joins=False, with_id=False), numbered(7))
        assert event.startswith(b"data: ")

    def test_bytes_that_are_no_json_are_a_gap_event_with_their_position(self) -> None:
        [event] = shown(SseView(joins=False, with_id=True), binary(7))
        assert event.startswith(b"event: gap\nid: e:7\n")

    def test_joins_come_where_asked_for_and_have_no_id(self) -> None:
        assert SseView(joins=False, with_id=True).frame("c", joins(), None) is None
        event = SseView(joins=True, with_id=True).frame("c", joins(), None)
        assert event is not None
        assert event.startswith(b'data: {"channel":"c","join":')

    def test_chunks_follow_each_other(self) -> None:
        view = SseView(joins=False, with_id=True)
        first, second = shown(view, numbered(1)), shown(view, numbered(2))
        assert view.concat([first, second]) == [*first, *second]


class TestBodies:
    def test_small_frames_travel_together(self) -> None:
        assert stream_bodies([b"a", b"b", b"c"]) == [b"abc"]

    def test_a_body_ends_before_it_is_too_long(self) -> None:
        frame = b"x" * (SEND_BYTES // 2)
        assert [len(body) for body in stream_bodies([frame] * 5)] == [SEND_BYTES, SEND_BYTES, SEND_BYTES // 2]

    def test_a_frame_that_is_too_long_goes_alone_and_nothing_gets_lost(self) -> None:
        long = b"x" * (SEND_BYTES + 1)
        for frames in ([b"a", long, b"b"], [long, b"b"], [long]):
            assert stream_bodies(frames) == frames


@pytest.mark.parametrize("kind", [PlainView, BatchView])
def test_one_view_serves_all_who_see_the_same(kind: Any) -> None:
    assert shared_view(kind, TEXT, joins=True) is shared_view(kind, TEXT, joins=True)
    keys = {
        shared_view(kind, framing, joins=each).key for framing in (TEXT, BINARY) for each in (True, False)
    }
    assert len(keys) == 4
