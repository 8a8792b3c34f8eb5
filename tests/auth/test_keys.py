"""Keys from the configuration: which are taken, which are refused at start."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gapless.auth.keys import StaticKeys, hmac_key, pem_key
from gapless.errors import ConfigError


def pem_of(key: Any) -> str:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("RS256", {"RS256", "RS384", "RS512"}),
        ("ES256", {"ES256"}),
        ("ES384", {"ES384"}),
        ("ES512", {"ES512"}),
        ("EdDSA", {"EdDSA"}),
    ],
)
def test_a_public_key_is_for_the_algorithms_of_its_kind(
    algorithm: str, expected: set[str], pems: dict[str, str]
) -> None:
    assert StaticKeys(public_keys=[pems[algorithm]]).algorithms == expected


def test_an_hmac_secret_is_for_hmac(secret: str) -> None:
    assert StaticKeys(secret).algorithms == {"HS256", "HS384", "HS512"}
    assert StaticKeys(secret.encode()).algorithms == {"HS256", "HS384", "HS512"}


@pytest.mark.parametrize(
    ("secret", "fix"),
    [
        ("", "is empty"),
        ("secret", "at least 32"),
        ("x7" * 15 + "z", "at least 32"),
        ("your-256-bit-secret-your-256-bit-secret!", "sample"),
        ("a-string-secret-at-least-256-bits-long", "sample"),
        ("bbe7d157-a253-4094-9759-06a8236543f9", "sample"),
        ("0123456789abcdef0123456789abcdef", "repeats"),
    ],
)
def test_an_hmac_secret_that_can_be_guessed_is_refused(secret: str, fix: str) -> None:
    with pytest.raises(ConfigError) as raised:
        StaticKeys(secret)
    assert str(raised.value).startswith("hmac_secret ")
    assert fix in str(raised.value)


def test_the_previous_secret_is_held_to_the_same(secret: str) -> None:
    with pytest.raises(ConfigError, match="previous_hmac_secret has 6 bytes"):
        StaticKeys(secret, previous_hmac_secret="secret")
    with pytest.raises(ConfigError, match="needs hmac_secret"):
        StaticKeys(previous_hmac_secret=secret)
    with pytest.raises(ConfigError, match="needs previous_hmac_secret"):
        StaticKeys(secret, previous_hmac_until=1.0)


def test_a_public_key_as_hmac_secret_is_refused(pems: dict[str, str]) -> None:
    for pem in pems.values():
        with pytest.raises(ConfigError, match="use public_keys"):
            hmac_key("hmac_secret", pem)


def test_no_key_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="give hmac_secret or public_keys"):
        StaticKeys()


def test_one_pem_instead_of_a_list_names_the_fix(pems: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="is a list"):
        StaticKeys(public_keys=pems["RS256"])


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP224R1()),
        ed448.Ed448PrivateKey.generate(),
        dsa.generate_private_key(1024),
    ],
    ids=["rsa-1024", "secp256k1", "p-224", "ed448", "dsa"],
)
def test_a_key_that_is_weak_or_of_another_kind_is_refused(key: Any) -> None:
    with pytest.raises(ConfigError, match="RSA of 2048 bits or more"):
        pem_key(pem_of(key))


@pytest.mark.parametrize(
    "pem", ["", "garbage", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_what_is_no_key_is_refused(pem: str) -> None:
    with pytest.raises(ConfigError, match="no public key in PEM"):
        StaticKeys(public_keys={"one": pem})


def test_a_private_key_is_refused_because_the_hub_must_not_have_it(private_keys: dict[str, Any]) -> None:
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        pem = private_keys["RS256"].private_bytes(Encoding.PEM, form, NoEncryption()).decode()
        with pytest.raises(ConfigError, match="only its public half"):
            pem_key(pem)


def test_a_certificate_is_refused_with_the_command_that_helps() -> None:
    with pytest.raises(ConfigError, match="openssl x509 -pubkey"):
        pem_key("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def test_a_missing_package_is_named(
    secret: str, pems: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwt.algorithms.has_crypto", False)
    with pytest.raises(ConfigError, match=r"pip install 'gapless\[jwt\]'"):
        StaticKeys(public_keys=[pems["RS256"]])
    monkeypatch.setitem(sys.modules, "jwt.algorithms", None)
    with pytest.raises(ConfigError, match=r"pip install 'gapless\[jwt\]'"):
        StaticKeys(secret)
