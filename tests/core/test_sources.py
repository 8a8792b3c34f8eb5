"""Sources: what was heard of each, in a table that stays small."""

from __future__ import annotations

from gapless.core.sources import Sources, Standing


def test_what_comes_of_a_source_is_counted_by_channel() -> None:
    sources = Sources()
    sources.note("web-1", "logs", "http", 3, 10.0)
    sources.note("web-1", "logs", "http", 2, 12.0, dropped=87)
    sources.note("web-1", "events", "http", 1, 11.0)
    found = {source.channel: source for source in sources.heard}
    assert (found["logs"].rows, found["logs"].dropped) == (5, 87)
    assert (found["logs"].since, found["logs"].last_seen) == (10.0, 12.0)
    assert found["events"].rows == 1


def test_who_was_silent_for_longest_is_forgotten_first() -> None:
    sources = Sources(most=2)
    sources.note("a", "c", "http", 1, 1.0)
    sources.note("b", "c", "http", 1, 2.0)
    sources.note("a", "c", "http", 1, 3.0)
    sources.note("new", "c", "http", 1, 4.0)
    assert [source.name for source in sources.heard] == ["new", "a"]


def test_one_that_is_read_here_is_looked_at_when_somebody_asks() -> None:
    sources, state = Sources(), ["connecting"]
    sources.add(lambda: Standing("redis", "redis", state[0], 1, 0, 0))
    assert [one.state for one in sources.standing] == ["connecting"]
    state[0] = "live"
    assert [one.state for one in sources.standing] == ["live"]
