"""JSON that is kept until a hub has it, in as much memory as it needs."""

from __future__ import annotations

from typing import Any

import orjson


def encode(data: Any) -> bytes:
    """Data as JSON. Raises TypeError naming what JSON cannot hold."""
    try:
        return exact(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"data cannot be published as JSON: {error}") from None


def exact(made: bytes) -> bytes:
    """The same bytes in as much memory as they need, for whoever keeps them.

    What orjson gives holds on to the kilobytes that it wrote into, however short it is.
    """
    return bytes(memoryview(made))
