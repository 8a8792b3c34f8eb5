"""A file that knows on which line each of its keys stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.config.formats import Document, closest
from gapless.errors import ConfigError

TEXT = """port = 1
[limits]
tags = 2
"a=b".c = 3

[[channel.namespaces]]
name = "one"
[[channel.namespaces]]
name = "two"
"""


def load(directory: Path, text: str | bytes) -> Document:
    path = directory / "gapless.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Document.load(path)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("port",), 1),
        (("limits",), 2),
        (("limits", "tags"), 3),
        (("limits", "a=b", "c"), 4),
        (("limits", "unknown"), 2),
        (("channel", "namespaces", "0", "name"), 7),
        (("channel", "namespaces", "1"), 8),
        (("channel", "namespaces", "1", "name"), 9),
        (("nowhere",), 1),
    ],
)
def test_a_key_has_its_line_or_that_of_the_table_around_it(
    tmp_path: Path, keys: tuple[str, ...], line: int
) -> None:
    assert load(tmp_path, TEXT).where(*keys) == f"{tmp_path / 'gapless.toml'}:{line}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\nb = \n", r":2: this is not TOML"),
        ("a = [1\n", r":1: this is not TOML"),
        (b"a = '\xff'", "is not UTF-8"),
    ],
)
def test_what_is_not_toml_is_said_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_said_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="check --config"):
        Document.load(tmp_path / "nowhere.toml")


def test_a_near_name_is_proposed_and_a_far_one_is_not() -> None:
    assert closest("prot", ["port", "host"]) == "; did you mean 'port'?"
    assert closest("elephant", ["port", "host"]) == ""
