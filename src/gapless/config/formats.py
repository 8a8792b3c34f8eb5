"""A configuration file that knows on which line each of its keys stands: TOML, JSON and YAML."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError

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


class Document(NamedTuple):
    """What a file says, and where: `FILE:LINE` of each key, or the variable that overrides it."""

    path: Path
    data: dict[str, Any]
    places: dict[Keys, str]

    @classmethod
    def load(cls, path: Path) -> Document:
        """Read a file by the end of its name: JSON, YAML, or else TOML.

        Raises:
            ConfigError: it cannot be read, or is not what its name says; with the line where it is not.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; check --config") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is not UTF-8 text; save it as such") from None
        try:
            data, lines = READERS.get(path.suffix, read_toml)(text)
        except UnreadableError as error:
            place = path if error.line is None else f"{path}:{error.line}"
            raise ConfigError(f"{place}: {error.what}") from None
        if not isinstance(data, dict):
            raise ConfigError(f"{path}: the file is an object of options")
        return cls(path, data, {keys: f"{path}:{line}" for keys, line in lines.items()})

    def where(self, *keys: str) -> str:
        """The place of a key, or of the nearest table around it."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        return self.places.get(keys, f"{self.path}:1")


def closest(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
