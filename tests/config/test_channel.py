"""Namespaces: what becomes the options of their channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless import ChannelOptions, Hub
from gapless.config.settings import load
from gapless.errors import ConfigError

SECRET = "8f2c1d9a4b7e6053f1a2c3d4e5b69788a0b1c2d3e4f5a6b7"


TOKEN = f'[client.token]\nhmac_secret_key = "{SECRET}"\n'


@pytest.fixture
def options(file: Path) -> ChannelOptions:
    """Those of a channel of a namespace that sets everything."""
    file.write_text(
        """
        [[channel.namespaces]]
        name = "chat"
        history_size = 10
        history_ttl = "1m30s"
        history_meta_ttl = "2h"
        presence = true
        join_leave = true
        force_push_join_leave = true
        force_recovery = true
        force_positioning = true
        force_recovery_mode = "cache"
        auto_cache_recover = true
        allowed_delta_types = ["fossil"]
        delta_publish = true
        allow_tags_filter = true
        allow_subscribe_for_client = true
        allow_subscribe_for_anonymous = true
        allow_publish_for_client = true
        allow_history_for_subscriber = true
        allow_history_for_anonymous = true
        allow_presence_for_subscriber = true
        """
    )
    return load(file).channels["chat:*"]


NAMESPACE = '[[channel.namespaces]]\nname = "chat"\n'


def test_a_namespace_becomes_the_options_of_its_channels(options: ChannelOptions) -> None:
    assert options == ChannelOptions(
        history=10,
        history_age=90.0,
        idle_expiry=7200.0,
        presence=True,
        join_leave=True,
        force_push_join_leave=True,
        recovery="cache",
        client_recovery=True,
        auto_cache_recover=True,
        delta=True,
        delta_publish=True,
        tags_filter=True,
        client_subscribe=True,
        client_publish=True,
        outside_publish=True,
        client_history=True,
        client_presence=True,
        anonymous=True,
        anonymous_publish=False,
        anonymous_history=True,
        anonymous_presence=False,
        user_limited=False,
    )


def test_a_namespace_that_says_nothing_lets_clients_do_nothing(file: Path) -> None:
    file.write_text('[[channel.namespaces]]\nname = "chat"\n')
    options = load(file).channels["chat:*"]
    verbs = [getattr(options, f"client_{verb}") for verb in ("subscribe", "publish", "history", "presence")]
    assert [*verbs, options.anonymous] == [False] * 5


def test_channels_are_found_by_their_namespace_and_others_are_unknown(file: Path) -> None:
    file.write_text(
        "[channel.without_namespace]\nhistory_size = 1\n"
        '[[channel.namespaces]]\nname = "chat"\nhistory_size = 2\nallow_user_limited_channels = true\n'
        '[[channel.namespaces]]\nname = "chatter"\nhistory_size = 3\n'
        "[channels.logs]\nhistory = 4\n"
    )
    hub = Hub(channels=load(file).channels)

    def history(channel: str) -> int | None:
        options = hub.node.registry.declared(channel)
        return options.history if options is not None else None

    assert [history(name) for name in ("news", "$news", "#42", "news#1,2", "logs")] == [1, 1, 1, 1, 4]
    assert [history(name) for name in ("chat:a", "chat:a:b", "$chat:a", "chat:", "chat:#7")] == [2] * 5
    assert history("chatter:a") == 3
    assert [history(name) for name in ("nope:a", ":a", "cha:t", "$nope:a")] == [None] * 4


def test_whoever_a_name_lists_may_subscribe_where_others_may_not(file: Path) -> None:
    allow = "allow_user_limited_channels = true\n"
    file.write_text(f'[channel.without_namespace]\n{allow}[[channel.namespaces]]\nname = "chat"\n{allow}')
    hub = Hub(channels=load(file).channels)
    for listed in ("#42", "dialog#1,2", "chat:#42", "chat:dialog#1,2"):
        options = hub.node.registry.declared(listed)
        assert options is not None
        assert options.client_subscribe, listed
        assert options.user_limited
    for unlisted in ("dialog", "chat:dialog"):
        options = hub.node.registry.declared(unlisted)
        assert options is not None
        assert not options.client_subscribe, unlisted


def test_without_namespaces_everything_is_kept_and_with_them_only_what_is_declared(file: Path) -> None:
    file.write_text(TOKEN)
    assert "*" in load(file).channels
    file.write_text("[channel]\n")
    assert list(load(file).channels) == ["{channel}"]


@pytest.mark.parametrize(
    ("said", "recovery"),
    [
        ("", "stream"),
        ("force_recovery = true", "stream"),
        ('force_recovery_mode = "cache"', "cache"),
        ("force_recovery = false", "off"),
        ("force_recovery = false\nallow_recovery = true", "stream"),
    ],
)
def test_channels_with_history_recover_unless_the_file_says_no(file: Path, said: str, recovery: str) -> None:
    file.write_text(f"[channel.without_namespace]\nhistory_size = 1\n{said}\n")
    assert load(file).channels["{channel}"].recovery == recovery


def test_mistakes_in_the_second_namespace_have_its_line(file: Path) -> None:
    file.write_text(NAMESPACE + '\n[[channel.namespaces]]\nname = "news"\nhistory_ttl = 3\npresense = true\n')
    with pytest.raises(ConfigError, match=r":7: there is no option 'presense' here"):
        load(file)
    file.write_text(NAMESPACE + '\n[[channel.namespaces]]\nname = "news"\nhistory_ttl = 3\n')
    with pytest.raises(ConfigError, match=r":6: history_ttl needs"):
        load(file)
