"""A signed token, opened: three base64url parts, a header that is believed in nothing, a signature.

The compact serialization of RFC 7515, far stricter than it asks for. What the header may decide is which
of the configured keys is tried, by its id; a key, or the address of one, inside the token is a reason to
refuse it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from ..protocol.strict import Malformed, parse
from .claims import InvalidToken
from .keys import KeySource

MAX_TOKEN_BYTES = 8 * 1024
"""Longer is refused before anything of it is read."""
MAX_KEY_ID_CHARACTERS = 256

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
# Extensions that must be understood (`crit`, and `b64` of RFC 7797), and keys that the token brings itself.
_FORBIDDEN = frozenset({"crit", "b64", "jwk", "jku", "x5u", "x5c"})
# RFC 9068 types the access tokens of OAuth servers; other types are made for something else, as
# logout+jwt is.
_TYPES = frozenset({"jwt", "application/jwt", "at+jwt", "application/at+jwt"})


async def open_token(token: str, keys: KeySource, now: float) -> bytes:
    """The payload of a token that one of the keys signed. `now` is Unix time.

    Raises:
        InvalidToken: anything else.
        KeysUnavailable: the keys cannot be had at the moment.
    """
    parts = _COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
    if parts is None:
        raise InvalidToken("not a token")
    algorithm, key_id = _read_header(_decode(parts[1]), keys.algorithms)
    signature = _decode(parts[3])
    signed = token[: parts.end(2)].encode()
    candidates = await keys.find(key_id, now)
    if not any(algorithm in key.algorithms for key in candidates):
        raise InvalidToken("no key of this id for this algorithm")
    if not any(key.verify(algorithm, signed, signature) for key in candidates):
        raise InvalidToken("wrong signature")
    return _decode(parts[2])


def _read_header(raw: bytes, algorithms: frozenset[str]) -> tuple[str, str | None]:
    """The algorithm, one of those given, and the key id."""
    try:
        header = parse(raw)
    except Malformed:
        raise InvalidToken("header is not strict JSON") from None
    if not isinstance(header, dict):
        raise InvalidToken("header is not strict JSON")
    if not _FORBIDDEN.isdisjoint(header):
        raise InvalidToken("a header that brings a key or asks for an extension")
    algorithm: Any = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise InvalidToken("algorithm is not configured")
    kind: Any = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidToken("a token of another type")
    key_id: Any = header.get("kid")
    if key_id is not None and not (isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID_CHARACTERS):
        raise InvalidToken("key id is not a short text")
    return algorithm, key_id


def _decode(part: str) -> bytes:
    """Base64url without padding, in the one way that it can be written."""
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise InvalidToken("not base64url") from None
    # Up to four bits at the end carry nothing; two tokens that differ in them would both be good.
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise InvalidToken("not base64url")
    return decoded
