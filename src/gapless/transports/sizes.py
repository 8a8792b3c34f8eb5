"""How large a message of a client may be."""

from __future__ import annotations

from ..errors import Disconnect


def check_size(message: str | bytes, limit: int) -> None:
    """Raises Disconnect (1009) for a message of more bytes than `limit`."""
    size = len(message)
    if isinstance(message, str) and size * 4 > limit >= size:
        size = len(message.encode("utf-8", "replace"))
    if size > limit:
        raise Disconnect(1009, "a message is larger than this server takes")
