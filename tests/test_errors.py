"""Errors: what they carry, what they say, and who may come back."""

from __future__ import annotations

import inspect

import pytest

from gapless import errors
from gapless.errors import (
    REASONS,
    ClientError,
    Disconnect,
    Gap,
    GaplessError,
    Internal,
    LimitExceeded,
    Missed,
    Overloaded,
    TooManyRequests,
)

CLASSES = [
    each for _, each in inspect.getmembers(errors, inspect.isclass) if each.__module__ == errors.__name__
]


def test_everything_is_one_tree() -> None:
    assert all(issubclass(each, GaplessError) for each in CLASSES)


def test_each_command_error_has_a_code_of_its_own_that_says_what_it_is() -> None:
    codes = [
        each.code for each in CLASSES if issubclass(each, ClientError) and each not in (ClientError, Internal)
    ]
    assert sorted(codes) == list(range(102, 113))
    assert all(each.message for each in CLASSES if issubclass(each, ClientError))


def test_a_client_error_may_say_something_else_without_changing_its_class() -> None:
    error = ClientError("the shop is closed", code=1400, temporary=True)
    assert (error.code, error.message, error.temporary, str(error)) == (
        1400,
        "the shop is closed",
        True,
        "1400: the shop is closed",
    )
    assert (ClientError().code, ClientError().message, ClientError().temporary) == (
        100,
        "internal server error",
        False,
    )


def test_only_what_passes_by_itself_is_temporary() -> None:
    temporary = {each for each in CLASSES if issubclass(each, ClientError) and each.temporary}
    assert temporary == {Internal, TooManyRequests}


def test_a_limit_carries_its_numbers() -> None:
    error = LimitExceeded("bytes of a tag", 10, 11, code=107)
    assert (error.what, error.limit, error.actual, error.code) == ("bytes of a tag", 10, 11, 107)
    assert error.message == "bytes of a tag: 11 is above the limit of 10"


@pytest.mark.parametrize(
    ("code", "reconnect"),
    [
        (3000, True),
        (3499, True),
        (3500, False),
        (3999, False),
        (4000, True),
        (4499, True),
        (4500, False),
        (4999, False),
    ],
)
def test_the_range_of_a_code_says_whether_to_come_back(code: int, reconnect: bool) -> None:
    assert Disconnect(code).reconnect is reconnect


def test_a_disconnect_always_has_a_reason_that_sdks_can_read() -> None:
    for code in (*REASONS, 4321):
        reason = Disconnect(code).reason
        assert reason
        assert len(reason.encode()) <= 123
        assert not reason.startswith(("{", "["))
    assert Disconnect(3001).reason == "shutdown"
    assert Disconnect(3001, "back in a minute").reason == "back in a minute"


def test_what_was_missed_is_said_by_offsets_or_by_count() -> None:
    assert str(Missed("c", 3, 5, "trimmed")) == "offsets 3 to 5 of 'c' are gone (trimmed)"
    assert str(Missed("c", None, None, "unnumbered", 4)) == "4 publications of 'c' are gone (unnumbered)"


def test_an_overload_names_the_fix() -> None:
    error = Overloaded(101, 100)
    assert (error.in_flight_bytes, error.max_bytes) == (101, 100)
    assert "Limits.in_flight_bytes" in str(error)


def test_a_gap_says_what_arrived_after_what() -> None:
    gap = Gap(3, 7)
    assert (gap.head, gap.offset, str(gap)) == (3, 7, "offset 7 arrived after 3")
