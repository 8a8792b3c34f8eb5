"""What is refused is told once for each cause, with the option that would allow it, and without a secret."""

from __future__ import annotations

import pytest

from gapless.auth.refusals import CAUSES, LINES_AT_ONCE, Refusals


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_cause_is_told_once_and_another_one_too(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    for _ in range(5):
        refusals.origin(["https://a.example"], "hub.example")
        refusals.origin(["https://b.example"], "hub.example")
        refusals.bad_key()
    first, second, third = lines(caplog)
    assert "--origin https://a.example" in first
    assert "hub.example" in first
    assert "--origin https://b.example" in second
    assert "GAPLESS_TOKEN" in third


def test_many_causes_at_once_are_counted_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    for number in range(CAUSES * 2):
        refusals.host(f"h{number}.example")
    assert LINES_AT_ONCE <= len(lines(caplog)) < LINES_AT_ONCE * 2


def test_what_a_stranger_sent_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    Refusals().origin(["https://a\r\nroot: all is well\x1b[2J" + "x" * 1000], "hub\nexample")
    (line,) = lines(caplog)
    assert line.isprintable()
    assert len(line) < 700
