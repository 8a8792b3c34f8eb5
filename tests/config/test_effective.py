"""What operators are told of the settings: which are in effect and who said them, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.config.effective import SET
from gapless.config.settings import load


def test_each_setting_says_who_said_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gapless.toml"
    file.write_text(
        'host = "0.0.0.0"\nport = 1\nworkers = 2\n[limits]\nsubscriptions = 7\nping_interval = 21.0\n'
    )
    monkeypatch.setenv("GAPLESS_PORT", "2")
    monkeypatch.setenv("GAPLESS_WORKERS", "3")
    monkeypatch.setenv("GAPLESS_LIMITS__PING_INTERVAL", "22.0")
    told = load(file, workers=4).effective()
    assert told["host"] == ("0.0.0.0", "file")
    assert told["port"] == (2, "environment")
    assert told["workers"] == (4, "argument")
    assert told["store"] == ("memory://", "default")
    assert told["limits.subscriptions"] == (7, "file")
    assert told["limits.ping_interval"] == (22.0, "environment")
    assert not [
        name for name, (_, origin) in told.items() if name.startswith("limits.") and origin == "default"
    ]


def test_nothing_secret_is_told(tmp_path: Path) -> None:
    file = tmp_path / "gapless.toml"
    file.write_text(
        'store = "redis://me:hush@cache:6379/0?prefix=hush"\ntoken = "hush-hush-hush-hush-hush-hush"\n'
        'feeds = ["redis://me:hush@cache/1?channel=a"]\n'
        '[client.token]\nhmac_secret_key = "hush-6b1f0c94e7d25a83f2c1d0b9a8e7f6c5"\n'
        '[channels."orders:*"]\nhistory = 1\n'
    )
    told = load(file).effective()
    assert "hush" not in repr(told)
    assert told["token"] == (SET, "file")
    assert told["store"] == ("redis://cache:6379/0", "file")
    assert told["feeds"] == (["redis://cache/1"], "file")
    assert told["client"] == (SET, "file")
    assert told["channels"] == (["orders:*"], "file")
    assert load().effective()["token"] == (None, "default")
