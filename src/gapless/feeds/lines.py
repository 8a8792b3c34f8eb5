"""One line of text as an object: JSON stays what it is, logfmt becomes its pairs, the rest a message.

Pure: no clock, no I/O. Control characters are data; who shows them escapes them.
"""

from __future__ import annotations

import re
from datetime import datetime

import orjson

from .prefixes import Row, recognise

MESSAGE_CHARACTERS = 64 * 1024
"""The longest message of one row: 384 KiB of JSON at the very worst, below what a hub takes (512 KiB)."""

_PAIR = re.compile(
    r'([A-Za-z_@][\w.@/-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=][^\s"]*)?)(?=\s|$)\s*', re.ASCII | re.DOTALL
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_TELLING = {"msg", "message", "level", "lvl", "ts", "time", "event"}
"""One pair alone is logfmt only with one of these keys; otherwise it is a text with an = in it."""


def parse_line(text: str, now: datetime | None = None) -> Row:
    """One line, without its line break, as an object.

    A JSON object is returned as it is. logfmt becomes a dict of its pairs, values as written. Any
    other text becomes `{"message": …}` with `time`, `level` and more where its head says so;
    `now` (aware) gives a time without zone or year what it lacks.
    """
    value = _json_object(text)
    return value if value is not None else logfmt(text) or recognise(text, now)


def parse_rows(text: str, now: datetime | None = None) -> list[Row]:
    """As `parse_line`, but a message too long for one row comes in several, nothing left out."""
    value = _json_object(text)
    if value is not None:
        return [value]
    row = parse_line(text, now)
    message = str(row.get("message", ""))
    if len(message) <= MESSAGE_CHARACTERS:
        return [row]
    pieces = [message[at : at + MESSAGE_CHARACTERS] for at in range(0, len(message), MESSAGE_CHARACTERS)]
    return [row | {"message": pieces[0]}, *({"message": piece} for piece in pieces[1:])]


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
    if not text.lstrip().startswith("{"):
        return None
    try:
        value: Row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value


def _unescape(escape: re.Match[str]) -> str:
    what = escape[1]
    if len(what) > 1:
        return chr(int(what[1:], 16))
    return _ESCAPES.get(what, what)
