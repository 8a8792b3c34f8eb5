"""The bytes of one source file, and why some are not read."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import GaplessError
from ..options import MiB

MAX_SOURCE_BYTES = 2 * MiB
"""A larger file is not read: its tree would take a hundred times as much memory."""


class UnreadableSource(GaplessError):
    """A file that cannot be documented; the text says why, and at which line where there is one."""


def read_bytes(root: Path, file: str, *, max_bytes: int = MAX_SOURCE_BYTES) -> bytes:
    """Read one file.

    Raises:
        UnreadableSource: it is gone, unreadable or too large.
    """
    try:
        with (root / file).open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableSource(error.strerror or str(error)) from error
    if len(content) > max_bytes:
        raise UnreadableSource(f"larger than {max_bytes} bytes")
    return content


def split_lines(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with plain newlines, and its lines without them.

    `\\n`, `\\r\\n` and `\\r` end a line, a form feed or U+2028 does not.
    """
    text = re.sub("\r\n?", "\n", text)
    lines = text.split("\n")
    if not lines[-1]:
        del lines[-1]
    return text, tuple(lines)


def encodable(text: str | None) -> str:
    """A literal's value as UTF-8 can carry it: it may hold half of a surrogate pair."""
    return (text or "").encode("utf-8", "backslashreplace").decode("utf-8")
