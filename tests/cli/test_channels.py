"""`gapless channels`: which there are, and who is there."""

from __future__ import annotations

import json

from gapless.cli.channels import SORTS
from gapless.watch import listing

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


def test_a_page_has_the_first_in_an_order_with_what_is_known_of_them(
    verb: Verb, url: str, channel: str
) -> None:
    for name in (f"{channel}:b", f"{channel}:a", f"{channel}:c"):
        position(verb, url, name)
    page = ("channels", f"{channel}:*", "--url", url, "--sort", "name", "--limit", "2")
    said = [json.loads(line) for line in verb(*page, "--json").out]
    assert [(row["channel"], row["clients"], row["kept"]) for row in said] == [
        (f"{channel}:a", 0, 1),
        (f"{channel}:b", 0, 1),
    ]
    head, *rows = [line.split() for line in verb(*page).out]
    assert head == ["CHANNEL", "CLIENTS", "RATE", "BYTES", "RATE", "KEPT", "GAPS", "LAST"]
    assert rows == [[f"{channel}:a", "0", "1"], [f"{channel}:b", "0", "1"]]


def test_its_orders_are_those_of_the_api() -> None:
    assert tuple(listing.SORTS) == SORTS


def test_an_order_that_there_is_not_is_said(verb: Verb, url: str) -> None:
    ended = verb("channels", "--url", url, "--sort", "colour")
    assert ended.code == 2
    assert "num_clients" in " ".join(ended.err)
