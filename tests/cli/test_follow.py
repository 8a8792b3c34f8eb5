"""`gapless follow`: nothing of a file is lost while hubs come and go."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..client.scripted import CUT, publications
from ..support.commands import serving, started
from ..support.until import DEADLINE, until
from .conftest import Verb


def messages(verb: Verb, url: str, channel: str) -> list[str]:
    ended = verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow")
    assert ended.code == 0
    return [json.loads(line)["message"] for line in ended.out]


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def rotate(path: Path) -> None:
    for number in (3, 2, 1):
        old = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        if old.exists():
            old.replace(path.with_name(f"{path.name}.{number}"))


def test_a_hub_that_is_away_during_rotations_gets_every_line(
    verb: Verb, channel: str, tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    append(log)
    with serving() as (url, _):
        port = url.rpartition(":")[2]
    expected = []
    with started("follow", str(log), "-c", channel, "--url", url, "--from-start") as follow:
        for rotation in range(3):
            lines = [
                f"{rotation} {number} {'x' * 500}" for number in range(9000)
            ]  # more than 16 MiB together
            append(log, *lines)
            expected += lines
            if not rotation:
                assert "gapless serve" in (follow.line("err") or "")
            rotate(log)
        append(log, "last")
        with started("serve", "--port", port) as hub:
            hub.until("http://")
            with started("tail", channel, "--url", url, "-o", "raw", "-n", "1") as tail:
                tail.until('"message":"last"')
            assert follow.end(signal.SIGINT) == 130
            assert messages(verb, url, channel) == [*expected, "last"]


def test_a_restart_goes_on_where_it_was_through_a_rotation(
    verb: Verb, url: str, channel: str, tmp_path: Path
) -> None:
    log, state = tmp_path / "app.log", str(tmp_path / "state")
    append(log, "one")
    arguments = ("follow", str(log), "-c", channel, "--url", url, "--from-start", "--state", state)
    with started("tail", channel, "--url", url, "-o", "raw", "--since", "x:1") as tail:
        with started(*arguments) as follow:
            assert json.loads(tail.line() or "")["message"] == "one"
            assert follow.end(signal.SIGTERM) == 143
        append(log, "two")
        rotate(log)
        append(log, "three")
        with started(*arguments) as follow:
            assert json.loads(tail.line() or "")["message"] == "two"
            assert json.loads(tail.line() or "")["message"] == "three"
            assert follow.end(signal.SIGINT) == 130
    assert messages(verb, url, channel) == ["one", "two", "three"]


def test_each_file_may_have_its_channel_and_new_ones_are_found(
    verb: Verb, url: str, channel: str, tmp_path: Path
) -> None:
    append(tmp_path / "one.log", "1")
    with (
        started("tail", f"{channel}:one", f"{channel}:two", "--url", url, "-o", "raw") as tail,
        started("follow", str(tmp_path), "-c", channel + ":{stem}", "--url", url, "--from-start") as follow,
    ):
        first: Any = json.loads(tail.line() or "")
        assert (first["message"], first["source"]) == ("1", str(tmp_path / "one.log"))
        append(tmp_path / "two.log", "2")
        assert json.loads(tail.line() or "")["message"] == "2"
        assert follow.end(signal.SIGINT) == 130
    assert messages(verb, url, f"{channel}:two") == ["2"]


def test_what_could_not_be_read_is_told_in_the_channel(url: str, channel: str, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, "one")
    with (
        started("tail", channel, "--url", url, "-o", "raw") as tail,
        started("follow", str(log), "-c", channel, "--url", url, "--from-start") as follow,
    ):
        assert json.loads(tail.line() or "")["message"] == "one"
        os.truncate(log, 0)
        notice = json.loads(tail.line() or "")
        assert (notice["kind"], notice["count"]) == ("feeder_gap", None)
        assert "was cut off or rewritten" in notice["message"]
        assert follow.end(signal.SIGINT) == 130


def put_a_file_in_place_of(folder: Path) -> None:
    """Nobody, root neither, can write below it then. Whoever writes there meanwhile makes it anew: again."""
    for at in itertools.count():
        folder.rename(folder.with_name(f"aside {at}"))
        with contextlib.suppress(FileExistsError):
            folder.touch(exist_ok=False)
            return


def test_positions_that_cannot_be_written_are_said_once_and_tried_again(
    verb: Verb, url: str, channel: str, tmp_path: Path
) -> None:
    log, folder = tmp_path / "app.log", tmp_path / "states"
    append(log, "one")
    state = folder / "state"
    arguments = ("follow", str(log), "-c", channel, "--url", url, "--from-start", "--state", str(state))
    with started(*arguments) as follow:
        _wait_for(state.exists)
        put_a_file_in_place_of(folder)
        append(log, "two")
        assert "positions cannot be kept" in follow.until("positions", "err")
        append(log, "three")
        _wait_for(lambda: messages(verb, url, channel) == ["one", "two", "three"])
        folder.unlink()
        _wait_for(state.exists)
        assert follow.end(signal.SIGINT) == 130
        assert not [line for line in follow.rest("err") if "positions" in line]
    with started(*arguments) as follow:
        append(log, "four")
        _wait_for(lambda: messages(verb, url, channel) == ["one", "two", "three", "four"])


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("step", [CUT, 503])
async def test_what_nobody_knows_the_hub_has_when_it_is_ended_arrives_once(
    channel: str, tmp_path: Path, number: int, step: int | str
) -> None:
    log, state = tmp_path / "app.log", tmp_path / "state"
    append(log, *(f"line {at}" for at in range(7_000)))  # read in one turn, and sent in several requests
    async with publications() as api:
        api.script += [None, step, *[503] * 10_000]
        arguments = ("follow", str(log), "-c", channel, "--url", api.url, "--from-start")
        with started(*arguments, "--state", str(state)) as follow:
            await until(lambda: len(api.requests) >= 4)
            assert len(api.taken) < 7_000
            assert await asyncio.to_thread(follow.end, number) == (
                143 if number == signal.SIGTERM else -number
            )
        append(log, "last")
        api.script.clear()
        with started(*arguments, "--state", str(state)) as follow:
            await until(lambda: bool(api.taken) and api.taken[-1]["message"] == "last")
        expected = [*(f"line {at}" for at in range(7_000)), "last"]
        assert [row["message"] for row in api.taken] == expected


@pytest.mark.anyio
async def test_however_often_it_is_killed_each_line_comes_once(channel: str, tmp_path: Path) -> None:
    log, state, chance = tmp_path / "app.log", tmp_path / "state", random.Random(5)
    written = 0
    async with publications() as api:

        def write(count: int) -> None:
            nonlocal written
            append(log, *(f"ERROR {at}" for at in range(written, written + count)))
            written += count

        arguments = ("follow", str(log), "-c", channel, "--url", api.url, "--from-start")
        write(50)
        for life in range(8):
            begun = len(api.requests)
            requests = chance.randrange(2, 8)
            with started(*arguments, "--state", str(state)) as follow:
                await until(lambda begun=begun: len(api.requests) > begun)  # type: ignore[misc]
                while len(api.requests) < begun + requests:
                    write(50)
                    await asyncio.sleep(chance.random() / 50)
                follow.end(signal.SIGKILL)
            if life in (2, 5):
                write(50)
                rotate(log)
            write(50)
        append(log, "last")
        with started(*arguments, "--state", str(state)):
            await until(lambda: api.taken[-1]["message"] == "last")
        assert [row["message"] for row in api.taken] == [*map(str, range(written)), "last"]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
