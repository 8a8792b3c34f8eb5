"""What waits for a hub: in order per channel, bounded, with a mark where something is missing."""

from __future__ import annotations

import itertools
import json
from typing import Any

from gapless.client.outgoing import ENTRY_BYTES, Batch, Entry, Outgoing

EACH = ENTRY_BYTES + 1
"""What one of the entries here takes."""


def entries(text: str) -> list[Entry]:
    return [(each.encode(), None) for each in text]


def waiting(max_bytes: int = 100 * EACH) -> Outgoing:
    keys = map(str, itertools.count(1))
    return Outgoing(max_bytes, stamp=lambda: "now", next_key=lambda: next(keys))


def shown(batch: Batch) -> tuple[str, list[Any], str]:
    """A mark is shown as the number of those that are missing."""
    said = [json.loads(body) if body[:1] == b"{" else body.decode() for body, _ in batch.entries]
    return batch.channel, [one["count"] if isinstance(one, dict) else one for one in said], batch.key


def taken(out: Outgoing, most: int = 100, most_bytes: int = 1_000_000) -> list[tuple[str, list[Any], str]]:
    found = []
    while out.waiting:
        found.append(shown(out.take(most, most_bytes)))
    return found


def test_each_channel_keeps_its_order_and_they_take_turns() -> None:
    out = waiting()
    out.append("x", entries("abc"))
    out.append("y", entries("d"))
    assert taken(out, most=2) == [("x", ["a", "b"], "1"), ("y", ["d"], "2"), ("x", ["c"], "3")]


def test_a_batch_has_so_many_bytes_and_one_that_is_larger_goes_alone() -> None:
    out = waiting()
    out.append("x", [(b"aaaa", None), (b"b", None), (b"c", None)])
    assert [batch[1] for batch in taken(out, most_bytes=3)] == [["aaaa"], ["b", "c"]]


def test_what_is_taken_counts_until_it_is_settled() -> None:
    out = waiting()
    out.append("x", entries("ab"))
    batch = out.take(10, 1_000_000)
    assert (out.count, out.bytes, out.waiting) == (2, 2 * EACH, False)
    out.settled(batch.entries)
    assert (out.count, out.bytes) == (0, 0)


def test_once_full_there_is_room_when_half_of_it_is_free_again() -> None:
    out = waiting(max_bytes=4 * EACH)
    out.append("x", entries("abcd"))
    assert not out.has_room()
    out.settled(out.take(1, 1).entries)
    assert not out.has_room()
    out.settled(out.take(1, 1).entries)
    assert out.has_room()


def test_what_did_not_come_in_is_a_mark_in_its_place() -> None:
    out = waiting()
    out.append("x", entries("a"))
    out.drop("x", 2, "no room")
    out.drop("x", 1, "no room")
    out.append("x", entries("b"))
    out.drop("x", 4, "no room")
    assert out.dropped == 7
    assert [batch[1] for batch in taken(out)] == [["a", 3, "b", 4]]


def test_the_oldest_of_the_longest_make_room_and_a_mark_stands_before_the_rest() -> None:
    out = waiting(max_bytes=4 * EACH)
    out.append("x", entries("abc"))
    out.append("y", entries("d"))
    assert [body for body, _ in out.make_room(2 * EACH, "no room")] == [b"a", b"b"]
    assert (out.dropped, out.count) == (2, 2)
    assert [batch[1] for batch in taken(out)] == [[2, "c"], ["d"]]


def test_what_an_earlier_life_sent_is_next_under_its_own_key() -> None:
    out = waiting()
    out.append("x", entries("a"))
    out.again(Batch("y", entries("old"), "its own"))
    assert out.count == 4
    assert taken(out)[0] == ("y", ["o", "l", "d"], "its own")


def test_what_is_cleared_waits_no_more() -> None:
    out = waiting(max_bytes=EACH)
    out.append("x", entries("a"))
    assert not out.has_room()
    out.clear()
    assert (out.waiting, out.count, out.bytes, out.has_room()) == (False, 0, 0, True)
