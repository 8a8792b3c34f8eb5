"""What may be published: data as JSON, with tags and a key within their limits."""

from __future__ import annotations

from typing import Any

import orjson

from ..errors import BadRequest, LimitExceeded
from ..model import Draft
from ..options import Limits


def encode(data: Any) -> bytes:
    """`data` as JSON bytes. Raises TypeError naming what JSON cannot hold."""
    try:
        return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"data cannot be published as JSON: {error}") from None


def check_labels(draft: Draft, limits: Limits) -> None:
    """Are its tags and its key such as they may be? Raises BadRequest or LimitExceeded."""
    key = draft.idempotency_key
    if key is not None and not 0 < _size(key) <= limits.idempotency_key_bytes:
        raise BadRequest(f"an idempotency key has 1 to {limits.idempotency_key_bytes} bytes")
    tags = draft.tags or {}
    if len(tags) > limits.tags:
        raise LimitExceeded("tags of a publication", limits.tags, len(tags), code=107)
    for name, value in tags.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadRequest("tags are strings by name")
        size = max(_size(name), _size(value))
        if size > limits.tag_bytes:
            raise LimitExceeded("bytes of a tag", limits.tag_bytes, size, code=107)


def _size(text: str) -> int:
    """Bytes of a text. Raises BadRequest when it cannot be written as UTF-8."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise BadRequest("tags and keys are text that can be written as UTF-8") from None
