"""Settings: what wins, and what is said when one cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.brokers.url import KNOWN
from gapless.config.settings import EVERYTHING, Settings, load
from gapless.errors import ConfigError
from gapless.options import ChannelOptions, Limits


def problems(file: Path, text: str) -> list[str]:
    """What is said about a file, without the path to it."""
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


def test_told_nothing_it_keeps_everything_for_a_day_on_loopback() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.token) == ("127.0.0.1", 8765, None)
    assert settings.channels == EVERYTHING
    assert not EVERYTHING["*"].client_publish


def test_a_file_can_set_everything(file: Path) -> None:
    file.write_text(
        """
        host = "::1"
        port = 1
        store = "memory://"
        token = "t"
        origins = ["https://a.example"]
        default_channels = ["logs", "events"]
        insecure = true
        ws = "wsproto"

        [limits]
        message_bytes = 1024
        connections = 5

        [channels.logs]
        history = 10
        history_age = 60

        [channels."orders:{id}"]
        presence = true
        join_leave = true
        on_gap = "latest"
        """
    )
    assert load(file) == Settings(
        host="::1",
        port=1,
        token="t",
        origins=("https://a.example",),
        default_channels=("logs", "events"),
        insecure=True,
        ws="wsproto",
        limits=Limits(message_bytes=1024, connections=5),
        channels={
            "logs": ChannelOptions(history=10, history_age=60),
            "orders:{id}": ChannelOptions(presence=True, join_leave=True, on_gap="latest"),
        },
    )


def test_flags_win_over_the_environment_and_that_over_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('host = "file"\nport = 1\ntoken = "file"\n[limits]\nmessage_bytes = 1\ntags = 1\n')
    monkeypatch.setenv("GAPLESS_PORT", "2")
    monkeypatch.setenv("GAPLESS_TOKEN", "environment")
    monkeypatch.setenv("GAPLESS_LIMITS__TAGS", "2")
    settings = load(file, token="flag", port=None)
    assert (settings.host, settings.port, settings.token) == ("file", 2, "flag")
    assert (settings.limits.message_bytes, settings.limits.tags) == (1, 2)


def test_the_environment_says_lists_with_commas_and_tables_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAPLESS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("GAPLESS_INSECURE", "true")
    monkeypatch.setenv("GAPLESS_CHANNELS", '{"logs": {"history": 5, "presence": true}}')
    settings = load()
    assert settings.origins == ("https://a.example", "https://b.example")
    assert settings.insecure
    assert settings.channels == {"logs": ChannelOptions(history=5, presence=True)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", ["1: there is no option 'prot'; did you mean 'port'?"]),
        ("zzz = 1", ["1: there is no option 'zzz'"]),
        ('port = "x"', ["1: port: input should be a valid integer, not 'x'"]),
        ("port = true", ["1: port: input should be a valid integer, not True"]),
        ("port = 70000", ["1: port: input should be less than or equal to 65535, not 70000"]),
        ("\n\ninsecure = 1", ["3: insecure: input should be a valid boolean, not 1"]),
        ("token = 12", ["1: token: input should be a valid string"]),
        ("origins = [1]", ["1: origins: input should be a valid string, not 1"]),
        (
            'store = "mongo://:pw@h"',
            [f"1: there is no broker for 'mongo' URLs in this version; there are {KNOWN}"],
        ),
        ("limits = 3", ["1: [limits] is a table of options, not 3"]),
        ("channels = 3", ['1: channels is a table for each pattern, as [channels."orders:*"], not 3']),
        (
            "[limits]\nmesage_bytes = 1",
            ["2: there is no option 'mesage_bytes' here; did you mean 'message_bytes'?"],
        ),
        ('[limits]\n\n"tags" = "1"', ["3: tags is int, not '1'"]),
        ("limits.tags = true", ["1: tags is int, not True"]),
        (
            "limits = { a = 1, tags = -1 }",
            ["1: there is no option 'a' here", "1: tags is at least 0, not -1"],
        ),
        ("\n\nlimits = { tags = -1 }", ["3: tags is at least 0, not -1"]),
        (
            "[limits]\npong_timeout = 30",
            ["2: pong_timeout (30 s) must be shorter than ping_interval (25.0 s)"],
        ),
        (
            '[channels."a=b"]\nhistroy = 1\n[channels.c]\nring = 0\non_gap = "no"',
            [
                "2: there is no option 'histroy' here; did you mean 'history'?",
                "4: ring is at least 1, not 0",
                "5: on_gap is one of resync, latest, disconnect, not 'no'",
            ],
        ),
        (
            "[channels.a]\njoin_leave = true",
            ["2: join_leave needs presence: set presence=True as well"],
        ),
        (
            '[channels."a{"]\nhistory = 1',
            ["1: channel pattern 'a{' has a brace that names nothing; write {name} or *"],
        ),
        ("a = 1\nb = = 2", ["2: this is not TOML: invalid value"]),
        ('a = 1\n\nb = """', ["3: this is not TOML: unterminated string"]),
    ],
)
def test_every_mistake_is_one_line_with_its_place_and_the_fix(file: Path, text: str, said: list[str]) -> None:
    assert problems(file, text) == said


def test_options_that_need_each_other_may_stand_in_any_order(file: Path) -> None:
    file.write_text(
        "[channels.a]\njoin_leave = true\npresence = true\n[limits]\npong_timeout = 30\nping_interval = 60\n"
    )
    assert load(file).channels["a"].join_leave


def test_several_mistakes_come_together(file: Path) -> None:
    assert len(problems(file, 'prot = 1\nport = "x"\n[limits]\na = 1\nb = 2\n')) == 4


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file or directory; check --config"):
        load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GAPLESS_PORT", "tcp://10.0.0.1:80", "GAPLESS_PORT: input should be a valid integer"),
        ("GAPLESS_CHANNELS", "{", "GAPLESS_CHANNELS: in the environment this has to be JSON"),
        ("GAPLESS_CHANNELS", '{"a": {"histry": 1}}', "[channels.\"a\"] has no option 'histry'; did you mean"),
        ("GAPLESS_LIMITS__TAGS", "many", "[limits]: tags is int, not 'many'"),
        ("GAPLESS_STORE", "sqlite://x", "a store is sqlite:///relative.db"),
        ("GAPLESS_STORE", "mongo:///x", "there is no broker for 'mongo' URLs"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable_or_the_table(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value).startswith(said)


def test_a_mistake_in_a_flag_names_the_flag_and_never_shows_a_token() -> None:
    with pytest.raises(ConfigError, match="--port"):
        load(port=-1)
    with pytest.raises(ConfigError) as caught:
        load(token=b"\xff")
    assert "xff" not in str(caught.value)
    assert "secret" not in repr(load(token="secret"))
