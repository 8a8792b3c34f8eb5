"""Values of the application as the JSON that is published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gapless.protocol.encode import encode


def test_keys_may_be_numbers_and_times_are_iso_8601() -> None:
    assert encode({1: datetime(2026, 1, 2, tzinfo=UTC)}) == b'{"1":"2026-01-02T00:00:00+00:00"}'


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [object(), {1j: 1}, "\ud800", 2**64, _nested(100_000)])
def test_what_json_cannot_hold_is_a_type_error_that_says_so(value: Any) -> None:
    with pytest.raises(TypeError, match="data cannot be published as JSON: "):
        encode(value)
