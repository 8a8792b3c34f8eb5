"""Tokens as the tests make them, and what becomes of those that are no good."""

from __future__ import annotations

from typing import Any

import pytest

from gapless.auth.keys import KeySource
from gapless.auth.verifier import TokenRules, TokenVerifier
from gapless.errors import Disconnect, PermissionDenied

NOW = 1_800_000_000.0
SOON = int(NOW) + 60
GOOD = {"sub": "42", "exp": SOON}
GOOD_SUBSCRIPTION = {"sub": "42", "channel": "news", "exp": SOON}


def verifier(keys: KeySource, **rules: Any) -> TokenVerifier:
    return TokenVerifier(TokenRules(keys, **rules))


async def assert_invalid(tokens: TokenVerifier, token: str, reason: str | None = None) -> None:
    """Refused as a connection token with 3500 and as a subscription token with 103, for the same reason."""
    with pytest.raises(Disconnect) as connection:
        await tokens.verify_connection(token, NOW)
    with pytest.raises(PermissionDenied) as subscription:
        await tokens.verify_subscription(token, NOW)
    assert (connection.value.code, connection.value.reason) == (3500, "invalid token")
    assert subscription.value.code == 103
    if reason is not None:
        assert reason in str(connection.value.__cause__)
        assert reason in str(subscription.value.__cause__)
