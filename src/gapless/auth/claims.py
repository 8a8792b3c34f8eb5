"""What a verified token says: its claims, read strictly into frozen values.

The claims are those of Centrifugo's connection and subscription tokens. Nothing here looks at a signature:
`jws` does, and hands over only what was signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ..model import NO_OVERRIDE, Override, ServerSubscription
from ..protocol.encode import trimmed
from ..protocol.strict import Malformed, parse

MAX_TTL_SECONDS = 365 * 86400.0
"""However far away its expiry, a connection or subscription lasts at most this long; then it is refreshed."""

_LARGEST_TIME = 2**53

Expected = str | re.Pattern[str] | None
"""A text that must be equal, a pattern that must match as a whole, or None for no check."""


class InvalidToken(Exception):
    """Not a token for this hub. `reason` is one of a fixed few, without anything of the token in it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class ConnectionToken:
    """Who connects. Times are Unix seconds.

    `expire_at` is None when the connection never expires. It may lie in the past when the token's own
    `expire_at` does: that connection is refused with `Expired`.
    """

    user: str
    """Empty: anonymous."""
    expire_at: float | None = None
    info: bytes | None = None
    """JSON bytes that others see in presence, joins and publications."""
    subs: Mapping[str, ServerSubscription] = field(default_factory=dict)
    """Server-side subscriptions by channel, in the token's order."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Kept by the server, for hooks; no client sees it."""
    issued_at: float | None = None
    token_id: str = ""


@dataclass(frozen=True, slots=True)
class SubscriptionToken:
    """Leave for one user to be in one channel. Times are as in `ConnectionToken`."""

    user: str
    channel: str
    client: str = ""
    """Empty: any connection of the user."""
    expire_at: float | None = None
    info: bytes | None = None
    """JSON bytes that others see in the channel's presence, joins and publications."""
    data: bytes | None = None
    """JSON bytes for the subscribe reply."""
    override: Override = NO_OVERRIDE
    issued_at: float | None = None
    token_id: str = ""


class Claims:
    """The claims of one verified token.

    Raises:
        InvalidToken: not strict JSON, a key twice, or a claim of the wrong type; every method but
            `is_current` may still find one of those.
    """

    def __init__(self, payload: bytes) -> None:
        try:
            claims = parse(payload)
        except Malformed:
            raise InvalidToken("claims are not strict JSON") from None
        self._claims = _object(claims)
        # Read here, so that `is_current` cannot fail after everything else was good.
        self._expires, self._begins = self._time("exp"), self._time("nbf")
        self._expire_at, self._issued_at = self._time("expire_at"), self._time("iat")

    def check_audience(self, expected: Expected) -> None:
        """One of `aud`, a text or a list of them, is the expected one."""
        if expected is None:
            return
        audience = self._claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else _texts(audience)
        if not any(_is_expected(each, expected) for each in audiences):
            raise InvalidToken("wrong audience")

    def check_issuer(self, expected: Expected) -> None:
        """`iss` is the expected one. Raises InvalidToken."""
        if expected is not None and not _is_expected(_text(self._claims.get("iss")), expected):
            raise InvalidToken("wrong issuer")

    def is_current(self, now: float, leeway: float) -> bool:
        """Is `now` between `nbf` and `exp`, give or take the leeway?"""
        if self._expires is not None and now >= self._expires + leeway:
            return False
        return self._begins is None or now + leeway >= self._begins

    def connection(self, now: float, user_claim: Sequence[str]) -> ConnectionToken:
        """Read as a connection token, whose user stands at the path `user_claim`."""
        if "channel" in self._claims:
            raise InvalidToken("a subscription token")
        return ConnectionToken(
            user=self._user(user_claim),
            expire_at=self._expiry(now),
            info=_json(self._claims, "info"),
            subs=self._subs(),
            meta=_object(_absent_or(self._claims, "meta", {})),
            issued_at=self._issued_at,
            token_id=_text(self._claims.get("jti")),
        )

    def subscription(self, now: float, user_claim: Sequence[str]) -> SubscriptionToken:
        """Read as a subscription token, whose user stands at the path `user_claim`."""
        channel = _text(self._claims.get("channel"))
        if not channel:
            raise InvalidToken("no channel")
        return SubscriptionToken(
            user=self._user(user_claim),
            channel=channel,
            client=_text(self._claims.get("client")),
            expire_at=self._expiry(now),
            info=_json(self._claims, "info"),
            data=_json(self._claims, "data"),
            override=override_of(self._claims),
            issued_at=self._issued_at,
            token_id=_text(self._claims.get("jti")),
        )

    def _user(self, path: Sequence[str]) -> str:
        value: object = self._claims
        for name in path:
            if value is None:
                break
            value = _object(value).get(name)
        return _text(value)

    def _expiry(self, now: float) -> float | None:
        if self._expire_at is not None:
            return _capped(self._expire_at, now) if self._expire_at > 0 else None
        if self._expires is not None:
            # What only the leeway let through still lives for a moment, in which it is refreshed.
            return _capped(max(self._expires, now + 1.0), now)
        return None

    def _subs(self) -> dict[str, ServerSubscription]:
        subs = _object(_absent_or(self._claims, "subs", {}))
        channels = _texts(_absent_or(self._claims, "channels", []))
        found = {channel: _server_subscription(claims) for channel, claims in subs.items()}
        found = found or {channel: ServerSubscription() for channel in channels}
        if "" in found:
            raise InvalidToken("a channel without a name")
        return found

    def _time(self, name: str) -> float | None:
        """A time in Unix seconds, which may be a fraction (RFC 7519, NumericDate); None when it is absent."""
        if name not in self._claims:
            return None
        value = self._claims[name]
        # A bool would be an int to Python, and null an expiry that never comes.
        if type(value) not in (int, float) or not 0 <= value <= _LARGEST_TIME:
            raise InvalidToken("a time that is not a number of seconds")
        time: float = value
        return time


