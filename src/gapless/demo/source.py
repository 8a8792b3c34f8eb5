"""One Python file as its compiler sees it: decoded lines and their syntax tree."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

from ..errors import GaplessError
from ..options import MiB

MAX_SOURCE_BYTES = 2 * MiB
"""A larger file is not read: its tree would take a hundred times as much memory."""


class UnreadableSource(GaplessError):
    """A file that cannot be documented; the text says why, and at which line where there is one."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that parses.

    `file` is relative to the checkout. `lines` are without their ends and counted as Python
    counts them: `\\n`, `\\r\\n` and `\\r` end a line, a form feed or U+2028 does not.
    """

    file: str
    lines: tuple[str, ...]
    tree: ast.Module

    def excerpt(self, start: int, end: int) -> str:
        """The lines from `start` to `end`, both counted from 1 and included."""
        return "\n".join(self.lines[start - 1 : end])


def read_source(root: Path, file: str) -> Source:
    """Read and parse one file.

    Raises:
        UnreadableSource: it is gone, unreadable, too large, in no known encoding, or not Python.
    """
    try:
        with (root / file).open("rb") as opened:
            content = opened.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        raise UnreadableSource(error.strerror or str(error)) from error
    if len(content) > MAX_SOURCE_BYTES:
        raise UnreadableSource(f"larger than {MAX_SOURCE_BYTES} bytes")
    return parse_source(file, content)


def parse_source(file: str, content: bytes) -> Source:
    """Parse a file's content. Raises UnreadableSource."""
    text = re.sub("\r\n?", "\n", _decode(content))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableSource(f"a null byte in line {line}")
    lines = text.split("\n")
    if not lines[-1]:
        del lines[-1]
    return Source(file, tuple(lines), _parse(text))


def encodable(text: str | None) -> str:
    """A literal's value as UTF-8 can carry it: it may hold half of a surrogate pair."""
    return (text or "").encode("utf-8", "backslashreplace").decode("utf-8")


def _decode(content: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except SyntaxError as error:
        raise UnreadableSource(error.msg) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableSource(f"not {error.encoding} in line {line}: {error.reason}") from error
    except (LookupError, ValueError) as error:
        raise UnreadableSource(f"cannot be decoded: {error}") from error


def _parse(text: str) -> ast.Module:
    try:
        # What a file's own escapes deserve as a warning is for its authors. The filters are
        # the process's, but for these milliseconds at most another warning is missed.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        place = "" if error.lineno is None else f" in line {error.lineno}"
        raise UnreadableSource(f"{error.msg}{place}") from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableSource("nested too deeply to be parsed") from error
    except ValueError as error:
        raise UnreadableSource(f"cannot be parsed: {error}") from error
