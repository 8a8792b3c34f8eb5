"""Sessions by client, by user and by secret."""

from __future__ import annotations

import pytest

from gapless import Disconnect, Grant
from gapless.node.connections import Connections
from gapless.node.roster import Roster

from ..support.somebody import Somebody


def roster_of(*sessions: Somebody) -> Roster:
    roster = Roster()
    for session in sessions:
        roster.add(session)
    return roster


ANN, ANN_TOO, BOB = Somebody("1", "ann", "hush"), Somebody("2", "ann"), Somebody("3", "bob")


@pytest.mark.parametrize(
    ("user", "client", "secret", "found"),
    [
        (None, None, None, [ANN, ANN_TOO, BOB]),
        ("ann", None, None, [ANN, ANN_TOO]),
        ("", None, None, []),
        (None, "3", None, [BOB]),
        ("ann", "3", None, []),
        ("ann", None, "hush", [ANN]),
        ("bob", None, "hush", []),
        (None, "2", "hush", []),
        (None, None, "", []),
    ],
)
def test_who_fits_all_that_is_asked(
    user: str | None, client: str | None, secret: str | None, found: list[Somebody]
) -> None:
    assert roster_of(ANN, ANN_TOO, BOB).find(user, client, secret) == found


def test_who_has_left_is_found_by_nothing() -> None:
    roster = roster_of(ANN, ANN_TOO, BOB)
    roster.discard(ANN)
    roster.discard(ANN)
    assert (len(roster), roster.users, roster.of_user("ann")) == (2, 2, 1)
    assert roster.find(None, "1", None) == roster.find(None, None, "hush") == []
    roster.discard(ANN_TOO)
    assert (roster.users, roster.of_user("ann")) == (1, 0)


def test_another_one_with_the_same_id_is_not_taken_away() -> None:
    roster = roster_of(ANN)
    roster.discard(Somebody("1", "ann", "hush"))
    assert list(roster) == [ANN]


def test_who_says_who_it_is_later_is_found_by_that() -> None:
    late = Somebody("4")
    roster = roster_of(late)
    roster.identify(late, "zoe")
    late.grant = Grant("zoe")
    assert roster.find("zoe", None, None) == [late]
    assert roster.of_user("") == 0
    roster.discard(late)
    assert roster.users == 0


def test_one_that_never_was_here_is_not_named() -> None:
    roster = Roster()
    roster.identify(Somebody("4"), "zoe")
    assert roster.users == 0


def test_who_leaves_while_one_looks_at_all_does_no_harm() -> None:
    roster = roster_of(ANN, ANN_TOO, BOB)
    for session in roster:
        roster.discard(session)
    assert len(roster) == 0


class TestConnections:
    def test_what_is_done_is_done_to_all_and_counted(self) -> None:
        first, second = Somebody("1", channels=["a", "b"]), Somebody("2", channels=["b"])
        found = Connections([first, second])
        assert len(found) == found.refresh(5.0, b"{}") == found.unsubscribe(None) == found.close(4000) == 2
        assert first.done == [("refresh", 5.0, b"{}"), ("unsubscribe", "a", 2000), ("unsubscribe", "b", 2000)]
        assert second.done == [("refresh", 5.0, b"{}"), ("unsubscribe", "b", 2000)]
        assert first.closed is not None
        assert first.closed.code == 4000

    def test_some_may_be_left_out(self) -> None:
        first, second = Somebody("1"), Somebody("2")
        assert Connections([first, second]).but(frozenset({"1"})).close() == 1
        assert (first.closed, second.closed is None) == (None, False)

    @pytest.mark.anyio
    async def test_one_that_cannot_be_subscribed_keeps_no_other_from_it(self) -> None:
        first, second = Somebody("1"), Somebody("2")
        first.refuses = ValueError("no")
        with pytest.raises(ValueError, match="no"):
            await Connections([first, second]).subscribe("a")
        assert second.done == [("subscribe", "a")]

    @pytest.mark.anyio
    async def test_one_that_went_meanwhile_is_no_failure(self) -> None:
        gone = Somebody("1")
        gone.refuses, gone.closed = ValueError("no"), Disconnect(3000)
        assert await Connections([gone]).subscribe("a") == 1
