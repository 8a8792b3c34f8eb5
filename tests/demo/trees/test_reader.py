"""What any grammar's reader makes of files that are broken."""

from __future__ import annotations

import pytest

from .planted import (
    ReadSurvey,
)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("a.go", b"package a\n\xff", "not utf-8 in line 2: invalid start byte"),
        ("a.rs", b"fn a() {}\n\0", "a null byte in line 2"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    survey: ReadSurvey, file: str, content: bytes, reason: str
) -> None:
    assert survey({file: content}).unreadable == {file: reason}


@pytest.mark.parametrize("suffix", ["js", "ts", "tsx", "go", "rs"])
@pytest.mark.parametrize(
    "content",
    [
        "",
        "}}}}",
        "(" * 5000,
        "class",
        "func (",
        "fn x<",
        "export default",
        "impl",
        "\ufeff",
        "type = ; { [",
        "a.b.c = () =>",
    ],
)
def test_what_is_broken_is_no_crash(survey: ReadSurvey, suffix: str, content: str) -> None:
    found = survey({f"a.{suffix}": content, f"b.{suffix}": "function f() { return g(1) }\n"})
    assert set(found.modules) | set(found.unreadable) == {f"a.{suffix}", f"b.{suffix}"}
