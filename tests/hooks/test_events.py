"""What hooks are told of a client that connects, and what they may answer."""

from __future__ import annotations

import pytest

from gapless import Client, ConnectEvent, Grant
from gapless.hooks.events import grant_from


def event(scope: dict[str, object] | None = None) -> ConnectEvent:
    return ConnectEvent(Client("c"), headers={}, query={}, cookies={}, scope=scope or {})


class TestWhatTheApplicationKnows:
    """Middleware, mounts and the lifespan write it into the scope."""

    def test_without_an_application_around_it_there_is_nothing(self) -> None:
        alone = event()
        assert alone.user is None
        assert (dict(alone.session), dict(alone.state), dict(alone.path_params)) == ({}, {}, {})

    def test_each_part_is_where_middleware_has_put_it(self) -> None:
        ann = object()
        known = event({"user": ann, "session": {"cart": 3}, "state": {"db": 1}, "path_params": {"room": "7"}})
        assert known.user is ann
        assert (known.session["cart"], known.state["db"], known.path_params["room"]) == (3, 1, "7")

    @pytest.mark.parametrize("part", ["session", "state", "path_params"])
    def test_a_part_that_is_there_and_is_nothing_reads_as_empty(self, part: str) -> None:
        assert dict(getattr(event({part: None}), part)) == {}

    @pytest.mark.parametrize("part", ["session", "state", "path_params"])
    def test_it_is_for_reading(self, part: str) -> None:
        with pytest.raises(TypeError):
            getattr(event({part: {}}), part)["x"] = 1

    def test_it_makes_no_difference_between_events_and_is_not_shown(self) -> None:
        assert event({"session": {"password": "hush"}}) == event()
        assert "hush" not in repr(event({"session": {"password": "hush"}}))


class TestGrants:
    def test_an_on_connect_hook_may_return_a_grant_a_user_or_nothing(self) -> None:
        grant = Grant(user="7", operator=True)
        assert grant_from(grant) is grant
        assert grant_from("7") == Grant(user="7")
        assert grant_from(None).user == ""

    def test_anything_else_is_named(self) -> None:
        with pytest.raises(TypeError, match="not dict"):
            grant_from({"user": "7"})
