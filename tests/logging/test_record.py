"""What a record says, whatever is in it."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.logging.record import dumps, iso, level_of, level_of_severity

from .logged import fits, logged

pytestmark = pytest.mark.anyio


async def test_an_exception_comes_as_text_and_as_frames(logger: logging.Logger) -> None:
    def act(log: logging.Logger) -> None:
        try:
            json.loads("{")
        except ValueError:
            log.exception("it failed")

    (row,) = await logged(act, logger)
    exception = row["exception"]
    assert exception["type"] == "json.decoder.JSONDecodeError"
    assert exception["text"].startswith("Traceback (most recent call last):")
    assert exception["message"].startswith("Expecting property name")
    assert exception["frames"][0]["function"] == "act"
    assert exception["frames"][0]["code"] == 'json.loads("{")'
    assert exception["frames"][0]["line"] > 0


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def circle() -> list[object]:
    made: list[object] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    "act",
    [
        lambda log: log.error("%d", "no number"),
        lambda log: log.error("x", extra={"value": Broken()}),
        lambda log: log.error("x", extra={"value": circle()}),
        lambda log: log.error("half \ud83d", extra={"half": "\ud83d"}),
        lambda log: log.error(Broken.__name__, extra={("a" * 10): {1: {2: object()}}}),
        lambda log: log.error("x" * 1_000_000),
        lambda log: log.error("x", extra={"much": "y" * 1_000_000}),
        lambda log: log.error("", exc_info=True),
        lambda log: log.log(33, "between levels"),
    ],
)
async def test_whatever_is_logged_arrives_and_nothing_is_raised(
    logger: logging.Logger, act: Callable[[logging.Logger], object]
) -> None:
    (row,) = await logged(act, logger)
    fits(row)
    assert len(json.dumps(row)) < 300_000


async def test_what_nobody_should_read_does_not_travel(logger: logging.Logger) -> None:
    (row,) = await logged(
        lambda log: log.info("x", extra={"password": "p", "Api_Token": "t", "user": "u"}), logger
    )
    assert (row["fields"]["password"], row["fields"]["Api_Token"], row["fields"]["user"]) == (
        "[redacted]",
        "[redacted]",
        "u",
    )


@given(st.floats(-6e10, 2e11) | st.integers(0, 2**33).map(lambda whole: whole + 0.9999999))
def test_a_time_is_what_datetime_makes_of_it(seconds: float) -> None:
    assert iso(seconds) == datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


@pytest.mark.parametrize(
    ("number", "name"), [(50, "critical"), (55, "critical"), (35, "warning"), (5, "trace"), (-1, "trace")]
)
def test_a_level_between_two_is_the_lower_one(number: int, name: str) -> None:
    assert level_of(number) == name


@pytest.mark.parametrize(
    ("number", "level"),
    [(1, "trace"), (5, "debug"), (9, "info"), (16, "warning"), (20, "error"), (24, "critical")],
)
def test_severities_are_levels(number: int, level: str) -> None:
    assert level_of_severity(number) == level
    assert level_of_severity(0, "NOTICE") == "notice"


def test_what_is_too_much_is_marked() -> None:
    row = json.loads(dumps({"message": "x", "fields": {"much": "y" * 1_000_000}}))
    assert row == {"message": "x", "truncated": True}
