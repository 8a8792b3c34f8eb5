"""`gapless pipe`: whatever comes in is published and passed on, to the end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import deque
from typing import Any

import pytest

from ..client.scripted import publications
from ..support.commands import environment, gapless, serving, started
from ..support.until import DEADLINE, until
from .conftest import Verb


def piped(channel: str, url: str, given: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run it over some bytes, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gapless", "pipe", channel, "--url", url, *options],
        input=given,
        capture_output=True,
        env=environment(),
        timeout=2 * DEADLINE,
        check=False,
    )


def rows(verb: Verb, url: str, channel: str) -> list[dict[str, Any]]:
    ended = verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow")
    assert ended.code == 0
    return [json.loads(line) for line in ended.out]


NESTED = '{"a":' * 256 + "1" + "}" * 256
HOSTILE: list[tuple[bytes, dict[str, object]]] = [
    (b'{"level":{},"message":""}', {"level": {}, "message": ""}),
    (rb'level=info msg="\ud83d\ude00"', {"level": "info", "msg": "😀"}),
    (rb'level=info msg="\ud83d \q \u00e4"', {"level": "info", "msg": r"\ud83d \q ä"}),
    (rb'{"half":"\ud83d"}', {"message": r'{"half":"\ud83d"}'}),
    (NESTED.encode(), {"message": NESTED}),
    (b"[" * 5000, {"message": "[" * 5000}),
    (b"\0\0nul\0", {"message": "\0\0nul\0"}),
    (b"\xff\xfeno utf-8\xe4", {"message": "\ufffd\ufffdno utf-8\ufffd"}),
    (b"10%\r55%\r100% done\r", {"message": "100% done"}),
    (b"\x1b[31mred\x1b[0m", {"message": "\x1b[31mred\x1b[0m"}),
    (b'{"level":[1],"message":"x","exception":{}}', {"level": [1], "message": "x", "exception": {}}),
    (b'"text"', {"message": '"text"'}),
    (b"{", {"message": "{"}),
    (b'{"n":NaN}', {"message": '{"n":NaN}'}),
    (b'{"n":1e999}', {"message": '{"n":1e999}'}),
]


def test_no_line_ends_it_and_each_arrives(verb: Verb, url: str, channel: str) -> None:
    given = b"first\n" + b"\n".join(line for line, _ in HOSTILE) + b"\nlast"
    ended = piped(channel, url, given)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == given
    found = rows(verb, url, channel)
    for row in found:
        if "time" in row:
            del row["time"]
    assert found == [{"message": "first"}, *(row for _, row in HOSTILE), {"message": "last"}]


def test_an_object_stays_what_it_was_byte_for_byte(url: str, channel: str) -> None:
    line = '{"n":123456789012345678901234567890, "x":1.0e5,"twice":1,"twice":2,"escaped":"\\u00e4\\/"}'
    assert piped(channel, url, f"{line}\n".encode(), "-q").returncode == 0
    with started("tail", channel, "--url", url, "-o", "json", "--no-follow") as tail:
        shown = tail.line() or ""
    assert "123456789012345678901234567890" in shown


def test_an_object_keeps_its_source_when_a_traceback_joins_it(verb: Verb, url: str, channel: str) -> None:
    given = '{"n":123456789012345678901234567890,"level":"error","message":"boo"}\n'
    given += 'Traceback (most recent call last):\n  File "x", line 1\nValueError: boo\n'
    assert piped(channel, url, given.encode(), "-q").returncode == 0
    (row,) = rows(verb, url, channel)
    assert (row["n"], row["exception"]["type"]) == (123456789012345678901234567890, "ValueError")


def test_a_very_long_line_comes_in_marked_parts_with_nothing_left_out(
    verb: Verb, url: str, channel: str
) -> None:
    line = "".join(f"{number:07} " for number in range(640_000))
    ended = piped(channel, url, f"before\n{line}\nafter\n".encode(), "-q")
    assert (ended.returncode, ended.stderr) == (0, b"")
    before, *parts, after = rows(verb, url, channel)
    assert (before["message"], after["message"]) == ("before", "after")
    assert "part" not in before
    assert [part["part"] for part in parts] == ["first", *["middle"] * (len(parts) - 2), "last"]
    assert "".join(part["message"] for part in parts) == line


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_byte_order_mark_says_how_to_read(verb: Verb, url: str, channel: str, encoding: str) -> None:
    assert piped(channel, url, "grün\nzwei\n".encode(encoding), "-q").returncode == 0
    assert [row["message"] for row in rows(verb, url, channel)] == ["grün", "zwei"]


def test_far_more_than_is_kept_waits_for_a_hub_that_answers(verb: Verb, url: str, channel: str) -> None:
    count = 100_000  # 25 MB as they wait, where 16 MiB are kept
    given = "".join(f"{number}\n" for number in range(count)).encode()
    ended = piped(channel, url, given)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == given
    found = rows(verb, url, channel)
    assert [int(row["message"]) for row in found] == list(range(count))


def test_while_the_hub_is_away_the_input_is_passed_on_to_its_end_and_the_exit_code_tells() -> None:
    given = b"line\n" * 200_000
    ended = piped("x", "http://127.0.0.1:9", given)
    assert ended.stdout == given
    assert ended.returncode == 1
    said = ended.stderr.decode().splitlines()
    assert "no hub answers at http://127.0.0.1:9" in said[0]
    assert "16 MiB wait for the hub" in said[1]
    assert any("publications were dropped: the hub was away for too long" in line for line in said)


def test_nobody_reading_its_output_does_not_end_it(verb: Verb, url: str, channel: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gapless", "pipe", channel, "--url", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdout.close()
        process.stdin.write(b"one\ntwo\n" * 1000)
        process.stdin.close()
        assert process.wait(DEADLINE) == 0
    assert len(rows(verb, url, channel)) == 2000


@pytest.mark.anyio
async def test_a_credential_that_is_not_accepted_for_a_while_costs_nothing() -> None:
    async with publications(script=deque([None, 401, 401])) as api:
        with started("pipe", "x", "--url", api.url) as pipe:
            pipe.type("one\n")
            await until(lambda: len(api.taken) == 1)
            pipe.type("two\n")
            await until(lambda: len(api.taken) == 2)
            assert pipe.line() == "one"
            if pipe.process.stdin is not None:
                pipe.process.stdin.close()
            assert pipe.process.wait(DEADLINE) == 0
            assert "wants a credential; give it as --token or GAPLESS_TOKEN" in "".join(pipe.rest("err"))
        assert [row["message"] for row in api.taken] == ["one", "two"]


def test_the_state_of_a_progress_bar_is_shown_as_it_goes(url: str, channel: str) -> None:
    with (
        started("tail", channel, "-o", "raw", "--url", url) as tail,
        started("pipe", channel, "-q", "--url", url) as pipe,
    ):
        pipe.type("10%\r20%\r")
        state = json.loads(tail.line() or "")
        assert (state["message"], state["progress"]) == ("20%", True)
        pipe.type("30%\r100%\nnext\n")
        last = json.loads(tail.line() or "")
        assert (last["message"], "progress" in last) == ("100%", False)
        assert json.loads(tail.line() or "")["message"] == "next"
        assert pipe.end(signal.SIGINT) == 130


def test_what_was_read_is_delivered_after_a_restart_of_the_hub(verb: Verb, channel: str) -> None:
    with serving() as (url, _):
        port = url.rpartition(":")[2]
    with started("pipe", channel, "--url", url) as pipe:
        pipe.type("one\ntwo\n")
        assert "gapless serve" in (pipe.line("err") or "")
        with started("serve", "--port", port) as hub:
            hub.until("http://")
            assert "answers again" in (pipe.line("err") or "")
            assert [row["message"] for row in rows(verb, url, channel)] == ["one", "two"]
            assert pipe.end(signal.SIGINT) == 130


def test_an_empty_input_needs_no_hub(channel: str) -> None:
    ended = gapless("pipe", channel, "--url", "http://127.0.0.1:9", given="")
    assert (ended.returncode, ended.stderr) == (0, "")
