"""`gapless doctor`: what it says of a real Redis, and of none."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.redis_server import RedisServer, cluster, has
from .conftest import Verb


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
