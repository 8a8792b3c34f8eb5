"""`[board]`: the same board as in Python, and each thing that is wrong with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.board import MOST, Board, Breakdown, Log, Number
from gapless.config.preparing import check
from gapless.config.settings import load
from gapless.errors import ConfigError

GOOD = """[board]
title = "Robot"

[[board.tiles]]
tile = "number"
channel = "stats"
field = "jobs.total"
warn_above = 5

[[board.tiles]]
tile = "breakdown"
channel = "events"
by = "data.repo"

[[board.tiles]]
tile = "log"
channel = "logs"
"""


def test_a_board_of_a_file_is_that_of_python(file: Path) -> None:
    file.write_text(GOOD)
    tiles = [
        Number("stats", "jobs.total", warn_above=5),
        Breakdown("events", by="data.repo"),
        Log("logs"),
    ]
    assert check(file).board.board() == Board(tiles, "Robot")


def test_without_tiles_there_is_no_board(file: Path) -> None:
    file.write_text("port = 1\n")
    assert load(file).board.board() is None


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[board]\ntiles = 7\n", 2, "list"),
        ("[board]\ntitel = 'x'\n", 2, "did you mean 'title'?"),
        ("[[board.tiles]]\nchannel = 'a'\n", 1, "tile is missing: it is one of number"),
        ("[[board.tiles]]\ntile = 'nubmer'\n", 2, "did you mean 'number'?"),
        ("[[board.tiles]]\ntile = 7\n", 2, "it is one of number"),
        ("[[board.tiles]]\ntile = 'log'\nchannel = 'a'\nfeild = 'b'\n", 4, "a log tile has no option"),
        ("[[board.tiles]]\ntile = 'number'\nchannel = 'a'\nfeild = 'b'\n", 4, "did you mean 'field'?"),
        ("[[board.tiles]]\ntile = 'number'\nchannel = 'a'\n", 1, "field is missing"),
        ("[[board.tiles]]\ntile = 'number'\n", 1, "channel and field are missing"),
        ("[[board.tiles]]\ntile = 'number'\nchannel = 'a'\nfield = 7\n", 4, "field is text, not 7"),
        (
            "[[board.tiles]]\ntile = 'number'\nchannel = 'a'\nfield = 'b'\nwide = '2'\n",
            5,
            "a whole number",
        ),
        (
            "[[board.tiles]]\ntile = 'number'\nchannel = 'a'\nfield = 'b'\nwarn_above = true\n",
            5,
            "warn_above is a number",
        ),
        ("[[board.tiles]]\ntile = 'number'\nchannel = 'a'\nfield = 'b'\nwide = 13\n", 5, "1 to 12"),
        ("[[board.tiles]]\ntile = 'chart'\nchannel = 'a'\nfields = 'b'\n", 4, "fields is a list"),
        ("[[board.tiles]]\ntile = 'chart'\nchannel = 'a'\nfields = [7]\n", 4, "a list of names"),
        ("[[board.tiles]]\ntile = 'states'\nchannel = 'a'\ncolours = 'red'\n", 4, "a table"),
        (
            "[[board.tiles]]\ntile = 'log'\nchannel='a'\n[[board.tiles]]\ntile = 'breakdown'\nchannel='a'",
            4,
            "give one of both",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(file: Path, text: str, line: int, said: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        check(file)
    assert f"gapless.toml:{line}: " in str(wrong.value)
    assert said in str(wrong.value)


def test_each_thing_that_is_wrong_has_its_line(file: Path) -> None:
    file.write_text("[[board.tiles]]\ntile = 'x'\n[[board.tiles]]\ntile = 'y'\n")
    with pytest.raises(ConfigError) as wrong:
        check(file)
    assert [line.split(": ")[0].rpartition(":")[2] for line in str(wrong.value).splitlines()] == ["2", "4"]


def test_more_tiles_than_a_board_has_are_refused_together(file: Path) -> None:
    file.write_text("[[board.tiles]]\ntile = 'log'\nchannel = 'a'\n" * (MOST + 1))
    with pytest.raises(ConfigError, match=f"a board has 1 to {MOST} tiles, not {MOST + 1}"):
        check(file)
