"""A channel pattern: which names it matches, with which named parts.

`*` stands for any characters, none included; `{name}` for one part, at least one character
other than `:`. Everything else stands for itself.

    logs                 only logs
    orders:*             orders:7, orders:eu:7
    orders:{order_id}    orders:7, with order_id="7"; not orders:eu:7
"""

from __future__ import annotations

import re
from typing import Generic, TypeVar

from ..errors import ConfigError

T = TypeVar("T")

_TOKEN = re.compile(r"\*|\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Pattern:
    """A compiled channel pattern.

    Raises:
        ConfigError: an unbalanced brace, a part without a name, or a name used twice.
    """

    __slots__ = ("_regex", "rank", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        expression, literal, at, names = "", 0, 0, set[str]()
        for token in _TOKEN.finditer(text):
            expression += self._literal(text[at : token.start()])
            literal += token.start() - at
            name = token[1]
            if name is None:
                expression += ".*"
            elif name in names:
                raise ConfigError(f"channel pattern {text!r} names the part {name!r} twice")
            else:
                names.add(name)
                expression += f"(?P<{name}>[^:]+)"
            at = token.end()
        expression += self._literal(text[at:])
        literal += len(text) - at
        self._regex = re.compile(expression, re.DOTALL)
        # Longest first: more literal text; of the same, the name itself before any pattern, and one
        # that names parts before one that takes anything.
        self.rank = (literal, literal == len(text), len(names), len(text))

    def _literal(self, part: str) -> str:
        if "{" in part or "}" in part:
            raise ConfigError(
                f"channel pattern {self.text!r} has a brace that names nothing; write {{name}} or *"
            )
        return re.escape(part)

    def match(self, channel: str) -> dict[str, str] | None:
        """The named parts of a channel that matches, else None."""
        found = self._regex.fullmatch(channel)
        return None if found is None else found.groupdict()


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
