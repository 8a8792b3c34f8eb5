"""What may be sent: text and bytes as they are, anything else as JSON."""

from __future__ import annotations

from typing import Any

from ..errors import LimitExceeded
from ..isolation.outgoing import Outgoing
from ..protocol.encode import encode


def as_json(data: Any) -> str:
    """As `hub.publish` writes it. Raises TypeError naming what JSON cannot hold."""
    return encode(data).decode()


def outgoing(message: Any, max_bytes: int) -> Outgoing:
    """A message on its way. Raises TypeError as `as_json` does, and LimitExceeded."""
    data: str | bytes
    if type(message) is dict:  # asked first, because most are
        data = encode(message).decode()
    elif isinstance(message, str):
        data = message
    elif isinstance(message, (bytes, bytearray, memoryview)):
        data = bytes(message)
    else:
        data = as_json(message)
    if len(data) > max_bytes:
        raise LimitExceeded("bytes of a message", max_bytes, len(data), code=107)
    return Outgoing(data)
