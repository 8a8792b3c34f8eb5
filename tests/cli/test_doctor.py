"""`gapless doctor`: each finding, judged by what a server says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gapless.brokers.redis.checkup import judge
from gapless.server.checkup import Finding, machine

from ..support.redis_server import RedisServer, cluster, has
from .conftest import Verb

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


class TestARedis:
    def test_a_sound_one_is_ok_throughout(self) -> None:
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
    def test_what_it_says_is_judged(self, said: dict[str, str], level: str, words: str) -> None:
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
    def test_so_is_its_configuration(self, settings: dict[str, str], level: str, words: str) -> None:
        found = [f for f in judge(SOUND, {**SETTINGS, **settings}) if words in f"{f.what}: {f.advice}"]
        assert [finding.level for finding in found] == [level]

    def test_snapshots_alone_are_a_note(self) -> None:
        said = {**SOUND, "aof_enabled": "0"}
        (found,) = [f for f in judge(said, {**SETTINGS, "save": "3600 1"}) if "snapshots" in f.what]
        assert found.level == "note"

    def test_a_configuration_that_may_not_be_read_is_a_note(self) -> None:
        assert levels(judge(SOUND, None)).count("bad") == 0
        assert any("may not be read" in finding.what for finding in judge(SOUND, None))


class TestTheMachine:
    def test_several_workers_with_a_store_of_their_own_are_bad(self) -> None:
        found = [f for f in machine({"WEB_CONCURRENCY": "4"}, shared=False) if "WEB_CONCURRENCY" in f.what]
        assert [finding.level for finding in found] == ["bad"]
        assert "bad" not in levels(
            f for f in machine({"WEB_CONCURRENCY": "4"}, shared=True) if "worker" in f.what
        )

    def test_few_files_are_bad(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("resource.getrlimit", lambda which: (256, 1024))
        (found,) = [f for f in machine({}, shared=False) if "open files" in f.what]
        assert found.level == "bad"

    def test_an_old_uvicorn_is_bad(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gapless.server.checkup.version", lambda package: "0.30.1")
        (found,) = [f for f in machine({}, shared=False) if f.what == "uvicorn 0.30.1"]
        assert found.level == "bad"


class TestAFile:
    def test_it_is_looked_at_and_several_workers_may_have_it(
        self, verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WEB_CONCURRENCY", "4")
        ended = verb("doctor", "--store", f"sqlite:///{tmp_path}/app.db")
        assert (ended.code, ended.err) == (0, [])
        assert any(f"there is no {tmp_path}/app.db yet" in line for line in ended.out)

    def test_one_that_cannot_be_is_bad(self, verb: Verb, tmp_path: Path) -> None:
        ended = verb("doctor", "--store", f"sqlite:///{tmp_path}/nowhere/app.db")
        assert ended.code == 1
        assert [line for line in ended.out if line.startswith("bad")] == [
            f"bad   {tmp_path}/nowhere is no directory: make it, or name another file"
        ]


@pytest.mark.redis
@pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed")
class TestTheVerb:
    def test_it_looks_at_a_real_one_and_explains(self, verb: Verb, tmp_path: Path) -> None:
        server = RedisServer(tmp_path, "--maxmemory", "100mb").start()
        try:
            ended = verb("doctor", "--store", server.url)
            assert (ended.code, ended.err) == (0, [])
            said = "\n".join(ended.out)
            for words in (
                f"127.0.0.1:{server.port}: Redis ",
                "maxmemory 100 MiB",
                "round trip",
                "open files",
                "uvicorn",
            ):
                assert words in said
            server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            ended = verb("doctor", "--store", server.url)
            assert ended.code == 1
            assert any(line.startswith("bad") and "noeviction" in line for line in ended.out)
        finally:
            server.stop()

    def test_it_looks_at_every_server_of_a_cluster(self, verb: Verb, tmp_path: Path) -> None:
        servers = cluster(tmp_path)
        try:
            ended = verb("doctor", "--store", f"redis+cluster://127.0.0.1:{servers[1].port}")
            for server in servers:
                assert any(f"127.0.0.1:{server.port}: Redis " in line for line in ended.out)
        finally:
            for server in servers:
                server.stop()

    def test_one_that_is_not_there_is_bad(self, verb: Verb) -> None:
        ended = verb("doctor", "--store", "redis://:hidden@127.0.0.1:1")
        assert ended.code == 1
        assert any(
            line.startswith("bad") and "there is no Redis at 127.0.0.1:1" in line for line in ended.out
        )
        assert "hidden" not in "\n".join(ended.out + ended.err)

    def test_without_a_store_it_looks_at_the_machine_alone(self, verb: Verb) -> None:
        ended = verb("doctor")
        assert not any("Redis" in line for line in ended.out)
