"""How far files were read, kept in a small file, so that a restart goes on there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import ConfigError
from .files import Mark


class Positions:
    """The marks of each path in one JSON file, which is replaced as a whole.

    Raises:
        ConfigError: from the constructor: there is a file, and it is something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._marks = _load(path)
        self._saved = dict(self._marks)

    def of(self, path: Path) -> list[Mark]:
        """What is known of a path; nothing of one that is new."""
        return self._marks.get(str(path.absolute()), [])

    def set(self, path: Path, marks: Sequence[Mark]) -> None:
        """The hub has everything up to these."""
        self._marks[str(path.absolute())] = list(marks)

    def save(self) -> None:
        """Write them, if they changed. Raises OSError."""
        if self._marks == self._saved:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        shape = {
            path: [{**mark._asdict(), "head": mark.head.hex()} for mark in marks]
            for path, marks in self._marks.items()
        }
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps({"gapless": 1, "files": shape}))
            beside.replace(self.path)
        except OSError:
            beside.unlink(missing_ok=True)  # half of it, where the disk is full
            raise
        self._saved = dict(self._marks)


def default_path(names: Sequence[str], channel: str, url: str) -> Path:
    """Where positions are kept unless somebody says: one file for what is followed, and to where."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    said = "\0".join([*sorted(os.path.abspath(name) for name in names), channel, url])
    return Path(cache) / "gapless" / f"follow-{hashlib.sha256(said.encode()).hexdigest()[:16]}.json"


def _load(path: Path) -> dict[str, list[Mark]]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name another file with --state") from None
    try:
        said = json.loads(text)
        return {
            name: [
                Mark(int(one["device"]), int(one["inode"]), int(one["offset"]), bytes.fromhex(one["head"]))
                for one in marks
            ]
            for name, marks in said["files"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"{path} holds no positions; name another file with --state, or remove it"
        ) from None
