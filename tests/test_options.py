"""Options: every default is valid, and what cannot be is refused with its name, its value and the fix."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from gapless import ChannelOptions, ConfigError, Limits


class TestDefaults:
    def test_history_is_off_until_it_is_asked_for(self) -> None:
        assert ChannelOptions().history == 0

    def test_clients_may_not_publish_until_they_are_allowed_to(self) -> None:
        assert ChannelOptions().client_publish is False

    def test_falling_behind_is_announced_and_it_goes_on(self) -> None:
        assert ChannelOptions().on_gap == "resync"

    def test_history_that_is_asked_for_has_a_bound_in_bytes_too(self) -> None:
        assert ChannelOptions(history=1000).history_bytes == 8 * 1024 * 1024

    def test_they_are_values(self) -> None:
        options = ChannelOptions(history=5)
        assert options == ChannelOptions(history=5)
        with pytest.raises(FrozenInstanceError):
            options.history = 6  # type: ignore[misc]

    def test_every_number_may_be_set_to_a_larger_one(self) -> None:
        limits = Limits()
        for option in fields(limits):
            value = getattr(limits, option.name)
            if option.name != "pong_timeout" and isinstance(value, (int, float)):
                larger: dict[str, Any] = {option.name: value * 2}
                replace(limits, **larger)


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"history": -1}, "history is at least 0, not -1"),
            ({"history": 1.5}, "history is int, not 1.5"),
            ({"history": "many"}, "history is int, not 'many'"),
            ({"history": True}, "history is int, not True"),
            ({"history": None}, "history is int, not None"),
            ({"history_age": float("nan")}, "history_age is at least 0, not nan"),
            ({"ring": 0}, "ring is at least 1, not 0"),
            ({"ring_bytes": 0}, "ring_bytes is at least 1, not 0"),
            ({"presence": 1}, "presence is bool, not 1"),
            ({"on_gap": "ignore"}, "on_gap is one of resync, latest, disconnect, not 'ignore'"),
            ({"recovery": "sometimes"}, "recovery is one of stream, cache, off, not 'sometimes'"),
            ({"join_leave": True}, "join_leave needs presence"),
            ({"history_age": 60.0, "idle_expiry": 60.0}, "idle_expiry .* must be longer than history_age"),
        ],
        ids=lambda part: str(part)[:30],
    )
    def test_of_a_channel(self, values: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            ChannelOptions(**values)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"stall_timeout": -1.0}, "stall_timeout is at least 0"),
            ({"connections": "all"}, "connections is int . None, not 'all'"),
            ({"message_bytes": None}, "message_bytes is int, not None"),
            ({"ping_interval": 8.0}, "pong_timeout .* must be shorter than ping_interval"),
            ({"reads_at_once": 0}, "reads_at_once is at least 1, not 0"),
        ],
        ids=lambda part: str(part)[:30],
    )
    def test_of_a_process(self, values: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            Limits(**values)

    def test_no_bound_is_said_with_none_where_that_is_allowed(self) -> None:
        assert ChannelOptions(history_bytes=None, history_age=None).history_bytes is None
        assert Limits(connections=None, user_connections=None).connections is None

    def test_whole_numbers_do_for_seconds(self) -> None:
        assert Limits(stall_timeout=5).stall_timeout == 5
