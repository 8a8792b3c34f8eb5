"""`gapless channels`: which there are, and who is there."""

from __future__ import annotations

from .conftest import Verb
from .talking import position


def test_channels_are_listed(verb: Verb, url: str, channel: str) -> None:
    position(verb, url, channel)
    ended = verb("channels", channel, "--url", url, "--json")
    assert ended.out == [f'{{"channel": "{channel}", "clients": 0}}']
    table = verb("channels", "--url", url).out
    assert table[0].split() == ["CHANNEL", "CLIENTS"]
    assert [channel, "0"] in [line.split() for line in table]
    none = verb("channels", "no-such-*", "--url", url)
    assert (none.code, none.out, none.err) == (0, [], ["gapless: no channel matches 'no-such-*'"])
