"""Whatever is handed in as a token, it is a token or one of the documented errors."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from gapless.auth.claims import ConnectionToken, SubscriptionToken
from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenRules, TokenVerifier
from gapless.errors import Disconnect, PermissionDenied, TokenExpired

SECRET = b"9d2f6c0b7e314a58b1c4f0d86e7a2395"
NOW = 1_800_000_000.0

Token = TypeVar("Token", ConnectionToken, SubscriptionToken)

TOKENS = TokenVerifier(TokenRules(StaticKeys(SECRET)))

TIMES = (
    st.integers(0, 2**53)
    | st.integers(int(NOW) - 10, int(NOW) + 10)
    | st.integers()
    | st.floats(allow_nan=False)
)
JSON = st.recursive(
    st.none() | st.booleans() | TIMES | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(
    st.sampled_from(["info", "data", "b64info", "b64data", "override", "a"]), JSON, max_size=4
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ["sub", "jti", "channel", "client", "b64info", "b64data"], st.text(max_size=8) | JSON
        ),
        **dict.fromkeys(["exp", "nbf", "iat", "expire_at"], TIMES | JSON),
        **dict.fromkeys(["aud", "iss", "info", "data", "meta", "override", "unknown"], JSON),
        "channels": st.lists(st.text(max_size=8), max_size=3) | JSON,
        "subs": st.dictionaries(st.text(max_size=8), OBJECTS | JSON, max_size=3) | JSON,
    },
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256", "HS512", "RS256", "none"]) | JSON},
    optional=dict.fromkeys(["typ", "kid", "crit", "b64", "jwk", "cty"], JSON),
)


def part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def signed(header: bytes, payload: bytes) -> str:
    head = part(header) + b"." + part(payload)
    return (head + b"." + part(hmac.digest(SECRET, head, hashlib.sha256))).decode()


def outcome(verify: Coroutine[Any, Any, Token]) -> Token | int:
    """The token, or the code of the error. Any error without one fails the test."""
    try:
        return asyncio.run(verify)
    except (TokenExpired, PermissionDenied, Disconnect) as error:
        return error.code


def verify_both(token: str) -> list[ConnectionToken | SubscriptionToken]:
    """The tokens that it was good as."""
    connection = outcome(TOKENS.verify_connection(token, NOW))
    subscription = outcome(TOKENS.verify_subscription(token, NOW))
    assert not isinstance(connection, int) or connection in (109, 3500)
    assert not isinstance(subscription, int) or subscription in (109, 103)
    found = [each for each in (connection, subscription) if not isinstance(each, int)]
    for each in found:
        assert each.expire_at is None or each.expire_at <= NOW + 365 * 86400
        assert each.info is None or (b"\n" not in each.info and json.loads(each.info) is not None)
    return found


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused(token: str) -> None:
    assert verify_both(token) == []


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=40))
def test_any_three_parts_are_refused(header: bytes, payload: bytes, signature: bytes) -> None:
    assert verify_both(b".".join(map(part, (header, payload, signature))).decode()) == []


@given(st.binary(max_size=80))
def test_any_signed_bytes_are_a_token_or_refused(payload: bytes) -> None:
    verify_both(signed(b'{"alg":"HS256"}', payload))


@given(CLAIMS)
def test_any_signed_claims_are_a_token_or_refused(claims: dict[str, Any]) -> None:
    found = verify_both(signed(b'{"alg":"HS256"}', json.dumps(claims).encode()))
    assert len(found) <= 1, "a token is for connecting or for subscribing, never for both"


@given(HEADERS)
def test_any_signed_header_is_a_token_or_refused(header: dict[str, Any]) -> None:
    found = verify_both(signed(json.dumps(header).encode(), b'{"sub":"42"}'))
    assert not found or (header["alg"] == "HS256" and "crit" not in header and "jwk" not in header)


@given(st.data())
def test_one_changed_character_makes_a_token_invalid(data: st.DataObject) -> None:
    token = signed(b'{"alg":"HS256"}', b'{"sub":"42","exp":1800000060}')
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters(max_codepoint=127).filter(lambda other: other != token[at]))
    assert verify_both(token) == [ConnectionToken(user="42", expire_at=1_800_000_060.0)]
    assert verify_both(token[:at] + character + token[at + 1 :]) == []
