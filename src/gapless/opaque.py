"""Payloads that are no JSON, as JSON: so that what stores, searches or exports publications can hold them.

Clients of the Protobuf form publish any bytes. Inside the hub these are a string that begins with
NUL and a mark, which no text of an application does; only who can take bytes is given them again.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

MARK = b'"\\u0000b64,'


def packed(raw: bytes) -> bytes:
    """Any bytes as a payload."""
    return MARK + base64.b64encode(raw) + b'"'


def is_packed(payload: bytes) -> bool:
    """Is this what `packed` made?"""
    return payload.startswith(MARK)


def unpacked(payload: bytes) -> bytes:
    """The bytes that were published; of a payload that is JSON that itself."""
    if not is_packed(payload):
        return payload
    try:
        return base64.b64decode(payload[len(MARK) : -1], validate=True)
    except binascii.Error:
        return payload  # an application's own text after all


def size(payload: bytes) -> int:
    """Bytes of what was published."""
    return (len(payload) - len(MARK) - 1) * 3 // 4 if is_packed(payload) else len(payload)


def value(payload: bytes) -> Any:
    """What hooks are shown: the value of JSON, or bytes."""
    return unpacked(payload) if is_packed(payload) else json.loads(payload)
