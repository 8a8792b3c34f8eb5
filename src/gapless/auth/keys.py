"""The keys that tokens are verified with; each knows the algorithms it may be used for.

An algorithm is bound to the key and never to the token: an RSA key verifies RS256, RS384 and RS512, a
P-256 key ES256, an HMAC secret HS256, HS384 and HS512. So a public key cannot be taken for an HMAC
secret, whatever a token's header says.

The cryptography is PyJWT's, of the extra `gapless[jwt]`; it is imported when the first key is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ConfigError
from .strength import check_strength

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

MIN_HMAC_BYTES = 32
"""The output of SHA-256: a shorter secret is the weakest part of HS256 (RFC 7518, 3.2)."""
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
"""A longer key makes each verification slow enough to matter."""

HMAC_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
CURVE_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
PUBLIC_KEY_ALGORITHMS = RSA_ALGORITHMS | frozenset(CURVE_ALGORITHMS.values()) | {"EdDSA"}

_PEM_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")


class Key:
    """One key with its id, None when it has none, and the algorithms it may be used for."""

    __slots__ = ("_algorithms", "_material", "key_id", "usable_until")

    def __init__(
        self,
        material: Any,
        algorithms: Iterable[str],
        *,
        key_id: str | None = None,
        usable_until: float | None = None,
    ) -> None:
        known = _pyjwt_algorithms()
        self.key_id = key_id
        self.usable_until = usable_until
        self._material = material
        self._algorithms: dict[str, Algorithm] = {name: known[name] for name in algorithms}

    @property
    def algorithms(self) -> frozenset[str]:
        """The names of the algorithms that this key may verify."""
        return frozenset(self._algorithms)

    def verify(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Did this key sign `signed` with this algorithm? False for an algorithm that is not the key's."""
        verifier = self._algorithms.get(algorithm)
        return verifier is not None and verifier.verify(signed, self._material, signature)


class KeySource(Protocol):
    """Where keys come from, looked up by the id in a token's header."""

    @property
    def algorithms(self) -> frozenset[str]:
        """Every algorithm that any of its keys may be used for."""

    async def find(self, key_id: str | None, now: float) -> Sequence[Key]:
        """The keys a token with this key id may have been signed with, at most a few; `now` is Unix time.

        Raises:
            KeysUnavailable: they cannot be had at the moment; whether the token is good is unknown.
        """


class KeysUnavailable(Exception):
    """The keys could not be fetched."""


class StaticKeys:
    """Keys written down in the configuration.

    A key without an id verifies tokens with any key id, one with an id only tokens that name it.

    Raises:
        ConfigError: no key at all, or one that is too weak, private, or of an unknown kind.
    """

    def __init__(
        self,
        hmac_secret: str | bytes | None = None,
        *,
        previous_hmac_secret: str | bytes | None = None,
        previous_hmac_until: float | None = None,
        public_keys: Sequence[str] | Mapping[str, str] = (),
        allow_weak: bool = False,
    ) -> None:
        """Take one HMAC secret, PEM public keys (a list, or a mapping by key id), or both.

        `previous_hmac_secret` is accepted as well until `previous_hmac_until`, Unix seconds, or without
        end: so a secret is changed while tokens signed with the old one are still around.
        `allow_weak` takes secrets that can be guessed: for other people's fixtures, on one machine.
        """
        keys: list[Key] = []
        if hmac_secret is not None:
            keys.append(hmac_key("hmac_secret", hmac_secret, allow_weak=allow_weak))
        if previous_hmac_secret is not None:
            if hmac_secret is None:
                raise ConfigError(
                    "previous_hmac_secret needs hmac_secret, the one that new tokens are signed with"
                )
            keys.append(
                hmac_key(
                    "previous_hmac_secret",
                    previous_hmac_secret,
                    usable_until=previous_hmac_until,
                    allow_weak=allow_weak,
                )
            )
        elif previous_hmac_until is not None:
            raise ConfigError("previous_hmac_until needs previous_hmac_secret")
        if isinstance(public_keys, str):
            raise ConfigError("public_keys is a list of PEM texts, or a mapping from key id to PEM text")
        named = (
            public_keys.items() if isinstance(public_keys, Mapping) else ((None, pem) for pem in public_keys)
        )
        keys += [pem_key(pem, key_id=key_id) for key_id, pem in named]
        if not keys:
            raise ConfigError("no key to verify tokens with: give hmac_secret or public_keys")
        self._keys = tuple(keys)
        self._algorithms = frozenset[str]().union(*(key.algorithms for key in keys))

    @property
    def algorithms(self) -> frozenset[str]:
        """The names of all algorithms that its keys verify."""
        return self._algorithms

    async def find(self, key_id: str | None, now: float) -> Sequence[Key]:
        """The keys that may have signed with this algorithm and key id."""
        return [
            key
            for key in self._keys
            if key.key_id in (None, key_id) and (key.usable_until is None or now < key.usable_until)
        ]


