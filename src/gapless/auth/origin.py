"""May a page of this origin talk to this hub?

Browsers let any page open a WebSocket or an EventSource to any server, with the user's cookies; all that
tells the pages apart is the `Origin` header (RFC 6454). It is compared as what it is, a scheme, a host and
a port, and never as a piece of text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import ConfigError

_ORIGIN = re.compile(r"([a-z][a-z0-9+.\-]*)://(.+)", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.\-]+)(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_\-]*[a-z0-9_])?", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_SCHEMES = {"ws": "http", "wss": "https"}


class Origin(NamedTuple):
    """Scheme, host and port of a page: lower case, `ws` as `http`, port None where the scheme has none."""

    scheme: str
    host: str
    port: int | None


class OriginPolicy:
    """Which pages may connect: those of the server's own origin, and those of an allow-list.

    An entry of `allow` is an exact origin (`https://example.com`, `http://localhost:5173`,
    `capacitor://localhost`), all names below one (`https://*.example.com`, at least two labels after the
    star), or `*` for every origin but `null`.

    Raises:
        ConfigError: an entry that is none of these. The text says what to write instead.
    """

    __slots__ = ("_any", "_below", "_exact")

    def __init__(self, allow: Sequence[str] = ()) -> None:
        if isinstance(allow, str):
            raise ConfigError(f"allowed origins are a list: write [{allow!r}]")
        self._any = "*" in allow
        self._exact: set[Origin] = set()
        self._below: set[Origin] = set()
        for entry in allow:
            if entry != "*":
                origin = _entry(entry)
                (self._below if origin.host.startswith("*.") else self._exact).add(origin)

    @property
    def allows_any(self) -> bool:
        """Was `*` given? Answers to such origins must not allow credentials (CORS)."""
        return self._any

    def allows(self, origin_headers: Sequence[str], host: str, scheme: str) -> bool:
        """Is the page that sent these `Origin` headers welcome?

        `host` is the request's `Host` header, `scheme` that of the connection (`http`, `https`, `ws`,
        `wss`). No `Origin` at all passes: that is not a page of a browser. Refuse it all the same when
        the only credential was a cookie. Two headers and `null` never pass; what is not an origin passes
        only with `*`.

        Behind a proxy that ends TLS the connection is `http` while the page is `https`. An `https` page is
        therefore the server's own when `Host` names it, even if the proxy's `X-Forwarded-Proto` is not
        trusted. The reverse is not so: whoever sits on the network can be the `http` page of any host.
        """
        if not origin_headers:
            return True
        if len(origin_headers) > 1:
            return False
        text = origin_headers[0].strip(" \t")
        if not text or text.lower() == "null":
            return False
        if self._any:
            return True
        origin = parse_origin(text)
        return origin is not None and (self._is_listed(origin) or _is_own(origin, host, scheme))

    def _is_listed(self, origin: Origin) -> bool:
        if origin in self._exact:
            return True
        host = origin.host
        while self._below and "." in host:
            host = host.partition(".")[2]
            if origin._replace(host=f"*.{host}") in self._below:
                return True
        return False


def allowed(origin_headers: Sequence[str], host: str, scheme: str, allow: Sequence[str]) -> bool:
    """`OriginPolicy(allow).allows(…)`, for one question. Where many are asked, build the policy once."""
    return OriginPolicy(allow).allows(origin_headers, host, scheme)


def parse_origin(text: str) -> Origin | None:
    """Read `SCHEME://HOST[:PORT]` as a browser writes it.

    None for anything else: a path, user info, a list, `null`.
    """
    match = _ORIGIN.fullmatch(text)
    return None if match is None else _authority(match[2], match[1])


def _is_own(origin: Origin, host: str, scheme: str) -> bool:
    return origin in (_authority(host, scheme), _authority(host, "https"))


def _authority(text: str, scheme: str) -> Origin | None:
    """Read `HOST[:PORT]`; the scheme gives the default port."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    scheme = scheme.lower()
    scheme = _SCHEMES.get(scheme, scheme)
    port = int(match[2]) if match[2] else _PORTS.get(scheme)
    host = _host(match[1].lower())
    if host is None or (port is not None and port > 65535):
        return None
    return Origin(scheme, host, port)


def _host(text: str) -> str | None:
    if len(text) > 253:  # the longest name there is (RFC 1035)
        return None
    if not text.startswith("["):
        # "example.com." is another origin than "example.com" to a browser, and so it is here.
        return text if all(map(_LABEL.fullmatch, text.removesuffix(".").split("."))) else None
    try:
        return f"[{ipaddress.IPv6Address(text[1:-1]).compressed}]"
    except ValueError:
        return None


def _entry(text: str) -> Origin:
    if not isinstance(text, str):
        raise ConfigError(f"an allowed origin is a text such as 'https://example.com', not {text!r}")
    if text.lower() == "null":
        raise ConfigError(
            "the origin 'null' cannot be allowed: any page can send it; serve that page from a real origin"
        )
    if not text.isascii():
        raise ConfigError(
            f"allowed origin {text!r} must be written as browsers send it, with xn-- for other letters"
        )
    if "://" not in text:
        raise ConfigError(f"allowed origin {text!r} needs a scheme: write 'https://{text}'")
    if text.endswith("/") and parse_origin(text.rstrip("/").replace("*.", "")):
        raise ConfigError(f"allowed origin {text!r} ends in a slash: write {text.rstrip('/')!r}")
    if "*" in text:
        return _wildcard(text)
    origin = parse_origin(text)
    if origin is None:
        raise ConfigError(
            f"allowed origin {text!r} is not SCHEME://HOST or SCHEME://HOST:PORT: "
            "write it without path, user and query"
        )
    return origin


def _wildcard(text: str) -> Origin:
    scheme, _, authority = text.partition("://")
    origin = parse_origin(f"{scheme}://{authority.removeprefix('*.')}")
    if not authority.startswith("*.") or origin is None:
        raise ConfigError(
            f"allowed origin {text!r}: a star stands for the first label, as in 'https://*.example.com', "
            "or alone, for every origin"
        )
    labels = origin.host.split(".")
    if len(labels) < 2 or not labels[-1] or labels[-1].isdigit():
        raise ConfigError(
            f"allowed origin {text!r} is too wide: at least two labels follow the star, "
            "as in 'https://*.example.com'"
        )
    return origin._replace(host=f"*.{origin.host}")
