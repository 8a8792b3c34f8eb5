"""Durations, and what is said about a section that cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
from pydantic import ValidationError

from gapless.config.values import Seconds, Section, Words, described, seconds


class Inner(Section):
    elsewhere: ClassVar[Mapping[str, str]] = {"moved": "it is at the top now"}

    wait: Seconds = 1.0
    token: Words = ()


class Outer(Section):
    inner: Inner = Inner()
    listed: tuple[Inner, ...] = ()
    needed: int


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60s", 60.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        (" 2d ", 172_800.0),
        ("1.5m", 90.0),
        ("7", 7.0),
        (3, 3.0),
    ],
)
def test_a_duration_is_a_number_of_seconds(text: object, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "fast", "1x", "1h 30m", "s"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is a number of seconds"):
        seconds(text)


def test_a_truth_is_no_duration() -> None:
    assert seconds(True) is True, "pydantic refuses it then"


@pytest.mark.parametrize(
    ("said", "at", "message"),
    [
        ({"needed": 1, "inner": {"wiat": 1}}, ("x", "inner", "wiat"), "did you mean 'wait'"),
        ({"needed": 1, "inner": {"moved": 1}}, ("x", "inner", "moved"), "it is at the top now"),
        ({"needed": 1, "listed": [{}, {"wait": "never"}]}, ("x", "listed", "1", "wait"), "not 'never'"),
        ({}, ("x", "needed"), "needed is missing"),
        ({"needed": 1, "inner": 3}, ("x", "inner"), "is a table of options"),
    ],
)
def test_a_mistake_has_its_place_and_the_fix(
    said: dict[str, object], at: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate(said)
    (found,) = refused.value.errors()
    place, text = described(Outer, ("x",), found)
    assert place == at
    assert message in text


def test_what_may_be_a_secret_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        Inner.model_validate({"token": "hunter2"})
    (found,) = refused.value.errors()
    assert "hunter2" not in described(Inner, ("x",), found)[1]
