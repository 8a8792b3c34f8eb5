"""A Python file as its compiler sees it, decoded lines and their syntax tree, and parts of that as text."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from ..definitions import Signature
from ..language import UnreadableSource, clipped, split_lines


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


def signature_of(node: ast.FunctionDef | ast.AsyncFunctionDef, *, without_first: bool) -> Signature:
    """The signature of a `def`; of a method without the parameter that Python fills in."""
    parameters = list(_parameters(node.args))
    if without_first and (node.args.posonlyargs or node.args.args):
        del parameters[0]
        if parameters[:1] == ["/"]:
            del parameters[0]
    return Signature(tuple(parameters), code_of(node.returns))


def code_of(node: ast.expr | ast.pattern | None) -> str | None:
    """An expression as source in one line; only an ellipsis when it cannot be written so.

    That is so when it is nested too deeply, has an integer of thousands of digits, or (before
    Python 3.12) an f-string whose parts need a backslash.
    """
    try:
        return None if node is None else clipped(ast.unparse(node))
    except (RecursionError, ValueError):
        return "…"


def _parameters(of: ast.arguments) -> Iterator[str]:
    positional = [*of.posonlyargs, *of.args]
    required = len(positional) - len(of.defaults)
    for at, argument in enumerate(positional):
        yield _parameter(argument, of.defaults[at - required] if at >= required else None)
        if at + 1 == len(of.posonlyargs):
            yield "/"
    if of.vararg is not None:
        yield "*" + _parameter(of.vararg, None)
    elif of.kwonlyargs:
        yield "*"
    for argument, default in zip(of.kwonlyargs, of.kw_defaults, strict=True):
        yield _parameter(argument, default)
    if of.kwarg is not None:
        yield "**" + _parameter(of.kwarg, None)


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    annotation = "" if argument.annotation is None else f": {code_of(argument.annotation)}"
    if default is None:
        return f"{argument.arg}{annotation}"
    equals = " = " if annotation else "="
    return f"{argument.arg}{annotation}{equals}{code_of(default)}"
