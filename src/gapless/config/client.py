"""`[client]`: who may connect on the Centrifuge doors, and what tokens are verified with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import httpx
from pydantic import Field

from ..auth.claims import Expected
from ..auth.jwks import Jwks
from ..auth.keys import KeySource, StaticKeys, hmac_key, pem_key
from ..auth.verifier import MAX_LEEWAY_SECONDS, TokenRules, TokenVerifier
from ..errors import ConfigError
from .formats import Keys
from .values import Problem, Section

PUBLIC_KEYS = ("rsa_public_key", "ecdsa_public_key", "ed25519_public_key")
PEM_CHARACTERS = 64 * 1024
"""No public key is longer; what is was not meant to be one."""


class TokenSection(Section):
    """`[client.token]`: the keys, and what else makes a token good.

    A key is PEM text, or `@FILE` that holds it. `jwks_public_endpoint` is a URL, or a file.
    """

    elsewhere: ClassVar[Mapping[str, str]] = {
        "jwks": "write jwks_public_endpoint = …",
        "hmac_secret": "write hmac_secret_key = …",
    }

    hmac_secret_key: str | None = Field(default=None, repr=False)
    hmac_previous_secret_key: str | None = Field(default=None, repr=False)
    hmac_previous_secret_key_valid_until: float | None = Field(default=None, repr=False)
    rsa_public_key: str | None = None
    ecdsa_public_key: str | None = None
    ed25519_public_key: str | None = None
    jwks_public_endpoint: str | None = None
    audience: str | None = None
    audience_regex: str | None = None
    issuer: str | None = None
    issuer_regex: str | None = None
    user_id_claim: str = "sub"

    @property
    def has_keys(self) -> bool:
        """Is there anything to verify a token with?"""
        names = ("hmac_secret_key", *PUBLIC_KEYS, "jwks_public_endpoint")
        return any(getattr(self, name) for name in names)

    def rules(self, *, dev: bool = False) -> TokenRules:
        """`dev` takes weak secrets. Raises ConfigError when a key or an expectation cannot be."""
        return TokenRules(
            self._keys(dev),
            audience=_expected(self.audience, self.audience_regex),
            issuer=_expected(self.issuer, self.issuer_regex),
            user_claim=self.user_id_claim,
        )

    def _keys(self, dev: bool = False) -> KeySource:
        place = self.jwks_public_endpoint
        if place:
            return Jwks.from_url(place, fetch_key_set) if "://" in place else Jwks.from_file(place)
        return StaticKeys(
            self.hmac_secret_key,
            previous_hmac_secret=self.hmac_previous_secret_key,
            previous_hmac_until=self.hmac_previous_secret_key_valid_until,
            public_keys=[pem_text(pem) for name in PUBLIC_KEYS if (pem := getattr(self, name))],
            allow_weak=dev,
        )

    def problems(self, path: Keys, *, dev: bool = False) -> Iterator[Problem]:
        """What cannot be used, or contradicts itself."""
        yield from self._key_problems(path, dev)
        for name in ("audience", "issuer"):
            pattern = getattr(self, f"{name}_regex")
            if pattern is not None and getattr(self, name) is not None:
                yield (*path, f"{name}_regex"), f"{name} and {name}_regex exclude each other; keep one"
            try:
                re.compile(pattern or "")
            except re.error as error:
                yield (*path, f"{name}_regex"), f"{name}_regex is no regular expression: {error}"
        if not all(self.user_id_claim.split(".")):
            yield (*path, "user_id_claim"), "user_id_claim names a claim, as in 'sub' or 'profile.id'"

    def _key_problems(self, path: Keys, dev: bool) -> Iterator[Problem]:
        written = [name for name in ("hmac_secret_key", *PUBLIC_KEYS) if getattr(self, name)]
        if self.jwks_public_endpoint and written:
            yield (
                (*path, "jwks_public_endpoint"),
                f"jwks_public_endpoint replaces keys that are written down; remove it or {written[0]}",
            )
        if self.hmac_previous_secret_key and not self.hmac_secret_key:
            yield (
                (*path, "hmac_previous_secret_key"),
                "hmac_previous_secret_key needs hmac_secret_key, the one that new tokens are signed with",
            )
        if self.hmac_previous_secret_key_valid_until is not None and not self.hmac_previous_secret_key:
            yield (
                (*path, "hmac_previous_secret_key_valid_until"),
                "hmac_previous_secret_key_valid_until needs hmac_previous_secret_key",
            )
        for name in ("hmac_secret_key", "hmac_previous_secret_key", *PUBLIC_KEYS, "jwks_public_endpoint"):
            if getattr(self, name) is None:
                continue
            try:
                self._try(name, dev)
            except ConfigError as error:
                said = str(error).replace("public_keys", name).replace("jwks_url", name)
                yield (*path, name), said if said.startswith(name) else f"{name}: {said}"

    def _try(self, name: str, dev: bool) -> None:
        """Raises ConfigError when the value of a key's option cannot be one."""
        value: str = getattr(self, name)
        if name in PUBLIC_KEYS:
            kind = name.partition("_")[0]
            if _KINDS[kind].isdisjoint(pem_key(pem_text(value)).algorithms):
                raise ConfigError(f"{name} holds a public key, but of another kind than {kind}")
        elif name == "jwks_public_endpoint":
            self.model_copy(update=dict.fromkeys(PUBLIC_KEYS))._keys()
        else:
            hmac_key(name, value, allow_weak=dev)


