"""How a file becomes lines and a tree, and what cannot."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from gapless.demo.language import UnreadableSource, encodable, read_bytes
from gapless.demo.python.source import parse_source

Plant = Callable[..., Path]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", ()),
        (b"\n", ("",)),
        (b"x = 1", ("x = 1",)),
        (b"x = 1\ny = 2\n", ("x = 1", "y = 2")),
        (b"x = 1\r\ny = 2\r\n", ("x = 1", "y = 2")),
        (b"x = 1\ry = 2\r", ("x = 1", "y = 2")),
        (b"\xef\xbb\xbfx = 1\n", ("x = 1",)),
        (b"# coding: latin-1\nx = '\xe9'\n", ("# coding: latin-1", "x = 'é'")),
        (
            b"#!/bin/python\n# -*- coding: cp1252 -*-\nx = '\x80'\n",
            ("#!/bin/python", "# -*- coding: cp1252 -*-", "x = '€'"),
        ),
    ],
)
def test_lines_are_decoded_as_the_file_says_and_end_as_python_ends_them(
    content: bytes, lines: tuple[str, ...]
) -> None:
    assert parse_source("a.py", content).lines == lines


def test_a_form_feed_or_a_unicode_separator_does_not_end_a_line() -> None:
    parsed = parse_source("a.py", "x = 1\n\x0c\ny = '\u2028\x85\x1c'\ndef f(): pass\n".encode())
    [*_, function] = parsed.tree.body
    assert parsed.lines[function.lineno - 1] == "def f(): pass"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x = 1\ndef f(:\n", "invalid syntax in line 2"),
        (b"if x:\npass\n", "expected an indented block after 'if' statement on line 1 in line 2"),
        (b"x = 1\ny = '\0'\n", "a null byte in line 2"),
        (b"x = 1\n\n# \xff\n", "not utf-8 in line 3: invalid start byte"),
        (b"# coding: ascii\n# caf\xe9\n", "not ascii in line 2: ordinal not in range(128)"),
        (b"# coding: klingon\n", "unknown encoding: klingon"),
        (b"# coding: rot13\n", "cannot be decoded: 'rot13' is not a text encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "encoding problem: utf-8"),
        (b"x = " + b"(" * 250 + b")" * 250, "too many nested parentheses in line 1"),
        (b"x = " + b"-" * 100_000 + b"1", "nested too deeply to be parsed"),
        (b"x = " + b"+".join([b"1"] * 100_000), "nested too deeply to be parsed"),
    ],
)
def test_what_is_not_python_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableSource) as caught:
        parse_source("a.py", content)
    assert str(caught.value).startswith(reason)


def test_half_a_surrogate_pair_in_an_exotic_encoding_is_refused() -> None:
    with pytest.raises(UnreadableSource, match="cannot be parsed"):
        parse_source("a.py", b"# coding: raw_unicode_escape\nx = '\\ud800'\n")


def test_what_a_compiler_would_warn_of_is_no_error_here() -> None:
    assert isinstance(parse_source("a.py", b"x = '\\d' is 1\n").tree, ast.Module)


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="No such file or directory"):
        read_bytes(tmp_path, "a.py")


def test_a_file_may_have_so_many_bytes_and_none_more(plant: Plant) -> None:
    root = plant({"fits.py": "x = 1\n", "large.py": "x = 12\n"})
    assert read_bytes(root, "fits.py", max_bytes=6) == b"x = 1\n"
    with pytest.raises(UnreadableSource, match="larger than 6 bytes"):
        read_bytes(root, "large.py", max_bytes=6)


def test_a_literal_with_half_a_surrogate_pair_can_still_be_sent() -> None:
    assert encodable("a\ud800é") == "a\\ud800é"
