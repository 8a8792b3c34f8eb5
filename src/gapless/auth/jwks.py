"""Keys that an identity provider publishes: a JSON Web Key Set (RFC 7517), fetched, checked, cached.

The set comes from one configured place and from nowhere else; nothing of a token is part of the address.
It is fetched again when it is old, and when a token names a key that is not in it, however many such
tokens come, at most every few seconds.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigError
from ..protocol.strict import Malformed, parse
from .keys import PUBLIC_KEY_ALGORITHMS, Key, KeysUnavailable, public_key, require_cryptography

_log = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024
MAX_KEYS = 64
MAX_KEY_ID_CHARACTERS = 256

Fetch = Callable[[str, int], Awaitable[bytes]]
"""`fetch(url, max_bytes)` answers with the body of a 200.

It follows no redirect, fails when there are more than `max_bytes`, and may raise any Exception.
"""

_KINDS = {"RSA": "RSAAlgorithm", "EC": "ECAlgorithm", "OKP": "OKPAlgorithm"}


class Jwks:
    """The key set of one place. Make one with `from_url` or `from_file`.

    Keys are used by the id in the token's header; a token without one matches none. A key of the set that
    is symmetric, private, not for signatures, or of an unsupported kind is left out.
    """

    algorithms = PUBLIC_KEY_ALGORITHMS

    def __init__(
        self,
        load: Callable[[], Awaitable[bytes]],
        *,
        fresh_seconds: float = 600.0,
        keep_seconds: float = 86400.0,
        pause_seconds: float = 10.0,
        timeout_seconds: float = 5.0,
    ) -> None:
        """Read the set with `load`, first when the first token comes.

        After `fresh_seconds` it is read again, while the known keys go on being used; when that fails
        they are used for at most `keep_seconds` after they were read. `pause_seconds` lie between the
        beginnings of two reads, and one may take `timeout_seconds`.
        """
        require_cryptography()
        self.reads = 0
        """Reads begun; a counter."""
        self.failed_reads = 0
        """Reads that brought no key set; a counter."""
        self._load = load
        self._fresh_seconds = fresh_seconds
        self._keep_seconds = keep_seconds
        self._pause_seconds = pause_seconds
        self._timeout_seconds = timeout_seconds
        self._keys: Mapping[str, Sequence[Key]] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._failed = False
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    def from_url(cls, url: str, fetch: Fetch) -> Jwks:
        """The set at an address, `https` unless the host is this machine's loopback.

        Raises:
            ConfigError: not such an address.
        """
        _check_url(url)
        return cls(lambda: fetch(url, MAX_BYTES))

    @classmethod
    def from_file(cls, path: str | Path) -> Jwks:
        """The set in a file, read now as well, so that a mistake shows at once.

        Raises:
            ConfigError: it cannot be read, is not a key set, or has no usable key.
        """
        file = Path(path)
        jwks = cls(lambda: asyncio.to_thread(_read_file, file))
        try:
            keys = parse_key_set(_read_file(file))
        except (OSError, ValueError) as error:
            raise ConfigError(f"the key set {str(path)!r} cannot be used: {error}") from error
        if not keys:
            raise ConfigError(
                f"the key set {str(path)!r} has no public key with a 'kid' that can verify signatures"
            )
        return jwks

    async def find(self, key_id: str | None, now: float) -> Sequence[Key]:
        """The keys with this id; see `KeySource.find`."""
        if key_id is None:
            return ()
        known = self._known(key_id, now)
        if known:
            if not _is_within(self._read_at, now, self._fresh_seconds):
                self._begin_read(now)
            return known
        self._begin_read(now)
        if self._reading is not None:
            # `wait` leaves the read to the others when this caller is cancelled; an await would not.
            await asyncio.wait([self._reading])
        known = self._known(key_id, now)
        if not known and self._failed:
            raise KeysUnavailable("the key set could not be read")
        return known

    def _known(self, key_id: str, now: float) -> Sequence[Key]:
        return self._keys.get(key_id, ()) if _is_within(self._read_at, now, self._keep_seconds) else ()

    def _begin_read(self, now: float) -> None:
        if self._reading is None and not _is_within(self._tried_at, now, self._pause_seconds):
            self._tried_at = now
            self.reads += 1
            self._reading = asyncio.get_running_loop().create_task(self._read(now))

    async def _read(self, now: float) -> None:
        had_failed, self._failed = self._failed, True  # until it is done, also when it is cancelled
        try:
            async with asyncio.timeout(self._timeout_seconds):
                keys = parse_key_set(await self._load())
        except Exception as error:
            # Whatever `load` raises means the same: no new keys. The old ones stay, for `keep_seconds`.
            self.failed_reads += 1
            if not had_failed:
                _log.warning("the key set for tokens cannot be read, trying again: %.256r", error)
        else:
            self._keys, self._read_at, self._failed = keys, now, False
        finally:
            self._reading = None


def parse_key_set(raw: bytes) -> dict[str, list[Key]]:
    """The usable keys of a key set, by id.

    Raises:
        ValueError: it is too large, not strict JSON, not a key set, or has too many keys.
    """
    if len(raw) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    try:
        document = parse(raw)
    except Malformed as error:
        raise ValueError(f"it is not strict JSON: {error}") from error
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list):
        raise ValueError('it is not of the shape {"keys": […]}')
    if len(members) > MAX_KEYS:
        raise ValueError(f"it has {len(members)} keys, at most {MAX_KEYS} are read")
    keys: dict[str, list[Key]] = {}
    for member in members:
        key = _usable_key(member)
        if key is not None and key.key_id is not None:
            keys.setdefault(key.key_id, []).append(key)
    return keys


def _usable_key(member: object) -> Key | None:
    """One key of a set, None when it is not for verifying signatures here. Sets hold other keys, too."""
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    key_id, kind, operations = member.get("kid"), member.get("kty"), member.get("key_ops", ["verify"])
    if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS:
        return None
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    return _public_key(member, kind, key_id)


def _public_key(member: dict[str, Any], kind: str, key_id: str) -> Key | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from jwt import PyJWTError, algorithms

    try:
        material = getattr(algorithms, _KINDS[kind]).from_jwk(member)
        return public_key(material, key_id=key_id, only=member.get("alg"))
    except (PyJWTError, UnsupportedAlgorithm, ValueError, TypeError):
        return None


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        host, port_is_valid = "", False
    if not host or not port_is_valid or parts.username is not None or parts.fragment or not url.isprintable():
        raise ConfigError(
            f"jwks_url {url!r} is not an address; write it as in https://id.example.com/jwks.json"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ConfigError(
            f"jwks_url {url!r} is not https: whoever can answer it decides who connects; "
            "use https, or a key set in a file"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _is_within(since: float | None, now: float, seconds: float) -> bool:
    """Is `since` less than that long ago? A time well in the future is not: the wall clock was set back."""
    return since is not None and -60.0 <= now - since < seconds
