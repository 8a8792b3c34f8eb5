"""How subscribers on the Centrifuge doors see entries: encoded once, joined, in delta form, filtered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapless.core.log import Entry, Kind
from gapless.model import Member, Publication
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF
from gapless.protocol.centrifuge.messages import FilterNode
from gapless.sessions.centrifuge.view import JOIN_BYTES, CentrifugeView, shared_view
from gapless.transports.conversation import TEXT

LONG = b'"' + b"x" * 200 + b'%d"'
RED = FilterNode(key="colour", cmp="eq", val="red")


def numbered(offset: int, **tags: str) -> Entry:
    return Entry(Publication(LONG % offset, offset, "e", tags or None, delta=True))


def one_joins() -> Entry:
    return Entry(kind=Kind.JOIN, member=Member("c1", user="ann"))


def view(**how: Any) -> CentrifugeView:
    return CentrifugeView(JSON, TEXT, **how)


def pushed(seen: CentrifugeView, entry: Entry, previous: Entry | None = None) -> Any:
    frame = seen.frame("c", entry, previous)
    return None if frame is None else json.loads(frame)


class TestEncodingOnce:
    def test_views_that_differ_in_what_they_leave_out_share_what_they_show(self) -> None:
        entry = numbered(1, colour="red")
        frame = view().frame("c", entry, None)
        assert view(joins=True).frame("c", entry, None) is frame
        assert view(tags=RED).frame("c", entry, None) is frame

    def test_codecs_and_bare_pushes_do_not(self) -> None:
        assert PROTOBUF is not None
        entry = numbered(1)
        frames = {
            each.frame("c", entry, None) for each in (view(), view(bare=True), CentrifugeView(PROTOBUF, TEXT))
        }
        assert len(frames) == 3

    def test_a_join_is_encoded_once_too(self) -> None:
        entry = one_joins()
        assert view(joins=True).frame("c", entry, None) is view(joins=True).frame("c", entry, None)

    def test_one_view_serves_all_who_see_the_same(self) -> None:
        assert shared_view(JSON, TEXT, bare=False) is shared_view(JSON, TEXT, bare=False)
        assert len({view().key, view(joins=True).key, view(delta=True).key, view(tags=RED).key}) == 4


class TestLeavingOut:
    def test_joins_come_where_asked_for(self) -> None:
        assert pushed(view(), one_joins()) is None
        assert pushed(view(joins=True), one_joins())["push"]["join"]["info"]["user"] == "ann"

    def test_a_leave_is_no_join(self) -> None:
        entry = Entry(kind=Kind.LEAVE, member=Member("c1"))
        assert "leave" in pushed(view(joins=True), entry)["push"]

    def test_what_the_filter_does_not_match_is_not_shown(self) -> None:
        assert pushed(view(tags=RED), numbered(1, colour="blue")) is None
        assert pushed(view(tags=RED), numbered(1)) is None
        assert pushed(view(tags=RED), numbered(1, colour="red"))["push"]["pub"]["offset"] == 1


class TestDeltas:
    def test_upon_the_one_before_it_is_a_patch_and_without_one_whole(self) -> None:
        seen, first, second = view(delta=True), numbered(1), numbered(2)
        assert "delta" not in pushed(seen, second)["push"]["pub"]
        patch = pushed(seen, second, first)["push"]["pub"]
        assert patch["delta"] is True
        assert len(patch["data"]) < len(LONG)
        # What was encoded for one is not given to the other.
        assert "delta" not in pushed(seen, second)["push"]["pub"]

    def test_who_did_not_ask_for_them_shares_nothing_with_who_did(self) -> None:
        first, second = numbered(1), numbered(2)
        patched, whole = view(delta=True).frame("c", second, first), view().frame("c", second, first)
        assert patched is not None
        assert whole is not None
        assert len(patched) < len(whole)

    def test_the_first_publication_is_fresh_and_those_behind_it_are_not(self) -> None:
        fresh = view(delta=True, fresh=True, tags=None)
        assert (fresh.fresh, fresh.following.fresh, fresh.following.restarted.fresh) == (True, False, True)
        assert fresh.restarted is fresh
        assert fresh.following.relative
        steady = view()
        assert steady.following is steady.restarted is steady


THIRDS = [b'{"n":%d,"x":"%s"}' % (number, b"x" * (JOIN_BYTES // 3)) for number in range(5)]
"""Messages of which two fit into a frame."""


class TestJoining:
    def test_messages_travel_together_up_to_a_size_and_none_is_lost(self) -> None:
        joined = view().join("c", THIRDS)
        assert [len(each.split("\n")) for each in joined] == [2, 2, 1]
        assert [line for each in joined for line in each.split("\n")] == [each.decode() for each in THIRDS]

    @pytest.mark.parametrize("at", [0, 1])
    def test_one_that_is_longer_travels_alone(self, at: int) -> None:
        frames = [b"{}"]
        frames.insert(at, b'"' + b"x" * JOIN_BYTES + b'"')
        assert list(view().join("c", frames)) == [each.decode() for each in frames]

    def test_bare_pushes_are_one_to_a_frame(self) -> None:
        assert list(view(bare=True).join("c", [b"1", b"2"])) == ["1", "2"]

    def test_chunks_follow_each_other(self) -> None:
        seen = view()
        assert list(seen.concat([seen.join("c", [b"1"]), seen.join("c", [b"2"])])) == ["1", "2"]
