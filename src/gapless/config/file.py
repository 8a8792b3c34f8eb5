"""A configuration that knows where each of its keys stands."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError
from .formats import READERS, Keys, UnreadableError, read_toml

__all__ = ["Document", "Keys", "closest"]


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
