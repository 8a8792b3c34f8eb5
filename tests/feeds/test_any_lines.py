"""Any bytes as lines: nothing ends a feed, everything becomes JSON that a hub takes, and nothing is left out.

GAPLESS_FUZZ_LINES says how many lines are tried; a whole night of them is `GAPLESS_FUZZ_LINES=10000000`.
"""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime

import orjson
import pytest

from gapless import Limits
from gapless.cli.feeding import Rows, entries
from gapless.doors.rows import payloads
from gapless.feeds.splitting import LineSplitter

LINES = int(os.environ.get("GAPLESS_FUZZ_LINES", "40000"))
SEEDS = 8

WORDS = [
    b"level=info", b"msg=", b'"', b"\\", b"\\u", b"d83d", b"{", b"}", b"[", b"]", b'{"level":{}}',
    b":", b", ", b"\x1b[31m", b"\r", b"\0", b"\xff", b"\xe4", "ä😀".encode(),
    b"Traceback (most recent call last):", b'  File "x", line 1', b"ValueError: boo",
    b"2026-11-28 20:00:00,123", b"ERROR", b"[warn]", b"<34>1 ", b" ",
    b"Nov 28 20:00:00 host app[7]: ",
    b"During handling of the above exception, another exception occurred:", b"1e999", b"NaN", b"-0",
    b"12345678901234567890123456789", b"\xef\xbb\xbf", b"\xff\xfe", b"=", b"\t", b"a", b"time=",
]  # fmt: skip


def line(chance: random.Random) -> bytes:
    """One line of anything, without its break."""
    match chance.randrange(5):
        case 0:
            made = chance.randbytes(chance.randrange(60))
        case 1:
            made = json.dumps(value(chance, 4)).encode()
        case 2:
            whole = json.dumps(value(chance, 4)).encode()
            made = whole[: chance.randrange(len(whole) + 1)]
        case _:
            made = b"".join(chance.choice(WORDS) for _ in range(chance.randrange(12)))
    return made.replace(b"\n", b"")


def value(chance: random.Random, depth: int) -> object:
    if depth and chance.random() < 0.6:
        names = ("level", "message", "time", "exception", "x")
        return {chance.choice(names): value(chance, depth - 1) for _ in range(chance.randrange(4))}
    return chance.choice([None, True, 7, -1.5, "text", "\ud83d", "\x00", [], {}, 10**30, ["a"] * 3])


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("join", [True, False], ids=["join", "no-join"])
def test_every_line_becomes_what_a_hub_takes(seed: int, join: bool) -> None:
    chance = random.Random(f"{seed} {join}")
    limits = Limits()
    splitter, rows = LineSplitter(progress=chance.random() < 0.5), Rows(join=join)
    left = LINES // (2 * SEEDS)
    seen = 0
    while left > 0:
        block = [f"begin {left}".encode(), *(line(chance) for _ in range(200)), b"end"]
        left -= 200
        given = b"\n".join(block) + b"\n"
        found = []
        while given:
            cut = chance.choice([1, 7, 100, 65536])
            found += rows.feed(splitter.feed(given[:cut]))
            given = given[cut:]
            if chance.random() < 0.02:
                found += rows.flush()
        bodies = [body for body, _ in entries(found)]
        taken = payloads("application/x-ndjson", b"\n".join(bodies), limits, datetime.now(UTC))
        assert taken == bodies, f"seed {seed}"  # each body is one line of JSON, within every limit
        seen += sum(orjson.loads(body).get("message") == "end" for body in bodies)
    found = rows.feed(splitter.end()) + rows.flush()
    seen += sum(row.get("message") == "end" for row in found)
    wanted = -(-(LINES // (2 * SEEDS)) // 200)
    # A block may end inside what reads as a traceback: its last line is then in that row's exception.
    assert wanted // 2 < seen <= wanted, f"seed {seed}"


def test_what_stands_in_plain_lines_is_all_there() -> None:
    chance = random.Random(7)
    splitter, rows = LineSplitter(), Rows(join=True)
    words = [
        "ERROR",
        "[warn]",
        "x=1",
        "level=info",
        "10.0.0.1",
        "Nov",
        "ä",
        "{",
        "2026-11-28",
        "INFO:",
        "a b",
        "<13>",
    ]
    for _ in range(5000):
        text = " ".join(chance.choice(words) for _ in range(chance.randrange(1, 8))) + " ⏹"
        (row,) = rows.feed(splitter.feed(f"{text}\n".encode())) or rows.flush()
        said = json.dumps(row, ensure_ascii=False)
        assert "⏹" in said
        for number in ("10.0.0.1", "ä", "{"):
            assert said.count(number) >= text.count(number), text
