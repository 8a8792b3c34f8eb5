"""What is written into Redis and read back is the same, in the stream and in a notification."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless import BrokerError
from gapless.brokers.redis.record import about, entry, notified, read_member, write_member
from gapless.model import Draft, Member

infos = st.none() | st.sampled_from([b"1", b'{"a":"\xc3\xa4"}'])
members = st.builds(Member, st.text(), st.text(), infos, infos)
drafts = st.builds(
    Draft,
    st.binary(),
    tags=st.none() | st.dictionaries(st.text(), st.text(), min_size=1),
    info=st.none() | members,
    delta=st.booleans(),
    exclude=st.none() | st.text(min_size=1),
)


@given(drafts, st.integers(0, 2**53), st.sampled_from(["", "kXwQ_-ab"]))
def test_a_publication(draft: Draft, offset: int, epoch: str) -> None:
    rest = about(draft)
    message = b"p%d %b 1700000000123 %d %b%b" % (offset, epoch.encode(), len(rest), rest, draft.payload)
    kept = [b"%d-99" % offset, [b"d", draft.payload, b"t", b"1700000000123", b"m", rest]]
    for found in (notified(message), entry(kept, epoch)):
        assert (found.payload, found.offset, found.epoch) == (draft.payload, offset, epoch)
        assert (found.tags, found.info, found.exclude) == (draft.tags, draft.info, draft.exclude)
        assert (found.delta, found.time) == (draft.delta, 1_700_000_000.123)


@given(members)
def test_a_member(member: Member) -> None:
    assert read_member(write_member(member)) == member


def test_most_publications_have_nothing_beside_their_payload() -> None:
    assert about(Draft(b"1")) == b""


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"{",
        b"[]",
        b"[1,2]",
        b"{}",
        b"[1,2,null,null]",
        b'["c","u",3,null]',
        b'["c","u","no JSON",null]',
        b'["c","u",null,"{"]',
        b'[{"a":1},"u",null,null]',
        b"[" * 5000,
    ],
)
def test_what_is_no_member_is_an_error_of_the_broker(written: bytes) -> None:
    with pytest.raises(BrokerError):
        read_member(written)


GARBAGE = [
    b"p",
    b"pgarbage",
    b"p1 2 3",
    b"p-1 e 1 0 {}",
    b"p9223372036854775808 e 1 0 {}",
    b"p1 \xff 1 0 {}",
    b"p1 e x 0 {}",
    b"p1 e 1 -1 {}",
    b"p1 e 1 99 {}",
    b"p1 e 1 2 {}1",
    b"p1 e 1 2 []1",
    b'p1 e 1 52 {"tags":1,"info":null,"delta":false,"exclude":null}1',
    b'p1 e 1 58 {"tags":{"a":1},"info":null,"delta":false,"exclude":null}1',
    b'p1 e 1 52 {"tags":null,"info":[],"delta":false,"exclude":null}1',
    b'p1 e 1 53 {"tags":null,"info":null,"delta":1,"exclude":null}1',
    b'p1 e 1 55 {"tags":null,"info":null,"delta":false,"exclude":[]}1',
]


@pytest.mark.parametrize("message", GARBAGE)
def test_what_is_no_notification_is_an_error_of_the_broker(message: bytes) -> None:
    with pytest.raises(BrokerError, match="what Redis holds of a publication cannot be read"):
        notified(message)


@pytest.mark.parametrize(
    "found", [[], [b"1-1", []], [b"x-1", [b"d", b"1", b"t", b"1", b"m", b""]], [b"1-1", [b"foo", b"bar"]]]
)
def test_what_is_no_entry_is_an_error_of_the_broker(found: list[object]) -> None:
    with pytest.raises(BrokerError):
        entry(found, "e")
