"""Keys and hand-made tokens for the tests of who may do what."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenVerifier

from .tokens import verifier

SECRET = "9d2f6c0b7e314a58b1c4f0d86e7a2395"
OTHER_SECRET = "41c7a9e05b8d4f26930eb7d1f8a264cc"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Craft = Callable[..., str]


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(part: Any) -> bytes:
    return part if isinstance(part, bytes) else json.dumps(part).encode()


@pytest.fixture
def secret() -> str:
    return SECRET


@pytest.fixture
def other_secret() -> str:
    return OTHER_SECRET


@pytest.fixture
def craft() -> Craft:
    """`craft(claims, header=…, key=…)`: an HS256 token whose parts may be any bytes at all."""

    def token(claims: Any, header: Any = None, key: str | bytes = SECRET) -> str:
        head = {"alg": "HS256", "typ": "JWT"} if header is None else header
        signed = f"{_base64url(_bytes(head))}.{_base64url(_bytes(claims))}"
        secret = key.encode() if isinstance(key, str) else key
        return f"{signed}.{_base64url(hmac.digest(secret, signed.encode(), hashlib.sha256))}"

    return token


@pytest.fixture(scope="session")
def private_keys() -> dict[str, PrivateKey]:
    """One private key for each algorithm of public keys."""
    one_rsa = rsa.generate_private_key(65537, 2048)
    return {
        "RS256": one_rsa,
        "RS384": one_rsa,
        "RS512": one_rsa,
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
        "ES512": ec.generate_private_key(ec.SECP521R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }


@pytest.fixture(scope="session")
def pems(private_keys: dict[str, PrivateKey]) -> dict[str, str]:
    """The public halves, in PEM."""
    return {
        algorithm: key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        for algorithm, key in private_keys.items()
    }


@pytest.fixture(scope="session")
def jwk_of(private_keys: dict[str, PrivateKey]) -> Callable[..., dict[str, Any]]:
    """`jwk_of(algorithm, kid, **members)`: the public half as a member of a key set."""

    def jwk(algorithm: str, kid: str, **members: Any) -> dict[str, Any]:
        known = jwt.get_algorithm_by_name(algorithm)
        public = known.to_jwk(private_keys[algorithm].public_key(), as_dict=True)
        public.pop("key_ops", None)
        return {**public, "kid": kid, **members}

    return jwk


@pytest.fixture
def sign(private_keys: dict[str, PrivateKey]) -> Callable[..., str]:
    """`sign(algorithm, claims, kid=…)`: a token signed with the private key for that algorithm."""

    def token(algorithm: str, claims: dict[str, Any], kid: str | None = None) -> str:
        headers = None if kid is None else {"kid": kid}
        return jwt.encode(claims, private_keys[algorithm], algorithm, headers)

    return token


@pytest.fixture
def hmac_tokens(secret: str) -> TokenVerifier:
    return verifier(StaticKeys(secret))
