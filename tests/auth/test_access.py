"""The settings of who may come in, as one value."""

from __future__ import annotations

import dataclasses

import pytest

from gapless import Access, ConfigError, Hub, HubApp, StaticKeys, TokenRules, TokenVerifier
from gapless.auth.access import AccessSettings

SECRET = "0f3c9a7b5d2e4816a9c07f1b3e5d8246"
VERIFIER = TokenVerifier(TokenRules(StaticKeys(SECRET)))


def test_what_cannot_be_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="token"):
        Access(token="short")
    with pytest.raises(ConfigError, match="needs a scheme"):
        Access(origins=["example.com"])


def test_it_is_frozen_and_keeps_the_token_to_itself() -> None:
    access = Access(token=SECRET)
    with pytest.raises(dataclasses.FrozenInstanceError):
        access.token = "another"  # type: ignore[misc]
    assert SECRET not in repr(access)
    assert access.credential is not None
    assert access.credential.matches(SECRET)


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (Access(), True),
        (Access(tokens=VERIFIER), False),
        (Access(require_credential=True), False),
        (Access(tokens=VERIFIER, anonymous=True), True),
        (Access(anonymous=False), False),
    ],
)
def test_who_has_no_token_comes_in_where_nothing_else_is_asked_for(access: Access, expected: bool) -> None:
    assert access.lets_anonymous_in is expected


def test_each_setting_may_be_given_to_the_application_by_name() -> None:
    settable = {field.name for field in dataclasses.fields(Access) if field.init}
    assert set(AccessSettings.__annotations__) == settable
    HubApp(Hub(), token=SECRET, origins=["https://example.com"])
    with pytest.raises(ConfigError):
        HubApp(Hub(), token="short")


def test_but_not_beside_the_value() -> None:
    with pytest.raises(TypeError, match="give token to Access"):
        HubApp(Hub(), access=Access(), token=SECRET)
    with pytest.raises(TypeError):
        HubApp(Hub(), tokn=SECRET)  # type: ignore[call-arg]
