"""Patterns of channel names, as shells have them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

from ..errors import BadRequest


def glob(pattern: str) -> Callable[[str], bool]:
    """`*`, `?`, `[a-z]` and `{a,b}`; an empty pattern matches everything.

    Raises:
        BadRequest: a brace that is not closed, or too many alternatives.
    """
    if not pattern:
        return lambda name: True
    # The standard library's translation does not backtrack across stars, whatever the pattern.
    expressions = [re.compile(fnmatch.translate(plain)) for plain in _alternatives(pattern)]
    return lambda name: any(expression.match(name) for expression in expressions)


def _alternatives(pattern: str) -> list[str]:
    """The patterns without braces that one with braces stands for."""
    open_at = pattern.rfind("{")
    if open_at < 0:
        return [pattern]
    close_at = pattern.find("}", open_at)
    if close_at < 0:
        raise BadRequest("pattern: a { is not closed")
    before, inside, after = pattern[:open_at], pattern[open_at + 1 : close_at], pattern[close_at + 1 :]
    choices = inside.split(",")
    if len(choices) * pattern.count("{") > _MAX_ALTERNATIVES:
        raise BadRequest(f"pattern: more than {_MAX_ALTERNATIVES} alternatives")
    # The innermost group first: what is left of it has one group less.
    found = [plain for choice in choices for plain in _alternatives(before + choice + after)]
    if len(found) > _MAX_ALTERNATIVES:
        raise BadRequest(f"pattern: more than {_MAX_ALTERNATIVES} alternatives")
    return found


_MAX_ALTERNATIVES = 64
