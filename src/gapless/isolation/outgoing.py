"""One message on its way to many connections: what may be sent, and each of its forms made once."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from ..errors import LimitExceeded
from ..protocol.encode import encode

MESSAGE_BYTES = 256
"""What it costs to keep a message, beside its text."""


class Outgoing:
    """A text or a binary message. Each of its forms is made when it is first asked for."""

    __slots__ = ("_frame", "_message", "_size", "data")

    def __init__(self, data: str | bytes) -> None:
        self.data = data
        self._frame: bytes | None = None
        self._message: MutableMapping[str, Any] | None = None
        self._size = 0

    @property
    def message(self) -> MutableMapping[str, Any]:
        """As ASGI has it."""
        message = self._message
        if message is None:
            kind = "text" if isinstance(self.data, str) else "bytes"
            message = self._message = {"type": "websocket.send", kind: self.data}
        return message

    @property
    def frame(self) -> bytes:
        """As a WebSocket frame (RFC 6455, 5.2: final, unmasked)."""
        frame = self._frame
        if frame is None:
            frame = self._frame = _framed(self.data)
        return frame

    @property
    def size(self) -> int:
        """What it costs to keep it, in bytes."""
        size = self._size
        if not size:
            size = self._size = size_of(self.message)
        return size


def size_of(message: MutableMapping[str, Any]) -> int:
    """What it costs to keep an ASGI message, in bytes, at most."""
    text = message.get("text")
    if text is None:
        return MESSAGE_BYTES + len(message.get("bytes") or b"")
    return MESSAGE_BYTES + (len(text) if text.isascii() else 4 * len(text))


def _framed(data: str | bytes) -> bytes:
    first, payload = (0x81, data.encode()) if isinstance(data, str) else (0x82, data)
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2) + payload
    return bytes((first, 127)) + size.to_bytes(8) + payload


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
