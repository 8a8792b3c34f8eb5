"""Who connects, and who may be in a channel, as a signed token says.

`TokenVerifier` turns a JSON Web Token into a frozen value or into the one error that the Centrifuge
client protocol has for it. The parts: `jws` opens a token, `keys` and `jwks` hold what it is verified
with, `claims` reads what it says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import ConfigError, Disconnect, Internal, PermissionDenied, TokenExpired
from .claims import Claims, ConnectionToken, Expected, InvalidToken, SubscriptionToken
from .jws import open_token
from .keys import KeySource, KeysUnavailable

MAX_LEEWAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What makes a token good.

    Raises:
        ConfigError: a value that cannot be.
    """

    keys: KeySource
    """`StaticKeys` or `Jwks`; one of them, as a key set replaces keys that are written down."""
    audience: Expected = None
    """What `aud` must be or hold: a text to be equal to, or a compiled pattern that matches all of it."""
    issuer: Expected = None
    """What `iss` must be, likewise."""
    user_claim: str | Sequence[str] = "sub"
    """Where the user id stands: a claim's name, `profile.id` for one inside another, or a path as a list."""

    def __post_init__(self) -> None:
        for name in ("audience", "issuer"):
            value = getattr(self, name)
            if (
                value is not None
                and not isinstance(value, re.Pattern)
                and (not isinstance(value, str) or not value)
            ):
                raise ConfigError(f"{name} is a text, a compiled pattern or None, not {value!r}")
        if not self.user_path or not all(self.user_path):
            raise ConfigError(
                f"user_claim names a claim, as in 'sub' or 'profile.id', not {self.user_claim!r}"
            )

    @property
    def user_path(self) -> tuple[str, ...]:
        """`user_claim` as the names to follow from the outside in."""
        return tuple(self.user_claim.split(".") if isinstance(self.user_claim, str) else self.user_claim)


@dataclass(slots=True)
class TokenVerifier:
    """Verifies connection and subscription tokens.

    `subscription` has rules of its own for subscription tokens; without it they follow `connection`.

    Raises:
        ConfigError: `leeway` is not between 0 and 5 seconds.
    """

    connection: TokenRules
    subscription: TokenRules | None = None
    leeway: float = MAX_LEEWAY_SECONDS
    """Seconds that the issuer's clock may be ahead or behind."""
    rejected: Counter[str] = field(default_factory=Counter, init=False)
    """How many tokens were refused, by reason; the reasons are a fixed few and hold nothing of a token."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.leeway <= MAX_LEEWAY_SECONDS:
            raise ConfigError(f"leeway is between 0 and {MAX_LEEWAY_SECONDS} seconds, not {self.leeway!r}")

    async def verify_connection(self, token: str, now: float) -> ConnectionToken:
        """Read a connection token. `now` is Unix time.

        Raises:
            TokenExpired: it was good, or will be; the client fetches another.
            Disconnect: 3500, it is not a connection token for this hub; `__cause__` knows why.
            Internal: its key could not be fetched; the client tries again.
        """
        rules = self.connection
        try:
            claims = await self._verified(token, rules, now)
            found = claims.connection(now, rules.user_path)
        except InvalidToken as error:
            self.rejected[error.reason] += 1
            raise Disconnect(3500) from error
        self._refuse_expired(claims, now)
        return found

    async def verify_subscription(self, token: str, now: float) -> SubscriptionToken:
        """Read a subscription token. `check_subscription` says if it is this client's. `now` is Unix time.

        Raises:
            TokenExpired: it was good, or will be; the client fetches another.
            PermissionDenied: it is not a subscription token for this hub; `__cause__` knows why.
            Internal: its key could not be fetched; the client tries again.
        """
        rules = self.subscription or self.connection
        try:
            claims = await self._verified(token, rules, now)
            found = claims.subscription(now, rules.user_path)
        except InvalidToken as error:
            self.rejected[error.reason] += 1
            raise PermissionDenied from error
        self._refuse_expired(claims, now)
        return found

    async def _verified(self, token: str, rules: TokenRules, now: float) -> Claims:
        try:
            payload = await open_token(token, rules.keys, now)
        except KeysUnavailable as error:
            self.rejected["keys unavailable"] += 1
            raise Internal from error
        claims = Claims(payload)
        claims.check_audience(rules.audience)
        claims.check_issuer(rules.issuer)
        return claims

    def _refuse_expired(self, claims: Claims, now: float) -> None:
        """Last of all: an invalid token must not send the client for another one, for ever."""
        if not claims.is_current(now, self.leeway):
            self.rejected["expired"] += 1
            raise TokenExpired


def check_subscription(token: SubscriptionToken, user: str, channel: str, client: str) -> None:
    """Is the token for this user, this channel, and this connection if it names one?

    Raises:
        Disconnect: 3500, it is somebody else's, or another channel's.
    """
    if token.user != user or token.channel != channel or token.client not in ("", client):
        raise Disconnect(3500)
