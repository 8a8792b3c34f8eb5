"""Keys that an identity provider publishes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.auth.jwks import MAX_BYTES, Jwks, parse_key_set
from gapless.auth.keys import KeysUnavailable
from gapless.auth.verifier import TokenRules, TokenVerifier
from gapless.errors import ConfigError, Disconnect, Internal

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
JwkOf = Callable[..., dict[str, Any]]
Sign = Callable[..., str]


class Provider:
    """An identity provider: answers with its keys, or fails, or waits until it may go on."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.error: Exception | None = None
        self.calls = 0
        self.gate: asyncio.Event | None = None

    async def load(self) -> bytes:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return json.dumps({"keys": self.keys}).encode()


def key_ids(raw: Any) -> set[str]:
    return set(parse_key_set(json.dumps(raw).encode()))


# -- verifying with a key set


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "ES256", "ES384", "ES512", "EdDSA"])
async def test_a_token_signed_with_a_published_key_is_good(algorithm: str, jwk_of: JwkOf, sign: Sign) -> None:
    provider = Provider(jwk_of(algorithm, "one"))
    tokens = TokenVerifier(TokenRules(Jwks(provider.load)))
    assert (await tokens.verify_connection(sign(algorithm, {"sub": "42"}, kid="one"), NOW)).user == "42"


async def test_the_key_is_looked_up_by_its_id_and_not_tried(jwk_of: JwkOf, sign: Sign) -> None:
    provider = Provider(jwk_of("RS256", "one"), jwk_of("ES256", "two"))
    tokens = TokenVerifier(TokenRules(Jwks(provider.load)))
    for token in (
        sign("RS256", {"sub": "42"}),
        sign("RS256", {"sub": "42"}, kid="two"),
        sign("RS256", {"sub": "42"}, kid="three"),
        sign("RS256", {"sub": "42"}, kid=""),
    ):
        with pytest.raises(Disconnect) as raised:
            await tokens.verify_connection(token, NOW)
        assert raised.value.code == 3500


async def test_a_key_set_never_verifies_hmac(
    jwk_of: JwkOf, pems: dict[str, str], craft: Callable[..., str]
) -> None:
    shared = {"kty": "oct", "kid": "one", "k": "OWQyZjZjMGI3ZTMxNGE1OGIxYzRmMGQ4NmU3YTIzOTU", "alg": "HS256"}
    provider = Provider(shared, jwk_of("RS256", "one"))
    tokens = TokenVerifier(TokenRules(Jwks(provider.load)))
    for key in (pems["RS256"], "9d2f6c0b7e314a58b1c4f0d86e7a2395"):
        with pytest.raises(Disconnect):
            await tokens.verify_connection(craft({"sub": "42"}, {"alg": "HS256", "kid": "one"}, key), NOW)
    assert provider.calls == 0  # refused before anything is fetched for it


async def test_the_algorithm_of_a_published_key_is_the_only_one(jwk_of: JwkOf, sign: Sign) -> None:
    provider = Provider(jwk_of("RS256", "one", alg="RS256"))
    tokens = TokenVerifier(TokenRules(Jwks(provider.load)))
    assert await tokens.verify_connection(sign("RS256", {"sub": "42"}, kid="one"), NOW)
    with pytest.raises(Disconnect):
        await tokens.verify_connection(sign("RS512", {"sub": "42"}, kid="one"), NOW)


# -- when it is read


