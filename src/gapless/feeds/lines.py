"""One line of text as an object: JSON stays what it is, logfmt becomes its pairs, the rest a message.

Pure: no clock, no I/O. Control characters are data; who shows them escapes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from ..protocol.encode import trimmed
from ..protocol.strict import is_deeper
from .prefixes import Row, recognise
from .splitting import Piece

MESSAGE_CHARACTERS = 64 * 1024
"""The longest message of one row: 384 KiB of JSON at the very worst, below what a hub takes (512 KiB)."""
JSON_DEPTH = 64
"""An object that is nested deeper, which a hub would refuse, is text."""

_PAIR = re.compile(
    r'([A-Za-z_@][\w.@/-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=][^\s"]*)?)(?=\s|$)\s*', re.ASCII | re.DOTALL
)
_PAIRED = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # two that are one character (UTF-16)
_ESCAPE = re.compile(rf"\\({_PAIRED}|u[0-9a-fA-F]{{4}}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "/": "/"}
_TIMES = {"time", "timestamp", "ts", "@timestamp", "asctime"}
_TELLING = {"msg", "message", "level", "lvl", "ts", "time", "event"}
"""One pair alone is logfmt only with one of these keys; otherwise it is a text with an = in it."""


class Verbatim(dict[str, Any]):
    """A JSON object, read, and as it was written: numbers of any length, keys that stand twice."""

    __slots__ = ("source",)

    def __init__(self, fields: dict[str, Any], source: bytes) -> None:
        super().__init__(fields)
        self.source = source

    def preceded_by(self, fields: Mapping[str, object]) -> Verbatim:
        """The same with more members at its beginning, those that it has itself left out."""
        more = {name: value for name, value in fields.items() if name not in self}
        if not more:
            return self
        comma = b"," if self else b""
        source = _dumps(more)[:-1] + comma + self.source.lstrip()[1:]
        return Verbatim({**more, **self}, source)

    def followed_by(self, name: str, value: object) -> Verbatim:
        """The same with one more member at its end."""
        comma = b"," if self else b""
        source = b'%b%b"%b":%b}' % (self.source.rstrip()[:-1], comma, name.encode(), _dumps(value))
        return Verbatim({**self, name: value}, source)


def with_fields(row: Row, fields: Mapping[str, object]) -> Row:
    """A row that says more, unless it says the same itself."""
    if isinstance(row, Verbatim):
        return row.preceded_by(fields)
    return {**fields, **row}


def parse_line(text: str, now: datetime | None = None) -> Row:
    """One line, without its line break, as an object.

    A JSON object is returned as it is, as `Verbatim`. logfmt becomes a dict of its pairs, values as
    written. Any other text becomes `{"message": …}` with `time`, `level` and more where its head says
    so; `now` (aware) gives a time without zone or year what it lacks.
    """
    if "{" in text:
        value = _json_object(text)
        if value is not None:
            return value
    return ("=" in text and logfmt(text)) or recognise(text, now)


def parse_rows(text: str, now: datetime | None = None, stamp: str | None = None) -> list[Row]:
    """As `parse_line`, but a message too long for one row comes in several, nothing left out.

    Each of these says in `part` whether it is the `first`, a `middle` or the `last` one; so do the
    pieces of a line that was cut before (`splitting.Piece`). A row that is no JSON object and
    names no time gets `stamp`.
    """
    cut = text.part if isinstance(text, Piece) else None
    if cut is not None:
        row: Row = {"message": str(text), "part": cut}
    elif "{" in text and (value := _json_object(text)) is not None:
        return [value]
    elif "=" in text and (pairs := logfmt(text)) is not None:
        if stamp is not None and not pairs.keys() & _TIMES:
            pairs = {"time": stamp, **pairs}
        return _without_long_values(pairs)
    else:
        row = recognise(text, now)
    if stamp is not None and "time" not in row:
        row = {"time": stamp, **row}
    return [row] if len(row["message"]) <= MESSAGE_CHARACTERS else _in_parts(row, cut, stamp)


def _in_parts(row: Row, cut: str | None, stamp: str | None) -> list[Row]:
    """A message that is too long for one row. `cut` is what part of its line it is itself."""
    message = row["message"]
    pieces = [message[at : at + MESSAGE_CHARACTERS] for at in range(0, len(message), MESSAGE_CHARACTERS)]
    parts = ["middle"] * len(pieces)
    if cut in (None, "first"):
        parts[0] = "first"
    if cut in (None, "last"):
        parts[-1] = "last"
    time = {} if stamp is None else {"time": stamp}
    first = row | {"message": pieces[0], "part": parts[0]}
    return [
        first,
        *(
            {**time, "message": piece, "part": part}
            for piece, part in zip(pieces[1:], parts[1:], strict=True)
        ),
    ]


def _without_long_values(row: Row) -> list[Row]:
    """A row of logfmt may hold more than a row may: then it is text."""
    size = sum(len(value) for value in row.values() if isinstance(value, str))
    if size <= 2 * MESSAGE_CHARACTERS:
        return [row]
    text = " ".join(f"{name}={value}" for name, value in row.items())
    return _in_parts({"message": text}, None, row.get("time"))


def as_json(row: Row) -> bytes:
    """A row as it is published. Nothing in it can make this fail."""
    if isinstance(row, Verbatim):
        return row.source
    return _dumps(row)


def _dumps(value: object) -> bytes:
    try:
        return trimmed(orjson.dumps(value))
    except TypeError:
        # Half of a character that UTF-16 needs two for: no JSON in UTF-8 can hold it.
        return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def logfmt(text: str) -> Row | None:
    """The pairs of a line that is nothing but `key=value` and `key="quoted value"`, else None.

    The whole line must read as pairs, because text with an = in it is common and must stay text.
    """
    row: Row = {}
    at = len(text) - len(text.lstrip())
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None:
            return None
        key, quoted, bare = pair.groups()
        row[key] = (bare or "") if quoted is None else _ESCAPE.sub(_unescape, quoted)
        at = pair.end()
    return row if len(row) > 1 or row.keys() & _TELLING else None


def _json_object(text: str) -> Row | None:
    stripped = text.strip(" \t\r")
    if not stripped.startswith("{"):
        return None
    try:
        source = stripped.encode()
        value = orjson.loads(source)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None
    if text.count("{") + text.count("[") > JSON_DEPTH and is_deeper(stripped, JSON_DEPTH):
        return None
    # Between the parts of a document a CR is white space, of which a publication has none that breaks lines.
    return Verbatim(value, source.replace(b"\r", b"") if b"\r" in source else source)


def _unescape(escape: re.Match[str]) -> str:
    what = escape[1]
    if len(what) == 1:
        return _ESCAPES.get(what, escape[0])
    if len(what) > 5:
        return (bytes.fromhex(what[1:5]) + bytes.fromhex(what[7:])).decode("utf-16-be")
    character = chr(int(what[1:], 16))
    return escape[0] if "\ud800" <= character <= "\udfff" else character
