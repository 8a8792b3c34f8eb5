"""The values that everything speaks: written down and read again, and shared by all that missed the same."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.model import ANONYMOUS, Grant, Position, Publication, Run, nothing, shown

EPOCHS = st.text("abcXYZ019_-", max_size=64)


@given(st.integers(0, 10**19 - 1), EPOCHS)
def test_a_position_that_is_written_down_is_read_again(offset: int, epoch: str) -> None:
    position = Position(offset, epoch)
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "text",
    ["", "a", "a:", "a:-1", "a:01", "a:1:2", "a b:1", "ä:1", "a:١", "a:1\n", f"{'x' * 65}:1", f"a:{10**19}"],
)
def test_anything_else_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match="a position is EPOCH:OFFSET"):
        Position.parse(text)


def test_a_publication_knows_its_position_and_its_data() -> None:
    publication = Publication(b'{"a":[1,null]}', 7, "e")
    assert publication.position == Position(7, "e")
    assert publication.data == {"a": [1, None]}
    assert publication.data is not publication.data, "decoded anew: nobody can change another's"


def test_a_run_makes_each_form_once() -> None:
    run, made = Run([Publication(b"1"), Publication(b"2")]), list[str]()

    def make(run: Run[Publication]) -> bytes:
        made.append("made")
        return b"".join(p.payload for p in run)

    assert [run.once("joined", make) for _ in range(3)] == [b"12"] * 3
    assert made == ["made"]
    run.once("other", make)
    assert made == ["made", "made"]


def test_a_form_that_is_nothing_is_made_once_too() -> None:
    run, made = Run([Publication(b"1")]), list[str]()
    for _ in range(2):
        assert run.once("nothing", lambda run: made.append("made")) is None
    assert made == ["made"]


def test_everybody_sees_the_same_list_but_who_is_excluded() -> None:
    run = Run([Publication(b"1"), Publication(b"2", exclude="anna"), Publication(b"3")])
    assert shown(run, "ben") is run
    assert [p.payload for p in shown(run, "anna")] == [b"1", b"3"]
    plain = list(run)
    assert [p.payload for p in shown(plain, "anna")] == [b"1", b"3"]
    assert shown(plain, "ben") == plain


def test_a_grant_cannot_be_changed_and_says_nothing_unless_told() -> None:
    assert (ANONYMOUS.user, ANONYMOUS.channels, ANONYMOUS.operator, ANONYMOUS.expires_at) == (
        "",
        (),
        False,
        None,
    )
    assert Grant().meta is nothing()
    with pytest.raises(FrozenInstanceError):
        ANONYMOUS.operator = True  # type: ignore[misc]
