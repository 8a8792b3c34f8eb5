"""Signing tokens, and reading them back."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from gapless.auth.claims import ConnectionToken, SubscriptionToken
from gapless.auth.issue import issue_connection_token, issue_subscription_token
from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenRules, TokenVerifier
from gapless.errors import ConfigError
from gapless.model import ServerSubscription

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0


@pytest.fixture
def tokens(secret: str) -> TokenVerifier:
    return TokenVerifier(TokenRules(StaticKeys(secret), audience="hub", issuer="app"))


async def test_a_connection_token_is_read_back_as_it_was_issued(secret: str, tokens: TokenVerifier) -> None:
    token = issue_connection_token(
        secret,
        "42",
        expires_in=60,
        info={"name": "Ünal"},
        channels=["news", "#42"],
        meta={"role": "admin"},
        audience="hub",
        issuer="app",
        now=NOW,
    )
    assert await tokens.verify_connection(token, NOW) == ConnectionToken(
        user="42",
        expire_at=NOW + 60,
        info='{"name":"Ünal"}'.encode(),
        subs={"news": ServerSubscription(), "#42": ServerSubscription()},
        meta={"role": "admin"},
        issued_at=int(NOW),
    )


async def test_a_subscription_token_is_read_back_as_it_was_issued(secret: str, tokens: TokenVerifier) -> None:
    token = issue_subscription_token(
        secret,
        "42",
        "news",
        expires_in=None,
        info=[1],
        data={"a": 1},
        client="c1",
        audience="hub",
        issuer="app",
        now=NOW,
    )
    assert await tokens.verify_subscription(token, NOW) == SubscriptionToken(
        user="42", channel="news", client="c1", info=b"[1]", data=b'{"a":1}', issued_at=int(NOW)
    )


async def test_a_token_lasts_an_hour_from_now_unless_it_is_told_otherwise(secret: str) -> None:
    tokens = TokenVerifier(TokenRules(StaticKeys(secret)))
    before = time.time()
    token = await tokens.verify_connection(issue_connection_token(secret, "42"), before)
    assert token.expire_at is not None
    assert before - 1 <= token.expire_at - 3600 <= time.time()
    assert (
        await tokens.verify_connection(issue_connection_token(secret, "", expires_in=None), before)
    ).expire_at is None


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"expires_in": 0}, ValueError),
        ({"expires_in": -1}, ValueError),
        ({"expires_in": 366 * 86400}, ValueError),
        ({"expires_in": float("nan")}, ValueError),
        ({"info": float("nan")}, ValueError),
        ({"info": "x" * 8000}, ValueError),
        ({"info": "\ud800"}, ValueError),
        ({"info": object()}, TypeError),
        ({"channels": "news"}, ValueError),
        ({"channels": ["news", ""]}, ValueError),
        ({"user": 42}, TypeError),
        ({"secret": "secret"}, ConfigError),
        ({"secret": "a-string-secret-at-least-256-bits-long"}, ConfigError),
    ],
)
def test_a_token_that_no_hub_would_take_is_not_issued(
    changed: dict[str, Any], error: type[Exception], secret: str
) -> None:
    with pytest.raises(error):
        issue_connection_token(**{"secret": secret, "user": "42", **changed})


def test_a_subscription_token_needs_a_channel(secret: str) -> None:
    with pytest.raises(ValueError, match="none of them empty"):
        issue_subscription_token(secret, "42", "")


def test_a_missing_package_is_named(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(ConfigError, match=r"pip install 'gapless\[jwt\]'"):
        issue_connection_token(secret, "42")