def hmac_key(
    name: str, secret: str | bytes, *, usable_until: float | None = None, allow_weak: bool = False
) -> Key:
    """An HMAC secret as a key; `name` is the option's, for messages.

    Raises:
        ConfigError: shorter than 32 bytes, a sample, or really a public key.
    """
    from_text = secret.encode() if isinstance(secret, str) else secret
    check_strength(name, from_text, MIN_HMAC_BYTES, allow_weak=allow_weak)
    known = _pyjwt_algorithms()
    from jwt import InvalidKeyError

    try:
        material = known["HS256"].prepare_key(from_text)
    except InvalidKeyError:
        raise ConfigError(
            f"{name} is a public key or certificate, which is no secret; use public_keys"
        ) from None
    return Key(material, HMAC_ALGORITHMS, usable_until=usable_until)


def pem_key(pem: str, *, key_id: str | None = None) -> Key:
    """An RSA, ECDSA (P-256, P-384, P-521) or Ed25519 public key in PEM.

    Raises:
        ConfigError: it is not that.
    """
    require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    label = _PEM_LABEL.search(pem)
    if label is not None and "PRIVATE" in label[1]:
        raise ConfigError(
            "public_keys holds a private key: the hub needs only its public half (openssl pkey -pubout)"
        )
    if label is not None and "CERTIFICATE" in label[1]:
        raise ConfigError(
            "public_keys holds a certificate: take its public key (openssl x509 -pubkey -noout)"
        )
    try:
        return public_key(load_pem_public_key(pem.encode()), key_id=key_id)
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            "public_keys holds something that is no public key in PEM (-----BEGIN PUBLIC KEY-----), "
            "RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, Ed25519"
        ) from None


def public_key(material: object, *, key_id: str | None = None, only: str | None = None) -> Key:
    """A public key of `cryptography`, for all algorithms of its kind, or for the one that `only` names.

    Raises:
        ValueError: a kind, curve, size or algorithm that is not supported.
    """
    algorithms = _algorithms_of(material)
    if only is not None:
        algorithms &= {only}
    if not algorithms:
        raise ValueError("not a supported public key")
    return Key(material, algorithms, key_id=key_id)


def require_cryptography() -> None:
    """Raises ConfigError when public keys cannot be used because a package is missing."""
    _pyjwt_algorithms()
    from jwt.algorithms import has_crypto

    if not has_crypto:
        raise ConfigError("public keys need the package cryptography: pip install 'gapless[jwt]'")


def _algorithms_of(material: object) -> frozenset[str]:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    match material:
        case RSAPublicKey() if MIN_RSA_BITS <= material.key_size <= MAX_RSA_BITS:
            return RSA_ALGORITHMS
        case EllipticCurvePublicKey() if material.curve.name in CURVE_ALGORITHMS:
            return frozenset({CURVE_ALGORITHMS[material.curve.name]})
        case Ed25519PublicKey():
            return frozenset({"EdDSA"})
        case _:
            return frozenset()


def _pyjwt_algorithms() -> dict[str, Algorithm]:
    try:
        from jwt.algorithms import get_default_algorithms
    except ImportError:
        raise ConfigError("tokens need the package PyJWT: pip install 'gapless[jwt]'") from None
    return get_default_algorithms()
