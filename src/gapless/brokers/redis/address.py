"""What a `redis://` URL says: which servers, how to get in, and the prefix of every key."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio.connection import Connection, SSLConnection
from redis.credentials import CredentialProvider

from ...errors import ConfigError

Kind = Literal["single", "sentinel", "cluster"]

CONNECT_SECONDS = 2.0
"""A connection that is not made within this is given up."""

_SCHEMES: dict[str, tuple[Kind, bool]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}

SCHEMES = tuple(_SCHEMES)

_OPTIONS = (
    "prefix",
    "password_env",
    "password_file",
    "sentinel_password_env",
    "ca_file",
    "cert_file",
    "key_file",
)


class Place(NamedTuple):
    """Where one server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Credentials(CredentialProvider):
    """User and password, looked up anew for each connection: a file may have been rotated."""

    def __init__(self, user: str, password: str, env: str | None, file: str | None) -> None:
        self._user, self._password, self._env, self._file = user, password, env, file

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """User and password, or the password alone. Raises ConfigError: it is not where it should be."""
        password = self._password
        if self._env is not None:
            password = os.environ.get(self._env, "")
            if not password:
                raise ConfigError(f"password_env={self._env}: the environment has no such variable")
        if self._file is not None:
            try:
                password = Path(self._file).read_text().strip()
            except OSError as error:
                raise ConfigError(f"password_file={self._file}: {error.strerror}") from None
        return (self._user, password) if self._user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """As `get_credentials`."""
        return self.get_credentials()


@dataclass(frozen=True)
class Address:
    """Servers and how to connect to them.

    For `sentinel` the places are those of the sentinels and `service` is what they call the
    master; for `cluster` they are any of its nodes.
    """

    kind: Kind
    places: tuple[Place, ...]
    service: str = ""
    prefix: str = "gapless"
    database: int = 0
    credentials: Credentials | None = field(default=None, repr=False)
    sentinel_credentials: Credentials | None = field(default=None, repr=False)
    tls: dict[str, Any] | None = None

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises ConfigError: it names no Redis, or says something that cannot be."""
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES:
            raise ConfigError(f"{parts.scheme}:// is no Redis; write one of {', '.join(_SCHEMES)}")
        kind, encrypted = _SCHEMES[parts.scheme]
        options = _options(parts.query)
        access, _, hosts = parts.netloc.rpartition("@")
        user, _, password = (unquote(part) for part in access.partition(":"))
        env, file = options.get("password_env"), options.get("password_file")
        sentinel = options.get("sentinel_password_env")
        known = bool(access) or env is not None or file is not None
        path = [part for part in parts.path.split("/") if part]
        service = path.pop(0) if kind == "sentinel" and path else ""
        if kind == "sentinel" and not service:
            raise ConfigError("name the master: redis+sentinel://HOST:26379,HOST:26379/NAME")
        if len(path) > 1 or (path and not path[0].isdigit()):
            raise ConfigError(f"{parts.path!r} is no number of a database; write redis://HOST:6379/0")
        if kind == "cluster" and path:
            raise ConfigError("a cluster has one database only; leave the number away")
        prefix = options.get("prefix", "gapless")
        if not prefix or set("{}*?[]\\") & set(prefix) or not prefix.isprintable():
            raise ConfigError(f"prefix={prefix!r}: letters, digits, colons and dashes make a prefix of keys")
        return cls(
            kind=kind,
            places=tuple(_place(text, 26379 if kind == "sentinel" else 6379) for text in hosts.split(",")),
            service=service,
            prefix=prefix,
            database=int(path[0]) if path else 0,
            credentials=Credentials(user, password, env, file) if known else None,
            sentinel_credentials=None if sentinel is None else Credentials("", "", sentinel, None),
            tls=_tls(options) if encrypted else None,
        )

    def connection(self, place: Place, *, connect_seconds: float = CONNECT_SECONDS) -> Connection:
        """A connection that is not made yet; its commands have no deadline of their own."""
        options: dict[str, Any] = {
            "host": place.host,
            "port": place.port,
            "db": self.database,
            "credential_provider": self.credentials,
            "socket_connect_timeout": connect_seconds,
            "socket_timeout": None,
            "socket_keepalive": True,
            "protocol": 2,
            "driver_info": None,
        }
        if self.tls is None:
            return Connection(**options)
        return SSLConnection(**options, **self.tls)

    def __str__(self) -> str:
        """Without credentials."""
        return ",".join(str(place) for place in self.places) + (f" ({self.service})" if self.service else "")


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            raise ConfigError(f"a redis:// URL has no option {name!r}; there are {', '.join(_OPTIONS)}")
    if "password_env" in options and "password_file" in options:
        raise ConfigError("password_env and password_file: give one of the two")
    return options


def _place(text: str, port: int) -> Place:
    parts = urlsplit(f"//{text}")
    try:
        return Place(parts.hostname or "localhost", parts.port or port)
    except ValueError:
        raise ConfigError(f"{text!r} has a port that is not a number below 65536") from None


def _tls(options: dict[str, str]) -> dict[str, Any]:
    names = {"ca_file": "ssl_ca_certs", "cert_file": "ssl_certfile", "key_file": "ssl_keyfile"}
    return {ours: options[name] for name, ours in names.items() if name in options}
