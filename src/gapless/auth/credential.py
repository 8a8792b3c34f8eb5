"""The one credential of publishers and operators: a token in a header, or the cookie of the sign-in page.

The cookie is the token's child: an expiry, signed with a key that is derived from the token. The server
stores nothing, every worker and node with the same token accepts it, and changing the token signs
everybody out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from enum import Enum
from urllib.parse import quote

from ..errors import ConfigError
from .strength import check_strength

MIN_TOKEN_BYTES = 16
"""Sixteen random hexadecimal digits are 64 bits: out of reach of guessing over a network."""
MAX_TOKEN_BYTES = 256

COOKIE_SECONDS = 12 * 3600
"""A working day; then the operator signs in again."""

_TOKEN = re.compile(r"[!-~]+", re.ASCII)
_COOKIE = re.compile(rb"([1-9][0-9]{0,11})\.([0-9a-f]{64})")
_SCHEMES = (b"apikey", b"bearer")


class Via(Enum):
    """How the credential came.

    Any page in the operator's browser can cause a request with the cookie: one that has nothing else needs
    an `Origin`, and an allowed one.
    """

    HEADER = "header"
    COOKIE = "cookie"


class Credential:
    """Knows whether a request carries the token.

    `cookie_seconds` is how long a sign-in lasts; `allow_weak` takes tokens that can be guessed.

    Raises:
        ConfigError: the token is shorter than 16 bytes, a sample, or nothing that a header can carry.
    """

    __slots__ = ("_cookie_key", "_cookie_seconds", "_digest", "cookie_name")

    def __init__(self, token: str, *, cookie_seconds: int = COOKIE_SECONDS, allow_weak: bool = False) -> None:
        if token and not _TOKEN.fullmatch(token):
            raise ConfigError("token has characters that headers cannot carry: use ASCII without spaces")
        if len(token) > MAX_TOKEN_BYTES:
            raise ConfigError(f"token has {len(token)} bytes, at most {MAX_TOKEN_BYTES} are allowed")
        check_strength("token", token.encode(), MIN_TOKEN_BYTES, allow_weak=allow_weak)
        if cookie_seconds < 1:
            raise ConfigError(f"cookie_seconds is at least 1, not {cookie_seconds!r}")
        self._digest = _digest(token.encode())
        self._cookie_key = hmac.digest(token.encode(), b"gapless: key of the sign-in cookie", "sha256")
        self._cookie_seconds = cookie_seconds
        # Cookies do not know ports: two hubs on localhost must not sign each other out.
        self.cookie_name = f"gapless-{hmac.digest(self._cookie_key, b'name', 'sha256').hex()[:8]}"

    def __repr__(self) -> str:
        return "Credential(…)"

    def matches(self, presented: bytes | str) -> bool:
        """Is this the token? For any bytes or text, in a time that tells nothing about the token."""
        raw = presented.encode("utf-8", "surrogatepass") if isinstance(presented, str) else presented
        # Digests have one length, so that not even the token's length shows.
        return hmac.compare_digest(_digest(raw), self._digest)

    def present_in(self, headers: Iterable[tuple[bytes, bytes]], now: float) -> Via | None:
        """How these request headers carry the credential, None when they do not. `now` is Unix time.

        Looked for in `X-API-Key: TOKEN`, `Authorization: apikey TOKEN` or `Bearer TOKEN`, and the cookie.
        Where there are several, one that is right is enough.
        """
        by_cookie = False
        for name, value in headers:
            match name.lower():
                case b"x-api-key" if self.matches(value.strip(b" \t")):
                    return Via.HEADER
                case b"authorization" if self._authorizes(value):
                    return Via.HEADER
                case b"cookie":
                    by_cookie = by_cookie or self._signed_in(value, now)
        return Via.COOKIE if by_cookie else None

    def cookie(self, now: float, *, secure: bool, path: str = "/") -> str:
        """The value of `Set-Cookie` for somebody who just signed in. `now` is Unix time.

        `secure` when the page came over TLS. `path` is where the hub is mounted: nothing else gets the
        cookie.
        """
        expires = str(int(now) + self._cookie_seconds)
        return self._set_cookie(
            f"{expires}.{self._sign(expires.encode())}", self._cookie_seconds, secure, path
        )

    def sign_out_cookie(self, *, secure: bool, path: str = "/") -> str:
        """The value of `Set-Cookie` that makes the browser forget; a copy stays good until it expires."""
        return self._set_cookie("", 0, secure, path)

    def check_cookie(self, value: bytes, now: float) -> bool:
        """Is this a value that `cookie` made, not yet expired?"""
        match = _COOKIE.fullmatch(value)
        if match is None or not hmac.compare_digest(self._sign(match[1]).encode(), match[2]):
            return False
        return now < int(match[1])

    def _authorizes(self, value: bytes) -> bool:
        scheme, _, token = value.strip(b" \t").partition(b" ")
        return scheme.lower() in _SCHEMES and self.matches(token.strip(b" \t"))

    def _signed_in(self, value: bytes, now: float) -> bool:
        name = self.cookie_name.encode()
        pairs = (pair.strip(b" \t").partition(b"=") for pair in value.split(b";"))
        # A page of a sibling domain can add a cookie of the same name; it must not hide the real one.
        return any(key == name and self.check_cookie(text, now) for key, _, text in pairs)

    def _set_cookie(self, value: str, max_age: int, secure: bool, path: str) -> str:
        escaped = quote(path or "/", safe="/~!$&'()*+,=:@")
        attributes = f"Path={escaped}; Max-Age={max_age}; HttpOnly; SameSite=Strict"
        return f"{self.cookie_name}={value}; {attributes}{'; Secure' if secure else ''}"

    def _sign(self, expires: bytes) -> str:
        return hmac.digest(self._cookie_key, expires, "sha256").hex()


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()
