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


@pytest.mark.parametrize("written", [b"", b"{", b"[]", b"[1,2]", b"{}"])
def test_what_is_no_member_is_an_error_of_the_broker(written: bytes) -> None:
    with pytest.raises(BrokerError):
        read_member(written)