_KINDS = {
    "rsa": frozenset({"RS256"}),
    "ecdsa": frozenset({"ES256", "ES384", "ES512"}),
    "ed25519": frozenset({"EdDSA"}),
}


class SubscriptionTokenSection(TokenSection):
    """`[client.subscription_token]`: keys of their own for subscription tokens, once `enabled`."""

    enabled: bool = False


class PersonalChannelSection(Section):
    """`[client.user_personal_channel]`: each user is subscribed to `#USER`, or `NAMESPACE:#USER`."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        "personal_channel_namespace": "write namespace = …",
        "single_connection": "Gapless does not end a user's other connections; remove it",
    }

    enabled: bool = False
    namespace: str = ""


_NO_KEYS = (
    "subscription tokens have no keys of their own: give hmac_secret_key, a public key or "
    "jwks_public_endpoint here, or set enabled = false to use those of [client.token]"
)


_INSECURE = (
    "insecure lets everybody do everything, so tokens protect nothing; keep one of both, or set dev = true"
)


class ClientSection(Section):
    """`[client]`."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        "allowed_origins": "write origins = […] at the top of the file",
        "ping_interval": "write it in [limits]",
        "pong_timeout": "write it in [limits]",
        "stale_close_delay": "write connect_timeout in [limits]",
        "expired_close_delay": "write expiry_grace in [limits]",
        "expired_sub_close_delay": "write expiry_grace in [limits]",
        "channel_limit": "write subscriptions in [limits]",
        "connection_limit": "write connections in [limits]",
        "user_connection_limit": "write user_connections in [limits]",
        "queue_max_size": "Gapless has no queue per client: a slow one reads on from the log; remove it",
        "allow_anonymous": "write allow_anonymous_connect_without_token = …",
        "proxy": "write [proxy.connect] and [proxy.refresh]",
    }

    insecure: bool = False
    allow_anonymous_connect_without_token: bool | None = None
    disallow_anonymous_connection_tokens: bool = False
    token_leeway: float = Field(default=MAX_LEEWAY_SECONDS, ge=0.0, le=MAX_LEEWAY_SECONDS)
    user_personal_channel: PersonalChannelSection = PersonalChannelSection()
    token: TokenSection = TokenSection()
    subscription_token: SubscriptionTokenSection = SubscriptionTokenSection()

    @property
    def personal_namespace(self) -> str | None:
        """The namespace of personal channels, "" for none of them, None where there are no such channels."""
        personal = self.user_personal_channel
        return personal.namespace if personal.enabled else None

    def verifier(self, *, dev: bool = False) -> TokenVerifier | None:
        """None where no tokens are verified; `dev` takes weak secrets. Raises ConfigError."""
        if not self.token.has_keys:
            return None
        own = self.subscription_token
        rules = self.token.rules(dev=dev), own.rules(dev=dev) if own.enabled else None
        return TokenVerifier(*rules, leeway=self.token_leeway)

    def problems(self, *, dev: bool = False) -> Iterator[Problem]:
        """What cannot be used, or contradicts itself; less is wrong with `dev`."""
        yield from self.token.problems(("client", "token"), dev=dev)
        path, own = ("client", "subscription_token"), self.subscription_token
        yield from own.problems(path, dev=dev)
        if own.enabled and not own.has_keys:
            yield (*path, "enabled"), _NO_KEYS
        if own.has_keys and not own.enabled:
            yield path, "these keys are not used: set enabled = true, or remove [client.subscription_token]"
        if own.enabled and not self.token.has_keys:
            yield path, "subscription tokens need [client.token] with a key, for who connects"
        if (
            not self.token.has_keys
            and self.token != TokenSection()
            and not self.token.hmac_previous_secret_key
        ):
            yield ("client", "token"), "no key to verify tokens with: give hmac_secret_key or a public key"
        if self.insecure and self.token.has_keys and not dev:
            yield (
                ("client", "insecure"),
                _INSECURE,
            )
        if self.user_personal_channel.namespace and not self.user_personal_channel.enabled:
            yield (
                ("client", "user_personal_channel", "namespace"),
                "namespace is not used: set enabled = true as well",
            )


