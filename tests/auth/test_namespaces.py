"""A channel's name as Centrifugo reads it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.auth.namespaces import ChannelName, parse_channel, personal_channel

NAMES = [
    # text, namespace, rest, private, users
    ("news", "", "news", False, None),
    ("chat:room", "chat", "room", False, None),
    ("chat:a:b", "chat", "a:b", False, None),
    (":room", "", "room", False, None),
    ("chat:", "chat", "", False, None),
    ("$secret", "", "secret", True, None),
    ("$chat:room", "chat", "room", True, None),
    ("$$chat:room", "$chat", "room", True, None),
    ("chat:$room", "chat", "$room", False, None),
    ("dialog#1,2", "", "dialog#1,2", False, ("1", "2")),
    ("$chat:dialog#1", "chat", "dialog#1", True, ("1",)),
    ("a#b#1", "", "a#b#1", False, ("1",)),
    ("#42", "", "#42", False, ("42",)),
    ("a#", "", "a#", False, ("",)),
    ("", "", "", False, None),
    ("$", "", "", True, None),
    ("канал:1", "канал", "1", False, None),
]


@pytest.mark.parametrize(("text", "namespace", "rest", "is_private", "users"), NAMES)
def test_a_name_is_read_as_documented(
    text: str, namespace: str, rest: str, is_private: bool, users: tuple[str, ...] | None
) -> None:
    assert parse_channel(text) == ChannelName(text, namespace, rest, is_private, users)


@pytest.mark.parametrize(
    ("channel", "user", "expected"),
    [
        ("news", "1", True),
        ("news", "", True),
        ("dialog#1,2", "1", True),
        ("dialog#1,2", "2", True),
        ("dialog#1,2", "3", False),
        ("dialog#1,2", "1,2", False),
        ("dialog#12", "1", False),
        ("dialog#1, 2", "2", False),
        ("dialog#", "", False),
        ("dialog#1,", "", False),
        ("dialog#1#2", "1", False),
    ],
)
def test_a_user_limited_name_admits_the_listed_users_only(channel: str, user: str, expected: bool) -> None:
    assert parse_channel(channel).admits(user) is expected


def test_a_personal_channel_admits_its_user_and_nobody_else() -> None:
    assert personal_channel("42") == "#42"
    assert personal_channel("42", "user") == "user:#42"
    assert parse_channel(personal_channel("42", "user")).namespace == "user"


@pytest.mark.parametrize("user", ["", "1,2", "a#b"])
def test_a_user_whose_channel_would_admit_others_has_none(user: str) -> None:
    with pytest.raises(ValueError, match="no personal channel"):
        personal_channel(user)


@given(st.text(max_size=20), st.text(alphabet="ab:,#", max_size=5))
def test_a_personal_channel_never_admits_a_second_user(user: str, other: str) -> None:
    try:
        name = parse_channel(personal_channel(user, "user"))
    except ValueError:
        return
    assert name.admits(user)
    assert not name.admits(other) or other == user


def test_a_name_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse_channel("news").users = ("1",)  # type: ignore[misc]
