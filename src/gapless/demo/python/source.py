"""A Python file as its compiler sees it: decoded lines and their syntax tree."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass

from ..source import UnreadableSource, split_lines


@dataclass(frozen=True, slots=True)
class Source:
    """A file that parses; `file` is relative to the checkout, `lines` are counted as Python counts them."""

    file: str
    lines: tuple[str, ...]
    tree: ast.Module


def parse_source(file: str, content: bytes) -> Source:
    """Parse a file's content.

    Raises:
        UnreadableSource: it is in no known encoding, or not Python.
    """
    text, lines = split_lines(_decode(content))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableSource(f"a null byte in line {line}")
    return Source(file, lines, _parse(text))


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
