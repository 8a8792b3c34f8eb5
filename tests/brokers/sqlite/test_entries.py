"""What the sequence of a store holds, written and read again."""

from __future__ import annotations

import pytest

from gapless.brokers.sqlite.entries import labels_of, labels_of_member, member_of, publication
from gapless.model import Draft, Member, Publication

ANN = Member("c1", "ann", b'{"name": "Ann"}', b"[1]")


@pytest.mark.parametrize(
    "draft",
    [
        Draft(b"1"),
        Draft(b"1", tags={"level": "error"}),
        Draft(b"1", tags={}),
        Draft(b"1", info=ANN),
        Draft(b"1", info=Member("c1")),
        Draft(b"1", delta=True),
        Draft(b"1", exclude="c1"),
        Draft(b"1", tags={"a": "ä\n"}, info=ANN, delta=True, exclude="c1"),
    ],
)
def test_what_was_published_is_read_as_it_was(draft: Draft) -> None:
    read = publication(draft.payload, 7, "e", 3.5, labels_of(draft))
    assert read == Publication(b"1", 7, "e", draft.tags, draft.info, 3.5, draft.delta, draft.exclude)


def test_most_publications_have_nothing_to_write_beside_them() -> None:
    assert labels_of(Draft(b"1", skip_history=True, idempotency_key="k")) is None


@pytest.mark.parametrize("member", [ANN, Member("c1"), Member("c1", "ä\n", None, b"{}")])
def test_a_member_is_read_as_it_was(member: Member) -> None:
    assert member_of(labels_of_member(member)) == member
