"""The search index: the words of publications, by sequence and stream.

It holds no text of its own (FTS5 calls that contentless), so a row is taken out of it by the
words that it was put in with: they are computed from the payload again, by the same expression.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from .streams import Stream

TABLE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (stream, text, content = '', tokenize = 'unicode61')"
)

TEXT = (
    "coalesce((SELECT group_concat(atom, ' ') FROM json_tree(CAST(payload AS TEXT)) "
    "WHERE type IN ('text', 'integer')), '')"
)
"""The values of a payload, without its keys and punctuation, as SQL."""

_TERM = re.compile(r'"([^"]*)"?|(\S+)')


def index(connection: sqlite3.Connection, stream: Stream, at_most: int) -> None:
    """Put the next publications of a stream into the index."""
    connection.execute(TABLE)
    begin = max(stream.indexed + 1, stream.floor)
    end = min(stream.top, begin + at_most - 1)
    connection.execute(
        f"INSERT INTO words (rowid, stream, text) SELECT seq, ?, {TEXT} FROM publications "  # noqa: S608
        "WHERE stream = ? AND offset >= ? AND offset <= ?",
        (token(stream.id), stream.id, begin, end),
    )
    stream.indexed = max(stream.indexed, end)


def unindex(connection: sqlite3.Connection, stream: Stream, end: int) -> None:
    """Take publications before `end` out of the index, before their rows are deleted."""
    if stream.indexed >= stream.floor:
        connection.execute(
            f"INSERT INTO words (words, rowid, stream, text) SELECT 'delete', seq, ?, {TEXT} "  # noqa: S608
            "FROM publications WHERE stream = ? AND offset < ? AND offset <= ?",
            (token(stream.id), stream.id, end, stream.indexed),
        )


def token(stream: int) -> str:
    """The word that stands for a stream."""
    return f"s{stream}"


def expression(stream: int, query: str, among: Sequence[str] = ()) -> str | None:
    """What FTS5 understands of what somebody typed; None when there is no word in it.

    Every word must be there, in any order, and one of `among`, if there are any. `"in quotes"` must
    stand together, `word*` begins a word. Nothing else has a meaning, so nothing that is typed can be wrong.
    """
    terms = []
    for match in _TERM.finditer(query):
        phrase, word = match[1], match[2]
        if phrase is not None:
            terms += _phrase(phrase)
        else:
            begins = "*" if word.endswith("*") else ""
            terms += [found + begins for found in _phrase(word.rstrip("*"))]
    if either := [found for word in among for found in _phrase(word)]:
        terms.append(f"({' OR '.join(either)})")
    if not terms:
        return None
    return f'stream : "{token(stream)}" AND text : ({" AND ".join(terms)})'


def _phrase(text: str) -> list[str]:
    """Words that stand together, quoted; nothing where there is none."""
    if not any(letter.isalnum() for letter in text):
        return []
    return ['"' + text.replace('"', '""').replace("\0", " ") + '"']
