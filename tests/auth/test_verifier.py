"""Which tokens are accepted, and what the others are answered with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from gapless.auth.claims import SubscriptionToken
from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenRules, TokenVerifier, check_subscription
from gapless.errors import ConfigError, Disconnect, PermissionDenied, TokenExpired

from .tokens import GOOD, GOOD_SUBSCRIPTION, NOW, assert_invalid, verifier

pytestmark = pytest.mark.anyio


# -- claims that are not what they should be


TWICE = b'{"sub":"1","sub":"2","channel":"news"}'
BAD_PAYLOADS: list[tuple[bytes, str]] = [
    (TWICE, "strict JSON"),
    (b'{"sub":"1","channel":"news","meta":{"a":1,"a":2}}', "strict JSON"),
    (b'{"sub":"1","channel":"news"', "strict JSON"),
    (b'{"sub":"1","channel":"news"} {}', "strict JSON"),
    (b'{"sub":"\xff","channel":"news"}', "strict JSON"),
    (b'{"sub":"\\ud800","channel":"news"}', "strict JSON"),
    (b'{"sub":"1","channel":"news","info":NaN}', "strict JSON"),
    (b'{"sub":"1","channel":"news","exp":1e999}', "strict JSON"),
    (b'\xef\xbb\xbf{"sub":"1","channel":"news"}', "strict JSON"),
    (b'{"sub":"1","channel":"news","info":' + b"[" * 70 + b"]" * 70 + b"}", "strict JSON"),
    (b'{"exp":' + b"1" * 5000 + b"}", "strict JSON"),
    (b"[]", "wrong type"),
    (b"null", "wrong type"),
    (b'"sub"', "wrong type"),
    (b"1", "wrong type"),
]


@pytest.mark.parametrize(("payload", "reason"), BAD_PAYLOADS)
async def test_claims_that_are_not_a_strict_json_object_are_refused(
    payload: bytes, reason: str, hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    await assert_invalid(hmac_tokens, craft(payload), reason)


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "expire_at"])
@pytest.mark.parametrize(
    "value", ["1800000060", -1, -0.5, 2**53 + 1, 2**63, 1e300, True, False, None, [], {}, ""]
)
async def test_a_time_that_is_not_a_number_of_seconds_is_refused(
    claim: str, value: Any, hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    claims = json.dumps({"sub": "1", claim: value}).encode()
    with pytest.raises(Disconnect) as connection:
        await hmac_tokens.verify_connection(craft(claims), NOW)
    with pytest.raises(PermissionDenied):
        await hmac_tokens.verify_subscription(craft({"sub": "1", "channel": "c", claim: value}), NOW)
    assert connection.value.code == 3500
    assert set(hmac_tokens.rejected) == {"a time that is not a number of seconds"}


# -- times


@pytest.mark.parametrize(
    ("claims", "is_good"),
    [
        ({}, True),
        ({"exp": int(NOW) + 1}, True),
        ({"exp": int(NOW)}, True),
        ({"exp": int(NOW) - 4}, True),
        ({"exp": int(NOW) - 5}, False),
        ({"exp": NOW + 0.25}, True),
        ({"exp": NOW - 4.75}, True),
        ({"exp": NOW - 5.25}, False),
        ({"nbf": NOW + 4.75}, True),
        ({"nbf": NOW + 5.25}, False),
        ({"iat": NOW - 0.5}, True),
        ({"exp": 0}, False),
        ({"nbf": int(NOW)}, True),
        ({"nbf": int(NOW) + 5}, True),
        ({"nbf": int(NOW) + 6}, False),
        ({"nbf": 0, "exp": 2**53}, True),
        ({"iat": int(NOW) + 10_000}, True),
        ({"expire_at": 0, "exp": int(NOW) - 60}, False),
        ({"expire_at": int(NOW) + 60, "exp": int(NOW) - 60}, False),
    ],
)
async def test_a_token_is_good_between_its_times_give_or_take_five_seconds(
    claims: dict[str, int], is_good: bool, hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    connection, subscription = craft({"sub": "1", **claims}), craft({"sub": "1", "channel": "c", **claims})
    if is_good:
        await hmac_tokens.verify_connection(connection, NOW)
        await hmac_tokens.verify_subscription(subscription, NOW)
        return
    for verify in (
        hmac_tokens.verify_connection(connection, NOW),
        hmac_tokens.verify_subscription(subscription, NOW),
    ):
        with pytest.raises(TokenExpired) as raised:
            await verify
        assert raised.value.code == 109
    assert hmac_tokens.rejected == {"expired": 2}


async def test_without_leeway_a_token_ends_on_its_second(secret: str, craft: Callable[..., str]) -> None:
    tokens = TokenVerifier(TokenRules(StaticKeys(secret)), leeway=0.0)
    assert await tokens.verify_connection(craft({"exp": int(NOW) + 1}), NOW + 0.9)
    with pytest.raises(TokenExpired):
        await tokens.verify_connection(craft({"exp": int(NOW) + 1}), NOW + 1)


async def test_an_expired_token_that_is_also_invalid_is_invalid(
    hmac_tokens: TokenVerifier, secret: str, other_secret: str, craft: Callable[..., str]
) -> None:
    old = int(NOW) - 1000
    await assert_invalid(
        hmac_tokens, craft({"exp": old, "channel": "c"}, key=other_secret), "wrong signature"
    )
    await assert_invalid(hmac_tokens, craft({"exp": old, "channel": "c", "sub": 7}))
    with_audience = verifier(StaticKeys(secret), audience="us")
    await assert_invalid(with_audience, craft({"exp": old, "channel": "c"}), "wrong audience")


# -- audience and issuer


@pytest.mark.parametrize(
    ("rules", "claims", "is_good"),
    [
        ({"audience": "hub"}, {"aud": "hub"}, True),
        ({"audience": "hub"}, {"aud": ["app", "hub"]}, True),
        ({"audience": "hub"}, {"aud": "hub2"}, False),
        ({"audience": "hub"}, {"aud": "HUB"}, False),
        ({"audience": "hub"}, {"aud": []}, False),
        ({"audience": "hub"}, {"aud": ["hub", 7]}, False),
        ({"audience": "hub"}, {"aud": {"hub": 1}}, False),
        ({"audience": "hub"}, {"aud": None}, False),
        ({"audience": "hub"}, {}, False),
        ({"audience": re.compile("hub-[a-z]+")}, {"aud": "hub-eu"}, True),
        ({"audience": re.compile("hub-[a-z]+")}, {"aud": ["x", "hub-eu"]}, True),
        ({"audience": re.compile("hub-[a-z]+")}, {"aud": "my-hub-eu"}, False),
        ({"audience": re.compile("hub-[a-z]+")}, {"aud": "hub-eu.evil"}, False),
        ({"audience": re.compile("hub-[a-z]+")}, {"aud": "hub-eu\n"}, False),
        ({"issuer": "https://id.example"}, {"iss": "https://id.example"}, True),
        ({"issuer": "https://id.example"}, {"iss": "https://id.example/"}, False),
        ({"issuer": "https://id.example"}, {"iss": ["https://id.example"]}, False),
        ({"issuer": "https://id.example"}, {}, False),
        ({"issuer": re.compile(r"https://(a|b)\.example")}, {"iss": "https://b.example"}, True),
        ({"issuer": re.compile(r"https://(a|b)\.example")}, {"iss": "https://b.example.evil"}, False),
        ({}, {"aud": "anything", "iss": "anybody"}, True),
        ({}, {"aud": 7, "iss": 7}, True),
    ],
)
async def test_audience_and_issuer_must_be_the_configured_ones(
    rules: dict[str, Any], claims: dict[str, Any], is_good: bool, secret: str, craft: Callable[..., str]
) -> None:
    tokens = verifier(StaticKeys(secret), **rules)
    if is_good:
        assert await tokens.verify_connection(craft({**GOOD, **claims}), NOW)
        assert await tokens.verify_subscription(craft({**GOOD_SUBSCRIPTION, **claims}), NOW)
    else:
        await assert_invalid(tokens, craft({**GOOD_SUBSCRIPTION, **claims}))


# -- one kind of token is not the other


async def test_a_subscription_token_does_not_connect(
    hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    for channel in ("news", "", None):
        with pytest.raises(Disconnect) as raised:
            await hmac_tokens.verify_connection(craft({**GOOD, "channel": channel}), NOW)
        assert raised.value.code == 3500


async def test_a_connection_token_does_not_subscribe(
    hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    for claims in (GOOD, {**GOOD, "channel": ""}, {**GOOD, "channel": None}, {**GOOD, "channel": ["news"]}):
        with pytest.raises(PermissionDenied):
            await hmac_tokens.verify_subscription(craft(claims), NOW)


async def test_subscription_tokens_with_rules_of_their_own_need_their_own_key(
    secret: str, other_secret: str, craft: Callable[..., str]
) -> None:
    tokens = TokenVerifier(
        TokenRules(StaticKeys(secret), audience="connect"),
        TokenRules(StaticKeys(other_secret), audience="subscribe"),
    )
    connect, subscribe = {**GOOD, "aud": "connect"}, {**GOOD_SUBSCRIPTION, "aud": "subscribe"}
    assert await tokens.verify_connection(craft(connect), NOW)
    assert await tokens.verify_subscription(craft(subscribe, key=other_secret), NOW)
    with pytest.raises(Disconnect):
        await tokens.verify_connection(craft(connect, key=other_secret), NOW)
    with pytest.raises(PermissionDenied):
        await tokens.verify_subscription(craft(subscribe), NOW)
    with pytest.raises(PermissionDenied):
        await tokens.verify_subscription(craft({**subscribe, "aud": "connect"}, key=other_secret), NOW)


def test_a_subscription_token_is_for_its_user_its_channel_and_its_connection() -> None:
    bound = SubscriptionToken(user="42", channel="news", client="c1")
    free = SubscriptionToken(user="42", channel="news")
    check_subscription(bound, "42", "news", "c1")
    check_subscription(free, "42", "news", "c1")
    for token, user, channel, client in (
        (free, "43", "news", "c1"),
        (free, "", "news", "c1"),
        (free, "42", "news2", "c1"),
        (free, "42", "News", "c1"),
        (bound, "42", "news", "c2"),
        (SubscriptionToken(user="", channel="news"), "42", "news", "c1"),
    ):
        with pytest.raises(Disconnect) as raised:
            check_subscription(token, user, channel, client)
        assert raised.value.code == 3500


# -- changing the secret


async def test_the_previous_secret_is_good_until_its_end(
    secret: str, other_secret: str, craft: Callable[..., str]
) -> None:
    old = craft({"sub": "42"}, key=other_secret)
    rotating = verifier(StaticKeys(secret, previous_hmac_secret=other_secret, previous_hmac_until=NOW + 100))
    assert (await rotating.verify_connection(craft({"sub": "42"}), NOW)).user == "42"
    assert (await rotating.verify_connection(old, NOW + 99.9)).user == "42"
    with pytest.raises(Disconnect):
        await rotating.verify_connection(old, NOW + 100)
    assert (await rotating.verify_connection(craft({"sub": "42"}), NOW + 100)).user == "42"


async def test_the_previous_secret_may_have_no_end(
    secret: str, other_secret: str, craft: Callable[..., str]
) -> None:
    rotating = verifier(StaticKeys(secret, previous_hmac_secret=other_secret))
    assert await rotating.verify_connection(craft({"sub": "42"}, key=other_secret), NOW + 1e9)


# -- what is refused at start


@pytest.mark.parametrize(
    "rules",
    [
        {"audience": ""},
        {"issuer": ""},
        {"audience": 7},
        {"issuer": ["a"]},
        {"user_claim": ""},
        {"user_claim": "a..b"},
        {"user_claim": ()},
    ],
)
def test_rules_that_cannot_be_are_refused(rules: dict[str, Any], secret: str) -> None:
    with pytest.raises(ConfigError):
        TokenRules(StaticKeys(secret), **rules)


@pytest.mark.parametrize("leeway", [-1.0, 5.1, float("nan"), float("inf")])
def test_a_leeway_beyond_five_seconds_is_refused(leeway: float, secret: str) -> None:
    with pytest.raises(ConfigError, match="leeway"):
        TokenVerifier(TokenRules(StaticKeys(secret)), leeway=leeway)
