"""A signed token, opened: which are, and which are refused before anything of them is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenVerifier

from .tokens import GOOD, GOOD_SUBSCRIPTION, NOW, assert_invalid, verifier

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"])
async def test_a_token_signed_for_a_configured_public_key_is_good(
    algorithm: str, pems: dict[str, str], sign: Callable[..., str]
) -> None:
    tokens = verifier(StaticKeys(public_keys=[pems[algorithm]]))
    assert (await tokens.verify_connection(sign(algorithm, GOOD), NOW)).user == "42"
    token = await tokens.verify_subscription(sign(algorithm, GOOD_SUBSCRIPTION), NOW)
    assert (token.user, token.channel) == ("42", "news")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_token_signed_with_the_hmac_secret_is_good(algorithm: str, secret: str) -> None:
    import hmac

    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm}).encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(GOOD).encode()).rstrip(b"=")
    digest = hmac.digest(secret.encode(), head + b"." + body, f"sha{algorithm[2:]}")
    token = b".".join([head, body, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()
    assert (await verifier(StaticKeys(secret)).verify_connection(token, NOW)).user == "42"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_the_usual_types_are_good(
    kind: str, hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    assert await hmac_tokens.verify_connection(craft(GOOD, {"alg": "HS256", "typ": kind}), NOW)


async def test_a_header_member_without_meaning_is_ignored(
    hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    header = {"alg": "HS256", "kid": "any", "x5t": "thumbprint", "cty": "JWT"}
    assert (await hmac_tokens.verify_connection(craft(GOOD, header), NOW)).user == "42"


BAD_HEADERS: list[tuple[Any, str]] = [
    ({"alg": "none"}, "algorithm"),
    ({"alg": "None"}, "algorithm"),
    ({"alg": "hs256"}, "algorithm"),
    ({"alg": ""}, "algorithm"),
    ({"alg": None}, "algorithm"),
    ({"alg": ["HS256"]}, "algorithm"),
    ({"alg": 256}, "algorithm"),
    ({"typ": "JWT"}, "algorithm"),
    ({"alg": "RS256"}, "algorithm"),
    ({"alg": "ES256"}, "algorithm"),
    ({"alg": "EdDSA"}, "algorithm"),
    ({"alg": "PS256"}, "algorithm"),
    ({"alg": "ES256K"}, "algorithm"),
    ({"alg": "HS256", "crit": ["exp"]}, "extension"),
    ({"alg": "HS256", "crit": []}, "extension"),
    ({"alg": "HS256", "crit": ["b64"], "b64": False}, "extension"),
    ({"alg": "HS256", "b64": True}, "extension"),
    ({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}}, "brings a key"),
    ({"alg": "HS256", "jku": "https://evil.example/jwks.json"}, "brings a key"),
    ({"alg": "HS256", "x5u": "https://evil.example/cert.pem"}, "brings a key"),
    ({"alg": "HS256", "x5c": ["MIIB"]}, "brings a key"),
    ({"alg": "HS256", "jku": None}, "brings a key"),
    ({"alg": "HS256", "typ": "logout+jwt"}, "another type"),
    ({"alg": "HS256", "typ": ""}, "another type"),
    ({"alg": "HS256", "typ": None}, "another type"),
    ({"alg": "HS256", "kid": 7}, "key id"),
    ({"alg": "HS256", "kid": ["a"]}, "key id"),
    ({"alg": "HS256", "kid": "k" * 257}, "key id"),
    (b'{"alg":"none","alg":"HS256"}', "header is not strict JSON"),
    (b'{"alg":"HS256","kid":"a","kid":"b"}', "header is not strict JSON"),
    (b'\xef\xbb\xbf{"alg":"HS256"}', "header is not strict JSON"),
    (b'{"alg":"HS256"', "header is not strict JSON"),
    (b'{"alg":"HS256","n":NaN}', "header is not strict JSON"),
    (b"[]", "header is not strict JSON"),
    (b'"HS256"', "header is not strict JSON"),
    ('{"alg":"HS256"}'.encode("utf-16"), "header is not strict JSON"),
    (b'{"alg":"HS256","n":' + b"[" * 1500 + b"]" * 1500 + b"}", "header is not strict JSON"),
]


@pytest.mark.parametrize(("header", "reason"), BAD_HEADERS)
async def test_a_header_that_asks_for_anything_else_is_refused(
    header: Any, reason: str, hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    await assert_invalid(hmac_tokens, craft(GOOD_SUBSCRIPTION, header), reason)


async def test_no_signature_is_refused(hmac_tokens: TokenVerifier, craft: Callable[..., str]) -> None:
    head, body, _ = craft(GOOD, {"alg": "none"}).split(".")
    for token in (f"{head}.{body}.", f"{head}.{body}", craft(GOOD).rpartition(".")[0] + "."):
        await assert_invalid(hmac_tokens, token, "not a token")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("claimed", ["HS256", "HS384", "HS512"])
async def test_a_public_key_is_never_an_hmac_secret(
    algorithm: str, claimed: str, pems: dict[str, str], craft: Callable[..., str]
) -> None:
    pem = pems[algorithm]
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    for key in (pem.encode(), pem.strip().encode(), der):
        token = craft(GOOD_SUBSCRIPTION, {"alg": claimed}, key)
        await assert_invalid(verifier(StaticKeys(public_keys=[pem])), token, "algorithm")


async def test_a_public_key_is_no_hmac_secret_beside_one_either(
    secret: str, pems: dict[str, str], craft: Callable[..., str], sign: Callable[..., str]
) -> None:
    tokens = verifier(StaticKeys(secret, public_keys={"one": pems["RS256"]}))
    assert (await tokens.verify_connection(craft(GOOD), NOW)).user == "42"
    assert (await tokens.verify_connection(sign("RS256", GOOD, kid="one"), NOW)).user == "42"
    forged = craft(GOOD_SUBSCRIPTION, {"alg": "HS256", "kid": "one"}, pems["RS256"].encode())
    await assert_invalid(tokens, forged, "wrong signature")


async def test_an_algorithm_of_another_key_kind_is_refused_though_both_are_configured(
    pems: dict[str, str], sign: Callable[..., str]
) -> None:
    tokens = verifier(StaticKeys(public_keys={"rsa": pems["RS256"], "ec": pems["ES256"]}))
    await assert_invalid(tokens, sign("ES256", GOOD_SUBSCRIPTION, kid="rsa"), "no key of this id")
    await assert_invalid(tokens, sign("RS256", GOOD_SUBSCRIPTION, kid="ec"), "no key of this id")
    await assert_invalid(tokens, sign("ES384", GOOD_SUBSCRIPTION, kid="ec"), "algorithm")


async def test_a_key_with_an_id_verifies_only_tokens_that_name_it(
    pems: dict[str, str], sign: Callable[..., str]
) -> None:
    tokens = verifier(StaticKeys(public_keys={"one": pems["ES256"]}))
    assert (await tokens.verify_connection(sign("ES256", GOOD, kid="one"), NOW)).user == "42"
    await assert_invalid(tokens, sign("ES256", GOOD_SUBSCRIPTION, kid="two"), "no key of this id")
    await assert_invalid(tokens, sign("ES256", GOOD_SUBSCRIPTION), "no key of this id")


async def test_a_token_that_was_changed_anywhere_is_refused(
    hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    token = craft(GOOD_SUBSCRIPTION)
    for at, character in enumerate(token):
        for other in ("A", "B", "_", ".", "=", "+", " ", "\n"):
            if other != character:
                await assert_invalid(hmac_tokens, token[:at] + other + token[at + 1 :])


async def test_another_secret_is_refused(
    hmac_tokens: TokenVerifier, other_secret: str, craft: Callable[..., str]
) -> None:
    await assert_invalid(hmac_tokens, craft(GOOD_SUBSCRIPTION, key=other_secret), "wrong signature")
    assert hmac_tokens.rejected["wrong signature"] == 2


@pytest.mark.parametrize(
    "change", ["{}=", "{}==", " {}", "{}\n", "{}.", ".{}", "{}.AAAA", "Bearer {}", "{}\x00", "{}é"]
)
async def test_only_the_compact_form_is_a_token(
    change: str, hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    await assert_invalid(hmac_tokens, change.format(craft(GOOD_SUBSCRIPTION)), "not a token")


@pytest.mark.parametrize("token", ["", ".", "..", "...", "a.b.c", "null", "{}", "\ud800", "a" * 100])
async def test_what_is_no_token_is_refused(token: str, hmac_tokens: TokenVerifier) -> None:
    await assert_invalid(hmac_tokens, token)


async def test_bits_that_carry_nothing_must_be_zero(
    hmac_tokens: TokenVerifier, craft: Callable[..., str]
) -> None:
    token = craft(GOOD)  # a signature of 32 bytes has two such bits in its last character
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    decoded = [base64.urlsafe_b64decode(each.rpartition(".")[2] + "=") for each in (token, twin)]
    assert decoded[0] == decoded[1]
    assert await hmac_tokens.verify_connection(token, NOW)
    await assert_invalid(hmac_tokens, twin, "not base64url")


async def test_a_token_above_8_kib_is_refused(hmac_tokens: TokenVerifier, craft: Callable[..., str]) -> None:
    length = 8192 - len(craft({**GOOD, "meta": {"a": ""}}))
    filler = "x" * (length * 3 // 4 - 8)
    fits = craft({**GOOD, "meta": {"a": filler}})
    assert 8000 < len(fits) <= 8192
    assert await hmac_tokens.verify_connection(fits, NOW)
    await assert_invalid(hmac_tokens, craft({**GOOD, "meta": {"a": filler + "x" * 100}}), "not a token")