async def test_nothing_is_read_until_a_token_comes_and_then_once(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    jwks = Jwks(provider.load)
    assert provider.calls == 0
    for seconds in range(0, 590, 10):
        assert len(await jwks.find("one", NOW + seconds)) == 1
    assert (provider.calls, jwks.reads, jwks.failed_reads) == (1, 1, 0)


async def test_a_new_key_is_found_by_the_first_token_that_names_it(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    jwks = Jwks(provider.load)
    assert await jwks.find("one", NOW)
    provider.keys = [jwk_of("ES384", "two")]
    assert len(await jwks.find("two", NOW + 10)) == 1
    assert await jwks.find("one", NOW + 10) == ()


async def test_unknown_keys_cause_at_most_one_read_in_a_while(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    jwks = Jwks(provider.load)
    for number in range(1000):
        assert await jwks.find(f"unknown-{number}", NOW + number / 100) == ()
    assert provider.calls == 1
    assert await jwks.find("unknown", NOW + 10) == ()
    assert provider.calls == 2


async def test_a_token_without_a_key_id_causes_no_read(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    assert await Jwks(provider.load).find(None, NOW) == ()
    assert provider.calls == 0


async def test_a_slow_read_is_not_joined_by_a_second(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    provider.gate = asyncio.Event()
    jwks = Jwks(provider.load)
    waiting = [asyncio.create_task(jwks.find("one", NOW + seconds)) for seconds in (0, 20, 40)]
    await asyncio.sleep(0)
    provider.gate.set()
    assert [len(keys) for keys in await asyncio.gather(*waiting)] == [1, 1, 1]
    assert provider.calls == 1


async def test_tokens_that_come_at_once_share_one_read(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    provider.gate = asyncio.Event()
    jwks = Jwks(provider.load)
    waiting = [asyncio.create_task(jwks.find("one", NOW)) for _ in range(50)]
    await asyncio.sleep(0)
    provider.gate.set()
    assert all(len(keys) == 1 for keys in await asyncio.gather(*waiting))
    assert provider.calls == 1


async def test_a_connection_that_leaves_does_not_stop_the_read_for_the_others(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    provider.gate = asyncio.Event()
    jwks = Jwks(provider.load)
    leaving, staying = (asyncio.create_task(jwks.find("one", NOW)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    provider.gate.set()
    assert len(await staying) == 1
    assert provider.calls == 1


async def test_an_old_set_is_used_while_it_is_read_again(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    jwks = Jwks(provider.load)
    await jwks.find("one", NOW)
    provider.gate = asyncio.Event()
    assert len(await jwks.find("one", NOW + 600)) == 1  # does not wait
    assert jwks.reads == 2
    provider.keys = []
    provider.gate.set()
    assert await jwks.find("another", NOW + 601) == ()  # waits for the same read
    assert provider.calls == 2
    assert await jwks.find("one", NOW + 602) == ()


async def test_while_the_provider_is_away_the_known_keys_last_a_day(
    jwk_of: JwkOf, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    jwks = Jwks(provider.load)
    await jwks.find("one", NOW)
    provider.error = OSError("no route")
    for seconds in range(600, 86_400, 600):
        assert len(await jwks.find("one", NOW + seconds)) == 1
        with pytest.raises(KeysUnavailable):
            await jwks.find("another", NOW + seconds)
    with pytest.raises(KeysUnavailable):
        await jwks.find("one", NOW + 86_400)
    assert jwks.failed_reads == jwks.reads - 1
    assert [record.getMessage() for record in caplog.records] == [
        "the key set for tokens cannot be read, trying again: OSError('no route')"
    ]
    provider.error = None
    assert len(await jwks.find("one", NOW + 86_410)) == 1


async def test_a_token_that_could_not_be_checked_is_not_called_invalid(jwk_of: JwkOf, sign: Sign) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    provider.error = OSError("no route")
    tokens = TokenVerifier(TokenRules(Jwks(provider.load)))
    for verify in (tokens.verify_connection, tokens.verify_subscription):
        with pytest.raises(Internal) as raised:
            await verify(sign("ES256", {"sub": "42"}, kid="one"), NOW)
        assert raised.value.temporary
    assert provider.calls == 1
    assert tokens.rejected == {"keys unavailable": 2}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":[]' + b" " * MAX_BYTES + b"}",
        b'{"keys":[' + b"{}," * 64 + b"{}]}",
    ],
)
async def test_an_answer_that_is_no_key_set_is_a_failed_read(answer: bytes) -> None:
    async def load() -> bytes:
        return answer

    jwks = Jwks(load)
    with pytest.raises(KeysUnavailable):
        await jwks.find("one", NOW)
    assert jwks.failed_reads == 1


async def test_a_provider_that_never_answers_is_given_up() -> None:
    provider = Provider()
    provider.gate = asyncio.Event()
    jwks = Jwks(provider.load, timeout_seconds=0.01)
    async with asyncio.timeout(5.0):
        with pytest.raises(KeysUnavailable):
            await jwks.find("one", NOW)
    assert jwks.failed_reads == 1


async def test_a_clock_that_was_set_back_does_not_stop_reading(jwk_of: JwkOf) -> None:
    provider = Provider(jwk_of("ES256", "one"))
    jwks = Jwks(provider.load)
    await jwks.find("one", NOW)
    provider.keys = [jwk_of("ES256", "two")]
    assert len(await jwks.find("two", NOW - 10_000)) == 1
    assert len(await jwks.find("two", NOW - 10_001)) == 1
    assert provider.calls == 2


# -- what a set may hold


def test_only_public_keys_for_signatures_are_used(jwk_of: JwkOf, private_keys: dict[str, Any]) -> None:
    private = jwt.get_algorithm_by_name("ES256").to_jwk(private_keys["ES256"], as_dict=True)
    members: list[Any] = [
        jwk_of("RS256", "rsa", use="sig", alg="RS384"),
        jwk_of("ES256", "ec", key_ops=["verify"]),
        jwk_of("EdDSA", "ed", x5t="ignored"),
        jwk_of("RS256", "encrypts", use="enc"),
        jwk_of("RS256", "wraps", key_ops=["wrapKey"]),
        jwk_of("RS256", "other-algorithm", alg="PS256"),
        jwk_of("RS256", "hmac", alg="HS256"),
        jwk_of("ES256", "mismatch", alg="ES384"),
        jwk_of("RS256", "list", alg=["RS256"]),
        jwk_of("ES256", "kind", kty="RSA"),
        jwk_of("ES256", "kinds", kty=["EC"]),
        jwk_of("ES256", "off-the-curve", x=jwk_of("ES256", "y")["y"]),
        jwk_of("ES256", "curve", crv="P-999"),
        jwk_of("RS256", "number", n=5),
        jwk_of("RS256", "small", n="AQAB"),
        jwk_of("RS256", ""),
        jwk_of("RS256", "k" * 257),
        {**jwk_of("RS256", "x"), "kid": 7},
        {"kty": "oct", "kid": "shared", "k": "AAAA"},
        {**private, "kid": "private"},
        {},
        [],
        None,
        "key",
    ]
    assert key_ids({"keys": members}) == {"rsa", "ec", "ed"}
    keys = parse_key_set(json.dumps({"keys": members}).encode())
    assert [key.algorithms for key in keys["rsa"]] == [{"RS384"}]


def test_two_keys_may_have_one_id(jwk_of: JwkOf) -> None:
    raw = json.dumps({"keys": [jwk_of("RS256", "one"), jwk_of("ES256", "one")]}).encode()
    assert len(parse_key_set(raw)["one"]) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["kty", "kid", "use", "alg", "key_ops", "crv", "x", "y", "n", "e", "d"])
VALUES = (
    st.sampled_from(["RSA", "EC", "OKP", "sig", "P-256", "Ed25519", "AQAB", "A" * 43, "é", ["verify"]]) | JSON
)


@given(st.binary(max_size=60) | st.lists(st.dictionaries(MEMBERS, VALUES), max_size=4))
def test_any_bytes_are_a_key_set_or_a_value_error(raw: bytes | list[Any]) -> None:
    try:
        parse_key_set(raw if isinstance(raw, bytes) else json.dumps({"keys": raw}).encode())
    except ValueError:
        pass


# -- where it comes from


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example.com/jwks.json",
        "https://id.example.com:8443/jwks?tenant=1",
        "http://localhost:8080/jwks.json",
        "http://127.0.0.1/jwks.json",
        "http://[::1]:8080/jwks.json",
    ],
)
async def test_the_set_is_fetched_from_the_configured_address_only(
    url: str, jwk_of: JwkOf, craft: Callable[..., str], sign: Sign
) -> None:
    asked: list[tuple[str, int]] = []

    async def fetch(url: str, max_bytes: int) -> bytes:
        asked.append((url, max_bytes))
        return json.dumps({"keys": [jwk_of("ES256", "one")]}).encode()

    tokens = TokenVerifier(TokenRules(Jwks.from_url(url, fetch)))
    assert await tokens.verify_connection(sign("ES256", {"sub": "1"}, kid="one"), NOW)
    hostile = {"alg": "ES256", "kid": "https://evil.example/../{{iss}}"}
    with pytest.raises(Disconnect):
        await tokens.verify_connection(craft({"iss": "https://evil.example"}, hostile), NOW + 11)
    assert asked == [(url, MAX_BYTES)] * 2


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("http://id.example.com/jwks.json", "use https"),
        ("http://127.0.0.1.evil.com/jwks.json", "use https"),
        ("http://localhost.evil.com/", "use https"),
        ("ftp://id.example.com/jwks.json", "use https"),
        ("file:///etc/jwks.json", "not an address"),
        ("id.example.com/jwks.json", "not an address"),
        ("https://", "not an address"),
        ("https://user:pass@id.example.com/", "not an address"),
        ("https://id.example.com:99999/", "not an address"),
        ("https://[::1/", "not an address"),
        ("https://id.example.com/#a", "not an address"),
        ("https://id.example.com/\r\nX: y", "not an address"),
        ("", "not an address"),
    ],
)
def test_another_address_is_refused(url: str, fix: str) -> None:
    async def fetch(url: str, max_bytes: int) -> bytes:
        return b""

    with pytest.raises(ConfigError, match=fix):
        Jwks.from_url(url, fetch)


async def test_a_key_set_in_a_file_is_read_again_when_it_changes(
    tmp_path: Path, jwk_of: JwkOf, sign: Sign
) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [jwk_of("ES256", "one")]}))
    tokens = TokenVerifier(TokenRules(Jwks.from_file(file)))
    assert await tokens.verify_connection(sign("ES256", {"sub": "1"}, kid="one"), NOW)
    file.write_text(json.dumps({"keys": [jwk_of("ES384", "two")]}))
    assert await tokens.verify_connection(sign("ES384", {"sub": "1"}, kid="two"), NOW + 10)


@pytest.mark.parametrize(
    "content", [None, "", "{}", '{"keys":[]}', '{"keys":[{"kty":"oct","kid":"a","k":"AA"}]}']
)
def test_a_file_without_a_usable_key_is_refused_at_start(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "jwks.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match="the key set"):
        Jwks.from_file(str(file))