def _server_subscription(claims: object) -> ServerSubscription:
    members = _object({} if claims is None else claims)
    return ServerSubscription(
        info=_json(members, "info"), data=_json(members, "data"), override=override_of(members)
    )


def override_of(claims: Mapping[str, Any]) -> Override:
    """Read `{"override": {"presence": {"value": true}, …}}`, as tokens, the server API and back ends write
    it; options that this version does not know are ignored.

    Raises:
        InvalidToken: something of the wrong type.
    """
    given = _object(_absent_or(claims, "override", {}))
    return Override(
        presence=_switch(given, "presence"),
        join_leave=_switch(given, "join_leave"),
        force_push_join_leave=_switch(given, "force_push_join_leave"),
        force_recovery=_switch(given, "force_recovery"),
        force_positioning=_switch(given, "force_positioning"),
    )


def _switch(claims: Mapping[str, Any], name: str) -> bool | None:
    value = _absent_or(claims, name, None)
    if value is None:
        return None
    # An empty object is how an issuer in Go or Protobuf writes {"value": false}.
    switch = _object(value).get("value", False)
    if not isinstance(switch, bool):
        raise InvalidToken("a claim of the wrong type")
    return switch


def _json(claims: Mapping[str, Any], name: str) -> bytes | None:
    """The claim as JSON bytes. `b64…`, standard base64 of JSON, wins over the plain one."""
    encoded = _text(_absent_or(claims, f"b64{name}", ""))
    try:
        if encoded:
            return trimmed(orjson.dumps(parse(base64.b64decode(encoded, validate=True))))
        value = claims.get(name)
        return None if value is None else trimmed(orjson.dumps(value))
    except (binascii.Error, ValueError):
        raise InvalidToken("a claim that is not base64 of JSON") from None
    except TypeError:  # orjson: an integer beyond 64 bits
        raise InvalidToken("a number beyond 64 bits") from None


def _is_expected(value: str, expected: str | re.Pattern[str]) -> bool:
    return value == expected if isinstance(expected, str) else expected.fullmatch(value) is not None


def _absent_or(claims: Mapping[str, Any], name: str, absent: object) -> object:
    """The claim; null is how some issuers write an absent one."""
    value = claims.get(name)
    return absent if value is None else value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidToken("a claim of the wrong type")
    return value


def _text(value: object) -> str:
    """A text; empty when the claim is absent."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidToken("a claim of the wrong type")
    return value


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidToken("a claim of the wrong type")
    return [_text(each) for each in value]


def _capped(expire_at: float, now: float) -> float:
    return min(float(expire_at), now + MAX_TTL_SECONDS)
