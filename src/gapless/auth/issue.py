"""Signing tokens with an HMAC secret: for back ends in Python, for tests, for the command line.

Any JWT library in any language can make the same tokens; `claims` lists what may stand in them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ConfigError
from ..protocol.strict import parse
from .claims import MAX_TTL_SECONDS
from .jws import MAX_TOKEN_BYTES
from .keys import MIN_HMAC_BYTES
from .strength import check_strength


def issue_connection_token(
    secret: str,
    user: str,
    *,
    expires_in: float | None = 3600.0,
    info: Any = None,
    channels: Sequence[str] = (),
    meta: Mapping[str, Any] | None = None,
    audience: str | None = None,
    issuer: str | None = None,
    now: float | None = None,
) -> str:
    """A connection token for a user, "" for an anonymous one.

    `expires_in` is seconds, None for a token without end. `info` is any JSON value that others see in
    presence, `channels` are subscribed by the server, `meta` is for the hub's hooks. `now` is Unix time,
    the clock's by default.

    Raises:
        ConfigError: the secret is too weak.
        TypeError: the user is not a text, or something is not JSON.
        ValueError: a value that cannot be: NaN, a lone surrogate, `expires_in` not above 0 or beyond 365
            days, a channel without a name, or so much that the token would be longer than 8 KiB.
    """
    claims: dict[str, Any] = {"sub": user, "info": info, "meta": meta, "aud": audience, "iss": issuer}
    claims["channels"] = _names(channels) or None
    return _sign(secret, claims, expires_in, now)


def issue_subscription_token(
    secret: str,
    user: str,
    channel: str,
    *,
    expires_in: float | None = 3600.0,
    info: Any = None,
    data: Any = None,
    client: str | None = None,
    audience: str | None = None,
    issuer: str | None = None,
    now: float | None = None,
) -> str:
    """Leave for a user to be in one channel.

    `info` is seen by others in this channel, `data` comes with the subscribe reply, `client` binds the token
    to one connection. The rest, and the errors, are those of `issue_connection_token`.
    """
    (channel,) = _names([channel])
    claims = {"sub": user, "channel": channel, "client": client, "info": info, "data": data}
    return _sign(secret, {**claims, "aud": audience, "iss": issuer}, expires_in, now)


def _sign(secret: str, claims: dict[str, Any], expires_in: float | None, now: float | None) -> str:
    check_strength("secret", secret.encode(), MIN_HMAC_BYTES)
    if not isinstance(claims["sub"], str):
        raise TypeError(f"a user id is a text, not {claims['sub']!r}")
    issued_at = int(time.time() if now is None else now)
    claims["iat"] = issued_at
    if expires_in is not None:
        if not 0 < expires_in <= MAX_TTL_SECONDS:
            raise ValueError(
                f"expires_in is above 0 and at most {MAX_TTL_SECONDS:.0f} seconds, not {expires_in!r}"
            )
        claims["exp"] = issued_at + max(1, int(expires_in))
    given = {name: value for name, value in claims.items() if value is not None}
    # The standard library's `json`, because unlike orjson it can refuse NaN instead of writing null.
    payload = json.dumps(given, allow_nan=False, separators=(",", ":")).encode()
    parse(payload)  # its Malformed, a ValueError, says why no hub would read this: depth, surrogates
    token = _jws_encode(payload, secret)
    if len(token) > MAX_TOKEN_BYTES:
        raise ValueError(
            f"the token has {len(token)} bytes, above the limit of {MAX_TOKEN_BYTES}: say less in it"
        )
    return token


def _jws_encode(payload: bytes, secret: str) -> str:
    try:
        from jwt import PyJWS
    except ImportError:
        raise ConfigError("tokens need the package PyJWT: pip install 'gapless[jwt]'") from None
    return PyJWS().encode(payload, secret, algorithm="HS256")


def _names(channels: Sequence[str]) -> list[str]:
    if isinstance(channels, str) or not all(isinstance(channel, str) and channel for channel in channels):
        raise ValueError(f"channels is a list of names, none of them empty, not {channels!r}")
    return list(channels)