def pem_text(value: str) -> str:
    """PEM text, or what the file of `@FILE` holds. Raises ConfigError when it cannot be read."""
    if not value.startswith("@"):
        return value
    try:
        with Path(value[1:]).open(encoding="ascii") as file:
            return file.read(PEM_CHARACTERS)
    except OSError as error:
        raise ConfigError(f"{value[1:]}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{value[1:]} is not PEM (-----BEGIN PUBLIC KEY-----)") from None


def anchored(section: object, base: Path) -> Any:
    """A `[client]` as the file has it, where the files that it names lie beside it."""
    if not isinstance(section, dict):
        return section
    found = dict(section)
    for name in ("token", "subscription_token"):
        table = found.get(name)
        if isinstance(table, dict):
            found[name] = {key: _anchored(key, value, base) for key, value in table.items()}
    return found


def _anchored(key: str, value: Any, base: Path) -> Any:
    if key in PUBLIC_KEYS and isinstance(value, str) and value.startswith("@"):
        return f"@{base / value[1:]}"
    if key == "jwks_public_endpoint" and isinstance(value, str) and value and "://" not in value:
        return str(base / value)
    return value


async def fetch_key_set(url: str, max_bytes: int) -> bytes:
    """The body of a 200. Follows no redirect.

    Raises:
        ValueError: another status, or more than `max_bytes`.
        httpx.HTTPError: it cannot be asked.
    """
    # One client for each read: they are many minutes apart, and nothing has to be closed at the end.
    async with (
        httpx.AsyncClient(follow_redirects=False, timeout=5.0) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as response,
    ):
        if response.status_code != 200:
            raise ValueError(f"{url} answered {response.status_code}, not 200")
        body = bytearray()
        async for part in response.aiter_bytes(16 * 1024):
            body += part
            if len(body) > max_bytes:
                raise ValueError(f"{url} answered with more than {max_bytes} bytes")
    return bytes(body)


def _expected(text: str | None, pattern: str | None) -> Expected:
    return text if pattern is None else re.compile(pattern)
