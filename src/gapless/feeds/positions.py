"""How far files were read, kept in a small file, so that a restart goes on there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ..errors import ConfigError
from .files import Mark
from .rotation import may_be_of
from .sent import Reached


class Sending(NamedTuple):
    """What goes to the hub just now. Until it has answered nobody knows whether it has it."""

    channel: str
    key: str
    """Under which the hub knows it again."""
    rows: Sequence[bytes]


class Positions:
    """What was reached of each path, and what is under way, in one JSON file that is replaced as a whole.

    It outlives whoever writes it, not a power cut: it does not wait for the disk.

    Raises:
        ConfigError: from the constructor: there is a file, and it is something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reached, self._sending, self._patterns = _load(path)
        self._followed = self._patterns
        self._encoded = {name: _encode(name, reached) for name, reached in self._reached.items()}
        self._saved = True

    def of(self, path: Path) -> Reached | None:
        """What is known of a path; None of one that is new."""
        return self._reached.get(str(path.absolute()))

    def follow(self, patterns: Iterable[str]) -> None:
        """These are looked at from now on, and were in this life."""
        self._followed = frozenset(map(os.path.abspath, patterns))
        self._saved = self._saved and self._followed == self._patterns

    def came_since(self, pattern: str, path: Path) -> bool:
        """Was a file made since an earlier life that looked at this pattern, and not by a rotation?"""
        name = str(path.absolute())
        if os.path.abspath(pattern) not in self._patterns or name in self._reached:
            return False
        beside = [Path(known) for known in self._reached if os.path.dirname(known) == os.path.dirname(name)]
        return not any(may_be_of(path.name, known) for known in beside)

    def set(self, path: Path, reached: Reached) -> None:
        """What lies before this has gone, or is under way."""
        name = str(path.absolute())
        if self._reached.get(name) != reached:
            self._encoded[name] = _encode(name, reached)
            self._reached[name] = reached
            self._saved = False

    @property
    def sending(self) -> Sending | None:
        """What is under way; None: the hub has answered to everything."""
        return self._sending

    @sending.setter
    def sending(self, sending: Sending | None) -> None:
        if sending != self._sending:
            self._sending = sending
            self._saved = False

    def save(self) -> None:
        """Write it, if something changed. Raises OSError."""
        if self._saved:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = b'{"gapless":2,"files":{%b},"patterns":%b,"sending":%b}' % (
            b",".join(self._encoded.values()),
            json.dumps(sorted(self._followed)).encode(),
            _shown(self._sending),
        )
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            beside.write_bytes(text)
            beside.replace(self.path)
        except OSError:
            beside.unlink(missing_ok=True)  # half of it, where the disk is full
            raise
        self._saved = True


def default_path(names: Sequence[str], channel: str, url: str) -> Path:
    """Where positions are kept unless somebody says: one file for what is followed, and to where."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    said = "\0".join([*sorted(os.path.abspath(name) for name in names), channel, url])
    return Path(cache) / "gapless" / f"follow-{hashlib.sha256(said.encode()).hexdigest()[:16]}.json"


def _encode(name: str, reached: Reached) -> bytes:
    """A member of `files`. Names of files that are no UTF-8 have half characters, which `json` writes."""
    marks = [{**mark._asdict(), "head": mark.head.hex()} for mark in reached.marks]
    return b"%b:%b" % (json.dumps(name).encode(), orjson.dumps({"marks": marks, "rows": reached.rows}))


def _shown(sending: Sending | None) -> bytes:
    if sending is None:
        return b"null"
    # As text, and not as the JSON that they are: numbers of any length stay what they are.
    rows = [row.decode() for row in sending.rows]
    return orjson.dumps({"channel": sending.channel, "key": sending.key, "rows": rows})


def _load(path: Path) -> tuple[dict[str, Reached], Sending | None, frozenset[str]]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}, None, frozenset()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name another file with --state") from None
    try:
        said = json.loads(text)
        reached = {name: _reached(one) for name, one in said["files"].items()}
        return reached, _sending(said.get("sending")), frozenset(map(str, said.get("patterns", ())))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"{path} holds no positions; name another file with --state, or remove it"
        ) from None


def _reached(said: Any) -> Reached:
    """Earlier versions kept the marks alone."""
    marks, rows = (said, 0) if isinstance(said, list) else (said["marks"], int(said["rows"]))
    return Reached(
        [
            Mark(int(one["device"]), int(one["inode"]), int(one["offset"]), bytes.fromhex(one["head"]))
            for one in marks
        ],
        rows,
    )


def _sending(said: Any) -> Sending | None:
    if said is None:
        return None
    return Sending(str(said["channel"]), str(said["key"]), [str(row).encode() for row in said["rows"]])
