"""The query of the doors, as a value: any pairs are one, or say what is wrong with them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless import Limits
from gapless.doors.query import BadQuery, Query
from gapless.model import Position
from gapless.protocol.plain import Subscribe

LIMITS = Limits(subscriptions=4)
NAMES = ["channel", "since", "history", "batch", "pace", "joins", "other"]
VALUES = st.text(max_size=8) | st.sampled_from(
    ["logs", "a", "logs@e:7", "a@:0", "0", "1", "5", "60000", "60001", "-1", "1.0", "²", "٣", "\ud800"]
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=4), VALUES), max_size=8), st.booleans())
def test_any_pairs_are_a_query_or_say_what_is_wrong(pairs: list[tuple[str, str]], sse: bool) -> None:
    try:
        query = Query.parse(pairs, LIMITS, default_channels=("a",), sse=sse)
    except BadQuery as error:
        name, _, reason = str(error).partition(": ")
        assert name in NAMES
        assert reason
    else:
        assert len(set(query.channels)) == len(query.channels) <= LIMITS.subscriptions
        assert query.since.keys() <= set(query.channels)
        assert 0 <= query.pace <= 60
        assert query.history is None or query.history >= 0
        assert [command.channel for command in query.commands()] == list(query.channels)


def test_a_query_is_its_subscriptions() -> None:
    pairs = [("channel", "a"), ("channel", "b@c"), ("since", "b@c@e:7"), ("history", "5"), ("joins", "1")]
    query = Query.parse([*pairs, ("batch", "1"), ("pace", "250")], LIMITS)
    assert query.commands() == [
        Subscribe("a", 5, None, True),
        Subscribe("b@c", 5, Position(7, "e"), True),
    ]
    assert (query.batch, query.pace) == (True, 0.25)


def test_the_default_channels_are_those_of_a_query_without_any() -> None:
    assert Query.parse([], LIMITS, default_channels=("a", "b")).channels == ("a", "b")
    assert Query.parse([("channel", "c")], LIMITS, default_channels=("a", "b")).channels == ("c",)
    since = Query.parse([("since", "a@e:1")], LIMITS, default_channels=("a",)).since
    assert since == {"a": Position(1, "e")}


def test_events_are_not_batched() -> None:
    with pytest.raises(BadQuery, match="batch: events are not batched"):
        Query.parse([("channel", "a"), ("batch", "0")], LIMITS, sse=True)
