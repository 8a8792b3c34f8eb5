"""TOML, JSON and YAML texts, read with the line on which each of their keys stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Keys = tuple[str, ...]
"""The names that lead to a value, from the outside in; elements of lists count from "0"."""

_TOML_SYNTAX = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')


class Read(NamedTuple):
    """What a text says, and the line of each key."""

    data: Any
    lines: dict[Keys, int]


class UnreadableError(Exception):
    """A text that is not of its format; with the line where it stops being so, None for the whole of it."""

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what, self.line = what, line


def read_toml(text: str) -> Read:
    """Raises UnreadableError: it is not TOML."""
    try:
        return Read(tomllib.loads(text), dict(_toml_places(text)))
    except tomllib.TOMLDecodeError as error:
        found = _TOML_SYNTAX.fullmatch(str(error))
        if found is None:
            raise UnreadableError(f"this is not TOML: {error}") from None
        said = found["what"]
        line = int(found["line"] or len(text.splitlines()) or 1)
        raise UnreadableError(f"this is not TOML: {said[:1].lower()}{said[1:]}", line) from None


def read_json(text: str) -> Read:
    """Raises UnreadableError: it is not JSON."""
    try:
        return Read(json.loads(text), dict(_json_places(text)))
    except json.JSONDecodeError as error:
        raise UnreadableError(f"this is not JSON: {error.msg}", error.lineno) from None


def read_yaml(text: str) -> Read:
    """Raises UnreadableError: it is not YAML, or PyYAML is not there."""
    try:
        import yaml  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise UnreadableError('this is YAML: pip install "gapless[yaml]", or write it as JSON') from None
    try:
        data, root = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        raise UnreadableError(f"this is not YAML: {getattr(error, 'problem', error)}", line) from None
    return Read({} if data is None else data, dict(_yaml_places(root, ())))


READERS: dict[str, Callable[[str], Read]] = {".json": read_json, ".yaml": read_yaml, ".yml": read_yaml}
"""By the end of a file's name; others are TOML."""


def _toml_places(text: str) -> Iterator[tuple[Keys, int]]:
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
            keys = _toml_keys(line)
            if keys:
                table = keys
                if line.startswith("[["):
                    table = (*keys, str(elements[keys]))
                    elements[keys] += 1
                yield table, number
        elif "=" in line:
            # A quoted key may hold an = itself; the shortest left side that parses is the key.
            sides = (line[:at] for at, character in enumerate(line) if character == "=")
            keys = next(filter(None, (_toml_keys(f"{side} = 0") for side in sides)), ())
            if keys:
                yield table + keys, number


def _toml_keys(line: str) -> Keys:
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


def _json_places(text: str) -> Iterator[tuple[Keys, int]]:
    """The keys of a text that is known to be JSON, with their lines."""
    path: list[str] = []  # the key, or the place in a list, of each value that is open
    last = ""
    lists: list[bool] = []
    line, at = 1, 0
    for token in _JSON_TOKEN.finditer(text):
        line, at = line + text.count("\n", at, token.start()), token.start()
        match token[0]:
            case "{" | "[" as bracket:
                lists.append(bracket == "[")
                path.append("0" if bracket == "[" else "")
                if bracket == "[":
                    yield tuple(path), line
            case "}" | "]":
                lists.pop()
                path.pop()
            case "," if lists[-1]:
                path[-1] = str(int(path[-1]) + 1)
                yield tuple(path), line
            case ":":
                path[-1] = json.loads(last)
                yield tuple(path), line
            case _:
                last = token[0]


def _yaml_places(node: Any, path: Keys) -> Iterator[tuple[Keys, int]]:
    if isinstance(getattr(node, "value", None), list):
        for at, part in enumerate(node.value):
            key, value = part if isinstance(part, tuple) else (None, part)
            name = str(at) if key is None else str(key.value)
            yield (*path, name), (value if key is None else key).start_mark.line + 1
            yield from _yaml_places(value, (*path, name))
