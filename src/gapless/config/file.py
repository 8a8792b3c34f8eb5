"""A TOML file that knows on which line each of its keys stands."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError

Keys = tuple[str, ...]

_SYNTAX = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)")


class TomlFile(NamedTuple):
    """What a file says, and where it says so."""

    path: Path
    data: dict[str, Any]
    lines: dict[Keys, int]

    @classmethod
    def load(cls, path: Path) -> TomlFile:
        """Raises ConfigError when the file cannot be read or is not TOML; with the line where it is not."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; check --config") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is not UTF-8 text; save it as such") from None
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(_syntax(path, str(error), text)) from None
        return cls(path, data, dict(_places(text)))

    def where(self, *keys: str) -> str:
        """`FILE:LINE` of a key, or of the nearest table around it."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return f"{self.path}:{self.lines.get(keys, 1)}"


def closest(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _syntax(path: Path, message: str, text: str) -> str:
    found = _SYNTAX.fullmatch(message)
    if found is None:
        return f"{path}: this is not TOML: {message}"
    line = found["line"] or str(len(text.splitlines()) or 1)
    return f"{path}:{line}: this is not TOML: {found['what'][:1].lower()}{found['what'][1:]}"


def _places(text: str) -> Iterator[tuple[Keys, int]]:
    """The keys of each line that sets one or begins a table.

    The parser of the standard library tells no positions, so every line is tried for itself: what
    parses as a table's head or as the left side of an assignment is one. A line inside a string of
    several lines may look like one too; it then only costs a wrong line number in a message.
    """
    table: Keys = ()
    elements: Counter[Keys] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line.startswith("["):
            keys = _parsed(line)
            if keys:
                table = keys
                if line.startswith("[["):
                    table = (*keys, str(elements[keys]))  # lists of tables are counted from 0
                    elements[keys] += 1
                yield table, number
        elif "=" in line:
            # A quoted key may hold an = itself; the shortest left side that parses is the key.
            sides = (line[:at] for at, character in enumerate(line) if character == "=")
            keys = next(filter(None, (_parsed(f"{side} = 0") for side in sides)), ())
            if keys:
                yield table + keys, number


def _parsed(line: str) -> Keys:
    """The keys that one line of TOML stands for, from the outside in; () when it does not parse."""
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)
