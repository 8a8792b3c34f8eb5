"""Who is here: join, leave, expire, in any order and any number of times."""

from __future__ import annotations

from gapless.core.presence import Presence
from gapless.model import Member


class TestJoining:
    def test_says_whether_the_client_is_new(self) -> None:
        presence = Presence()
        assert presence.join(Member("c"), 10.0)
        assert not presence.join(Member("c"), 20.0)

    def test_again_takes_over_what_it_says_of_itself(self) -> None:
        presence = Presence()
        presence.join(Member("c", "1"), 10.0)
        presence.join(Member("c", "2", b"{}"), 10.0)
        assert presence.members() == {"c": Member("c", "2", b"{}")}
        assert presence.user_count == 1

    def test_again_with_an_earlier_deadline_shortens_nothing(self) -> None:
        presence = Presence()
        presence.join(Member("c"), 20.0)
        presence.join(Member("c"), 10.0)
        assert presence.expire(15.0) == []

    def test_what_is_handed_out_is_a_copy(self) -> None:
        presence = Presence()
        presence.join(Member("c"), 10.0)
        presence.members().clear()
        assert len(presence) == 1


class TestLeaving:
    def test_says_who_it_was(self) -> None:
        presence = Presence()
        presence.join(Member("c", "1"), 10.0)
        assert presence.leave("c") == Member("c", "1")

    def test_a_second_time_is_nobody(self) -> None:
        presence = Presence()
        presence.join(Member("c"), 10.0)
        presence.leave("c")
        assert presence.leave("c") is None


class TestExpiring:
    def test_takes_those_whose_time_has_come(self) -> None:
        presence = Presence()
        presence.join(Member("early"), 10.0)
        presence.join(Member("late"), 11.0)
        assert presence.expire(10.0) == [Member("early")]
        assert list(presence.members()) == ["late"]

    def test_spares_those_who_were_refreshed(self) -> None:
        presence = Presence()
        presence.join(Member("c"), 10.0)
        presence.join(Member("c"), 20.0)
        assert presence.expire(15.0) == []


class TestUsers:
    def test_are_counted_once_however_many_connections_they_have(self) -> None:
        presence = Presence()
        for client in "abc":
            presence.join(Member(client, "one"), 10.0)
        presence.join(Member("d", "two"), 10.0)
        assert (len(presence), presence.user_count) == (4, 2)

    def test_all_anonymous_members_count_as_one(self) -> None:
        presence = Presence()
        presence.join(Member("a"), 10.0)
        presence.join(Member("b"), 10.0)
        assert presence.user_count == 1
