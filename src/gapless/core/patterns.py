"""A channel pattern: which names it matches, with which named parts.

`*` stands for any characters, none included; `{name}` for one part, at least one character
other than `:`. Everything else stands for itself.

    logs                 only logs
    orders:*             orders:7, orders:eu:7
    orders:{order_id}    orders:7, with order_id="7"; not orders:eu:7
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from ..errors import ConfigError

T = TypeVar("T")

_TOKEN = re.compile(r"\*|\{([A-Za-z_][A-Za-z0-9_]*)\}")

BACKTRACKED = 2
"""Wildcards that a regular expression may have: with each it takes a name's length of times as long, and a
name is whatever a stranger asks for. Four of them and 255 bytes are five seconds."""


class _Any(NamedTuple):
    """Any characters. Bit `p` of `good` says that what follows matches from `p` to the end."""

    name: str | None = None

    def begins(self, text: str, good: int) -> int:
        """From where this, and then what follows, matches."""
        return (1 << good.bit_length()) - 1

    def end(self, text: str, at: int, good: int) -> int:
        """Where this ends at the latest."""
        return good.bit_length() - 1


class _Part(NamedTuple):
    """At least one character other than `:`."""

    name: str | None

    def begins(self, text: str, good: int) -> int:
        found, reaches = 0, False
        for at in range(len(text) - 1, -1, -1):
            reaches = text[at] != ":" and (reaches or bool(good >> at + 1 & 1))
            found |= reaches << at
        return found

    def end(self, text: str, at: int, good: int) -> int:
        colon = text.find(":", at)
        return (good if colon < 0 else good & (1 << colon + 1) - 1).bit_length() - 1


class _Text(NamedTuple):
    """Itself."""

    text: str
    name: str | None = None

    def begins(self, text: str, good: int) -> int:
        found, at = 0, text.find(self.text)
        while at >= 0:
            found |= (good >> at + len(self.text) & 1) << at
            at = text.find(self.text, at + 1)
        return found

    def end(self, text: str, at: int, good: int) -> int:
        return at + len(self.text)


_Piece = _Any | _Part | _Text


def _walk(pieces: Sequence[_Piece], text: str) -> dict[str, str] | None:
    """As a regular expression matches, each wildcard as long as can be, but looking at each place once."""
    good = [1 << len(text)]
    for piece in reversed(pieces):
        good.append(piece.begins(text, good[-1]))
    good.reverse()
    if not good[0] & 1:
        return None
    found, at = {}, 0
    for piece, behind in zip(pieces, good[1:], strict=True):
        end = piece.end(text, at, behind)
        if piece.name is not None:
            found[piece.name] = text[at:end]
        at = end
    return found


class Pattern:
    """A compiled channel pattern.

    Raises:
        ConfigError: an unbalanced brace, a part without a name, or a name used twice.
    """

    __slots__ = ("_pieces", "_regex", "rank", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        pieces, at, names = list[_Piece](), 0, set[str]()
        for token in _TOKEN.finditer(text):
            pieces += self._literal(text[at : token.start()])
            name = token[1]
            if name in names:
                raise ConfigError(f"channel pattern {text!r} names the part {name!r} twice")
            if name is not None:
                names.add(name)
            pieces.append(_Any() if name is None else _Part(name))
            at = token.end()
        pieces += self._literal(text[at:])
        texts = [piece for piece in pieces if isinstance(piece, _Text)]
        literal = sum(len(piece.text) for piece in texts)
        self._pieces = pieces
        simple = len(pieces) - len(texts) <= BACKTRACKED
        self._regex = re.compile("".join(map(_expression, pieces)), re.DOTALL) if simple else None
        # Longest first: more literal text; of the same, the name itself before any pattern, and one
        # that names parts before one that takes anything.
        self.rank = (literal, literal == len(text), len(names), len(text))

    def _literal(self, part: str) -> list[_Piece]:
        if "{" in part or "}" in part:
            raise ConfigError(
                f"channel pattern {self.text!r} has a brace that names nothing; write {{name}} or *"
            )
        return [_Text(part)] if part else []

    def match(self, channel: str) -> dict[str, str] | None:
        """The named parts of a channel that matches, else None."""
        if self._regex is None:
            return _walk(self._pieces, channel)
        found = self._regex.fullmatch(channel)
        return None if found is None else found.groupdict()


def _expression(piece: _Piece) -> str:
    match piece:
        case _Text(text):
            return re.escape(text)
        case _Part(name):
            return f"(?P<{name}>[^:]+)"
        case _:
            return ".*"


class PatternMap(Generic[T]):
    """Values by channel pattern; the longest matching pattern wins."""

    def __init__(self, values: dict[str, T]) -> None:
        self._patterns = sorted(
            ((Pattern(text), value) for text, value in values.items()),
            key=lambda pair: pair[0].rank,
            reverse=True,
        )

    def find(self, channel: str) -> T | None:
        """The options of the longest pattern that matches, None without one."""
        for pattern, value in self._patterns:
            if pattern.match(channel) is not None:
                return value
        return None
