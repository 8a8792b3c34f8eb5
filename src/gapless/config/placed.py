"""JSON and YAML files that know on which line each of their keys stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .file import Keys, TomlFile

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')


def read_json(path: Path, text: str) -> TomlFile:
    """Raises ConfigError where it is no JSON object."""
    try:
        data = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise ConfigError(f"{path}:{line}: this is not JSON: {getattr(error, 'msg', error)}") from None
    return _placed(path, data, dict(_json_places(text)))


def read_yaml(path: Path, text: str) -> TomlFile:
    """Raises ConfigError where it is no YAML mapping, or PyYAML is not there."""
    try:
        import yaml  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise ConfigError(f'{path} is YAML: pip install "gapless[yaml]", or write it as JSON') from None
    try:
        data, root = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        raise ConfigError(f"{path}:{line}: this is not YAML: {getattr(error, 'problem', error)}") from None
    return _placed(path, {} if data is None else data, dict(_yaml_places(root, ())))


def _placed(path: Path, data: Any, lines: dict[Keys, int]) -> TomlFile:
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: the file is an object of options")
    return TomlFile(path, data, lines)


def _json_places(text: str) -> Iterator[tuple[Keys, int]]:
    """The keys of a text that is known to be JSON, with their lines."""
    path: list[str] = []  # the key, or the place in a list, of each value that is open
    last = ""
    lists: list[bool] = []
    line, at = 1, 0
    for token in _TOKEN.finditer(text):
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
