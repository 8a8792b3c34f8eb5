"""JSON that is kept until a hub has it, in as much memory as it needs."""

from __future__ import annotations

from typing import Any

from ..protocol import encode as known


def encode(data: Any) -> bytes:
    """Data as JSON, of the same values as a hub's own `publish` takes, in as much memory as it needs.

    Raises:
        TypeError: JSON cannot hold it; the message names what is in the way, and where in it.
    """
    return exact(known.encode(data))


def exact(made: bytes) -> bytes:
    """The same bytes in as much memory as they need, for whoever keeps them.

    What orjson gives holds on to the kilobytes that it wrote into, however short it is.
    """
    return bytes(memoryview(made))
