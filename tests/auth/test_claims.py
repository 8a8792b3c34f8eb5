"""What a verified token says."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest

from gapless.auth.claims import Claims, ConnectionToken, InvalidToken, SubscriptionToken
from gapless.model import Override, ServerSubscription

NOW = 1_800_000_000.0
YEAR = 365 * 86400


def connection(*user_claim: str, **claims: Any) -> ConnectionToken:
    return Claims(json.dumps(claims).encode()).connection(NOW, user_claim or ("sub",))


def subscription(**claims: Any) -> SubscriptionToken:
    claims = {"channel": "news", **claims}
    return Claims(json.dumps(claims).encode()).subscription(NOW, ("sub",))


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def test_a_connection_token_with_everything() -> None:
    token = connection(
        sub="42",
        exp=1_800_000_060,
        iat=1_799_999_999,
        jti="a1",
        info={"name": "Ünal", "n": 1.50},
        meta={"role": "admin"},
        subs={
            "news": {"info": {"a": 1}, "data": [1], "override": {"presence": {"value": True}}},
            "#42": None,
            "empty": {},
        },
    )
    assert token == ConnectionToken(
        user="42",
        expire_at=1_800_000_060.0,
        info='{"name":"Ünal","n":1.5}'.encode(),
        subs={
            "news": ServerSubscription(b'{"a":1}', b"[1]", Override(presence=True)),
            "#42": ServerSubscription(),
            "empty": ServerSubscription(),
        },
        meta={"role": "admin"},
        issued_at=1_799_999_999,
        token_id="a1",
    )
    assert list(token.subs) == ["news", "#42", "empty"]


def test_a_connection_token_with_nothing_is_of_an_anonymous_user() -> None:
    assert connection() == ConnectionToken(user="")


def test_a_subscription_token_with_everything() -> None:
    token = subscription(
        sub="42",
        client="c1",
        expire_at=1_800_000_060,
        info={"a": 1},
        data="hi",
        iat=5,
        jti="j",
        override={
            "presence": {"value": True},
            "join_leave": {"value": False},
            "force_push_join_leave": {"value": True},
            "force_recovery": {},
            "force_positioning": None,
            "of_a_later_version": {"value": 7},
        },
    )
    assert token == SubscriptionToken(
        user="42",
        channel="news",
        client="c1",
        expire_at=1_800_000_060.0,
        info=b'{"a":1}',
        data=b'"hi"',
        override=Override(True, False, True, False, None),
        issued_at=5,
        token_id="j",
    )


def test_a_subscription_token_needs_only_its_channel() -> None:
    assert subscription() == SubscriptionToken(user="", channel="news")


@pytest.mark.parametrize(
    ("claims", "expire_at"),
    [
        ({}, None),
        ({"exp": 1_800_000_060}, 1_800_000_060.0),
        ({"exp": 1_800_000_060, "expire_at": 1_800_000_600}, 1_800_000_600.0),
        ({"exp": 1_800_000_600, "expire_at": 1_800_000_060}, 1_800_000_060.0),
        ({"exp": 1_800_000_060, "expire_at": 0}, None),
        ({"expire_at": 1_800_000_060}, 1_800_000_060.0),
        ({"expire_at": 5}, 5.0),  # in the past: refused by who asks, with 110
        ({"exp": 1_799_999_997}, NOW + 1),  # within the leeway: lives until it is refreshed
        ({"exp": 1_800_000_000 + YEAR}, NOW + YEAR),
        ({"exp": 1_800_000_000 + YEAR + 1}, NOW + YEAR),
        ({"exp": 2**53}, NOW + YEAR),
        ({"exp": 1_800_000_060, "expire_at": 2**53}, NOW + YEAR),
    ],
)
def test_the_expiry_of_the_connection_and_of_the_subscription(
    claims: dict[str, int], expire_at: float | None
) -> None:
    assert connection(**claims).expire_at == expire_at
    assert subscription(**claims).expire_at == expire_at


def test_channels_are_subscribed_without_more() -> None:
    assert connection(channels=["b", "a", "b"]).subs == {"b": ServerSubscription(), "a": ServerSubscription()}
    assert list(connection(channels=["b", "a"]).subs) == ["b", "a"]


def test_subs_win_over_channels_unless_they_are_empty() -> None:
    assert list(connection(channels=["a"], subs={"b": {}}).subs) == ["b"]
    assert list(connection(channels=["a"], subs={}).subs) == ["a"]
    assert list(connection(channels=["a"], subs=None).subs) == ["a"]


@pytest.mark.parametrize("name", ["info", "data"])
def test_base64_wins_over_json(name: str) -> None:
    encoded = {name: {"a": 1}, f"b64{name}": b64(' { "b" : 2 } ')}
    assert getattr(subscription(**encoded), name) == b'{"b":2}'
    assert getattr(connection(subs={"c": encoded}).subs["c"], name) == b'{"b":2}'
    assert getattr(subscription(**{name: 1, f"b64{name}": ""}), name) == b"1"
    assert getattr(subscription(**{name: 1, f"b64{name}": None}), name) == b"1"


def test_any_json_value_may_be_info_but_null_is_none_of_it() -> None:
    values: list[Any] = [0, False, "", [], {}, 1.25, 2**64 - 1, "\n", "\u2028"]
    for value in values:
        info = connection(info=value).info
        assert info is not None
        assert b"\n" not in info
        assert json.loads(info) == value
    assert connection(info=None).info is None


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": 42},
        {"sub": True},
        {"sub": ["42"]},
        {"jti": 7},
        {"info": 2**64},
        {"info": {"a": [-(2**63) - 1]}},
        {"b64info": "%%%"},
        {"b64info": "eyJhIjoxfQ"},  # without padding
        {"b64info": "eyJhIjoxfQ==\n"},
        {"b64info": b64("{").replace("=", "")},
        {"b64info": b64("not json")},
        {"b64info": b64('{"a":1,"a":2}')},
        {"b64info": b64(b"\xff\xfe")},
        {"b64info": "ééé"},
        {"b64info": 7},
    ],
)
def test_a_claim_that_cannot_be_read_makes_either_token_invalid(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        connection(**claims)
    with pytest.raises(InvalidToken):
        subscription(**claims)


@pytest.mark.parametrize(
    "claims",
    [
        {"channel": "news"},
        {"channels": "news"},
        {"channels": {"news": 1}},
        {"channels": [1]},
        {"channels": [None]},
        {"channels": [""]},
        {"subs": ["news"]},
        {"subs": {"": {}}},
        {"subs": {"a": []}},
        {"subs": {"a": {"b64data": "%"}}},
        {"subs": {"a": {"override": []}}},
        {"subs": {"a": {"override": {"presence": True}}}},
        {"subs": {"a": {"override": {"presence": {"value": 1}}}}},
        {"subs": {"a": {}}, "channels": 7},
        {"meta": []},
        {"meta": "x"},
    ],
)
def test_a_claim_that_cannot_be_read_makes_a_connection_token_invalid(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        connection(**claims)


@pytest.mark.parametrize(
    "claims",
    [
        {"channel": ""},
        {"channel": None},
        {"channel": 7},
        {"client": 7},
        {"b64data": "%"},
        {"override": {"join_leave": {"value": None}}},
        {"override": "all"},
    ],
)
def test_a_claim_that_cannot_be_read_makes_a_subscription_token_invalid(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        subscription(**claims)


def test_the_user_may_stand_elsewhere() -> None:
    claims = {"sub": "wrong", "profile": {"id": "42"}, "https://example.com/id": "43"}
    assert connection("profile", "id", **claims).user == "42"
    assert connection("https://example.com/id", **claims).user == "43"
    assert connection("nowhere", **claims).user == ""
    assert connection("nowhere", "id", **claims).user == ""
    with pytest.raises(InvalidToken):
        connection("sub", "id", **claims)
    with pytest.raises(InvalidToken):
        connection("profile", **claims)


def test_a_token_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        connection().user = "admin"  # type: ignore[misc]


def test_the_reason_repeats_nothing_of_the_token() -> None:
    for claims in ({"sub": ["hidden"]}, {"b64info": "hidden%"}, {"exp": "hidden"}):
        with pytest.raises(InvalidToken) as raised:
            connection(**claims)
        assert "hidden" not in str(raised.value)
