"""Values of the application, as the JSON that is published."""

from __future__ import annotations

from typing import Any

import orjson


def encode(data: Any) -> bytes:
    """`data` as JSON bytes without raw newlines. Raises TypeError naming what JSON cannot hold."""
    try:
        return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"data cannot be published as JSON: {error}") from None
