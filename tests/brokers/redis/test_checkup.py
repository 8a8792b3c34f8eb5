"""What a Redis says of itself, judged finding by finding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gapless.brokers.redis.checkup import judge
from gapless.server.checkup import Finding

SOUND = {
    "redis_version": "7.2.4",
    "maxmemory": str(1 << 30),
    "maxmemory_policy": "noeviction",
    "used_memory": "1000",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "connected_clients": "5",
    "maxclients": "10000",
    "connected_slaves": "1",
}

SETTINGS = {
    "save": "",
    "appendfsync": "everysec",
    "min-replicas-to-write": "1",
    "client-output-buffer-limit": "normal 0 0 0 slave 1 1 60 pubsub 33554432 8388608 60",
}


def levels(findings: Iterator[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def test_a_sound_one_is_ok_throughout() -> None:
    assert set(levels(judge(SOUND, SETTINGS))) == {"ok"}


@pytest.mark.parametrize(
    ("said", "level", "words"),
    [
        ({"redis_version": "6.2.14"}, "bad", "too old"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.0"}, "ok", "Valkey 8.1.0"),
        ({"maxmemory_policy": "allkeys-lru"}, "bad", "noeviction"),
        ({"maxmemory": "0"}, "note", "set maxmemory"),
        ({"used_memory": str(1 << 30)}, "bad", "100% of it used"),
        ({"aof_last_write_status": "err"}, "bad", "append-only file cannot be written"),
        ({"aof_enabled": "0"}, "note", "nothing is written to disk"),
        ({"aof_enabled": "0", "rdb_last_bgsave_status": "err"}, "bad", "the last snapshot failed"),
        ({"connected_clients": "9000"}, "bad", "raise maxclients"),
        ({"connected_slaves": "0"}, "note", "no replica"),
    ],
)
def test_what_it_says_is_judged(said: dict[str, str], level: str, words: str) -> None:
    found = [f for f in judge({**SOUND, **said}, SETTINGS) if words in f"{f.what}: {f.advice}"]
    assert [finding.level for finding in found] == [level]


@pytest.mark.parametrize(
    ("settings", "level", "words"),
    [
        ({"appendfsync": "always"}, "ok", "loses nothing"),
        ({"min-replicas-to-write": "0"}, "note", "min-replicas-to-write 1"),
        ({"client-output-buffer-limit": "pubsub 0 0 0"}, "bad", "without a limit"),
        ({"client-output-buffer-limit": "pubsub 1048576 0 0"}, "note", "a short burst"),
    ],
)
def test_so_is_its_configuration(settings: dict[str, str], level: str, words: str) -> None:
    found = [f for f in judge(SOUND, {**SETTINGS, **settings}) if words in f"{f.what}: {f.advice}"]
    assert [finding.level for finding in found] == [level]


def test_snapshots_alone_are_a_note() -> None:
    said = {**SOUND, "aof_enabled": "0"}
    (found,) = [f for f in judge(said, {**SETTINGS, "save": "3600 1"}) if "snapshots" in f.what]
    assert found.level == "note"


def test_a_configuration_that_may_not_be_read_is_a_note() -> None:
    assert levels(judge(SOUND, None)).count("bad") == 0
    assert any("may not be read" in finding.what for finding in judge(SOUND, None))
