"""What is wrong with a store is said in words that name the fix, and never acknowledged away."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gapless import BrokerError, Limits
from gapless.brokers.sqlite import schema, trouble
from gapless.brokers.sqlite.address import Address
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.brokers.sqlite.journal import Journal

from ...support.commands import gapless, serving
from ...support.until import DEADLINE, until
from ..harness import Harness
from .opening import bound, own, rows, settled
from .test_powercut import OPTIONS, WORKER, _can_trace, acknowledged

pytestmark = pytest.mark.anyio

IMPATIENT = Limits(broker_seconds=0.2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def store(path: Path, limits: Limits = IMPATIENT) -> Harness:
    broker = SqliteBroker(path, limits)
    return Harness(broker, broker.presence)


@pytest.fixture
async def harness(path: Path) -> AsyncIterator[Harness]:
    opened = store(path)
    await opened.start()
    yield opened
    await opened.broker.close()


async def refusal(path: Path) -> str:
    """What opening it says."""
    refused = store(path)
    with pytest.raises(BrokerError) as caught:
        await refused.start()
    assert str(path.parent) in str(caught.value)
    return str(caught.value)


async def ready_again(harness: Harness) -> None:
    await until(lambda: own(harness).unready() is None)


class TestOpening:
    async def test_no_directory(self, path: Path) -> None:
        assert "is no directory" in await refusal(path / "deeper" / "app.db")

    async def test_no_database(self, path: Path) -> None:
        path.write_bytes(b"this is text, and long enough to be looked at as a header " * 20)
        assert "is no SQLite database" in await refusal(path)
        assert path.read_bytes().startswith(b"this is text")

    async def test_a_directory(self, path: Path) -> None:
        path.mkdir()
        await refusal(path)

    async def test_another_program_s_database(self, path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
        connection.close()
        assert "is a database of another program" in await refusal(path)

    @pytest.mark.skipif(sys.platform != "linux", reason="/proc")
    async def test_what_cannot_be_opened_is_not_kept_open(self, path: Path) -> None:
        """Whoever closes it later gives up the locks that another hub of this process has on it."""
        path.write_bytes(b"no database " * 1000)
        journal = Journal(Address(path), IMPATIENT, time.time)
        with pytest.raises(sqlite3.DatabaseError) as caught:
            journal.open()
        held = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
        assert [name for name in held if name.startswith(str(path))] == [], caught

    async def test_tables_of_a_newer_version(self, path: Path) -> None:
        await self.made(path)
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        connection.close()
        assert f"tables of version {schema.VERSION + 1}" in await refusal(path)

    async def test_tables_of_the_first_version_take_what_they_did_not_know(self, path: Path) -> None:
        await self.made(path)
        connection = sqlite3.connect(path)
        connection.executescript("DROP TABLE counted; PRAGMA user_version = 1")
        connection.close()
        broker = SqliteBroker(path)
        harness = Harness(broker, broker.presence)
        await harness.start()
        await broker.nodes.meet("n", b"{}", 10.0)
        assert await broker.nodes.count("n", "anna", 1, 1)
        await broker.close()

    async def test_a_network_file_system(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(trouble, "kind_of", lambda *_: "nfs4")
        assert "lies on a network file system (nfs4)" in await refusal(path)
        assert not path.exists()

    async def test_a_file_that_may_not_be_written(self) -> None:
        with tempfile.TemporaryDirectory() as name, _as_somebody_else(Path(name)):
            path = Path(name) / "app.db"
            assert "give this user the right" in await refusal(path)

    @staticmethod
    async def made(path: Path) -> None:
        harness = store(path)
        await harness.start()
        await harness.publish("c")
        await harness.broker.close()


@contextmanager
def _as_somebody_else(directory: Path) -> Iterator[None]:
    """Nothing in the directory may be written inside, also for those whom no right stops."""
    directory.chmod(0o555)
    nobody = 65534
    try:
        if os.geteuid() == 0:
            os.seteuid(nobody)
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        directory.chmod(0o755)


class TestLocked:
    async def test_another_program_writes(self, harness: Harness, path: Path) -> None:
        await harness.publish("c")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BrokerError, match="is locked by another program"):
            await harness.publish("c")
        assert "is locked" in (own(harness).unready() or "")
        other.execute("ROLLBACK")
        other.close()
        position = await harness.publish("c")
        assert position is not None
        assert position.offset == 2
        assert own(harness).unready() is None

    async def test_a_worker_that_holds_the_lock_is_stopped(self, harness: Harness, path: Path) -> None:
        with path.with_name("app.db-lock").open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(BrokerError, match=r"held by another process for 0\.2 s"):
                await harness.publish("c")
        await ready_again(harness)
        assert await harness.publish("c") is not None

    async def test_reading_goes_on_meanwhile(self, harness: Harness, path: Path) -> None:
        await harness.publish("c")
        with path.with_name("app.db-lock").open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert (await harness.history("c")).top.offset == 1


class TestReplaced:
    @pytest.mark.parametrize("what", ["replaced", "deleted"])
    async def test_while_it_is_open(self, harness: Harness, path: Path, what: str) -> None:
        await harness.publish("c")
        path.rename(path.with_name("moved"))
        if what == "replaced":
            path.touch()
        with pytest.raises(BrokerError, match=f"was {what} while it was open"):
            await harness.publish("c")
        assert f"was {what}" in (own(harness).unready() or "")
        # What was put there is not ours to write to, whatever comes.
        path.with_name("moved").rename(path)
        with pytest.raises(BrokerError, match="start this process again"):
            await harness.publish("c")

    async def test_it_is_noticed_without_a_publication(self, harness: Harness, path: Path) -> None:
        path.rename(path.with_name("moved"))
        await until(lambda: own(harness).unready() is not None)

    async def test_by_a_process_that_comes_while_others_are_there(self, harness: Harness, path: Path) -> None:
        await harness.publish("c")
        rows(path, f"VACUUM INTO '{path.with_name('copy')}'")
        await harness.publish("c")
        for name in ("app.db", "app.db-wal", "app.db-shm"):
            path.with_name(name).rename(path.with_name(f"old-{name}"))
        path.with_name("copy").rename(path)
        assert "was replaced while other processes have it open" in await refusal(path)


class TestFull:
    async def test_it_is_said_and_goes_on_when_there_is_room(self, harness: Harness, path: Path) -> None:
        await harness.publish("c")

        own(harness).store.chore(bound(1))  # which means: as many as there are
        large = b'"' + b"x" * 100_000 + b'"'
        with pytest.raises(BrokerError, match="the disk is full"):
            await harness.publish("c", large)
        assert "the disk is full" in (own(harness).unready() or "")
        own(harness).store.chore(bound(1_000_000))
        position = await harness.publish("c", large)
        assert position is not None
        assert position.offset == 2
        assert own(harness).unready() is None

    async def test_a_file_grows_to_its_bound_and_what_is_dropped_makes_room(self, path: Path) -> None:
        broker = SqliteBroker(path, max_mib=1)
        harness = Harness(broker, broker.presence)
        await harness.start()
        large = b'"' + b"x" * 100_000 + b'"'
        stored = 0
        with pytest.raises(BrokerError, match="it has its max_mib"):
            for _ in range(11):
                await harness.publish("c", large)
                stored += 1
        assert stored >= 5
        page = await harness.history("c")
        assert [p.offset for p in page.publications] == list(range(1, stored + 1))
        await broker.remove_history("c")

        async def has_room() -> bool:
            broker.expire(time.time())
            try:
                return await harness.publish("c", large) is not None
            except BrokerError:
                return False

        await until(has_room)
        await broker.close()
        assert path.stat().st_size <= 1024 * 1024

    async def test_readiness_comes_back_without_a_publication(self, harness: Harness) -> None:
        def fail(_: Any) -> list[Any]:
            raise OSError(errno.ENOSPC, "No space left on device")

        own(harness).store.chore(fail)
        await until(lambda: "the disk is full" in (own(harness).unready() or ""))
        await ready_again(harness)


class TestDamaged:
    async def test_what_cannot_be_read_is_said(self, path: Path) -> None:
        opened = store(path)
        await opened.start()
        for _ in range(200):
            await opened.publish("c", b'"' + b"x" * 1000 + b'"')
        await opened.broker.close()
        with path.open("r+b") as file:
            file.seek(10 * 4096)
            file.write(b"\xff" * (path.stat().st_size - 10 * 4096))
        again = store(path)
        try:
            await again.start()
            with pytest.raises(BrokerError, match="is damaged"):
                await again.history("c")
        except BrokerError as error:
            assert "is damaged" in str(error)
        finally:
            await again.broker.close()

    @pytest.mark.parametrize(
        ("error", "words", "lasting"),
        [
            (OSError(errno.ENOSPC, "No space left"), "the disk is full", False),
            (OSError(errno.EDQUOT, "Quota exceeded"), "a quota or a limit", False),
            (OSError(errno.EFBIG, "File too large"), "a quota or a limit", False),
            (OSError(errno.EACCES, "Permission denied"), "cannot be written", True),
            (FileNotFoundError(errno.ENOENT, "No such file"), "its directory must exist", True),
            (OSError(errno.EIO, "Input/output error"), "Input/output error", True),
            (sqlite3.OperationalError("something new"), "refused", True),
        ],
    )
    def test_every_failure_has_words(self, error: Exception, words: str, lasting: bool) -> None:
        explained = trouble.explain(Path("app.db"), error)
        assert words in str(explained)
        assert (explained.lasting, explained.__cause__) == (lasting, error)


class TestTheDiskFails:
    """The real process, the real file, and a system call that fails."""

    def run(self, path: Path, inject: str) -> list[str]:
        if not _can_trace():
            pytest.skip("needs strace, and the right to use it")
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={inject}", "-P"]
        command += [f"{path}-wal", sys.executable, str(WORKER), str(path), "w", "--count", "200"]
        done = subprocess.run(
            [*command, "--at-once", "4"], capture_output=True, text=True, timeout=DEADLINE * 3, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    async def check(self, path: Path, said: list[str]) -> None:
        """What was acknowledged is there, after the process was started again."""
        told = acknowledged([line for line in said if line.startswith("ack")])
        assert told
        again = store(path)
        await again.start()
        page = await again.history("c", OPTIONS)
        there = {(p.epoch, p.offset): p.payload for p in page.publications}
        assert told.items() <= there.items()
        assert [p.offset for p in page.publications] == list(range(1, page.top.offset + 1))
        await again.broker.close()

    async def test_after_a_failed_flush_nothing_is_written_any_more(self, path: Path) -> None:
        said = await asyncio.to_thread(self.run, path, "fdatasync:error=EIO:when=20")
        last = max(n for n, line in enumerate(said) if line.startswith("ack"))
        first = min(n for n, line in enumerate(said) if line.startswith("error"))
        assert first > last
        assert "start this process again" in said[first]
        assert said[-1].startswith("unready")
        await self.check(path, said)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("ENOSPC", "the disk is full"),
            *((name, "a quota or a limit") for name in ("EDQUOT", "EFBIG", "EIO")),
        ],
    )
    async def test_a_write_that_is_refused_fails_some_and_the_next_is_taken(
        self, path: Path, name: str, words: str
    ) -> None:
        said = await asyncio.to_thread(self.run, path, f"pwrite64:error={name}:when=100..110")
        kinds = [line.split(" ")[0] for line in said]
        assert kinds.count("error") >= 1
        assert words in said[kinds.index("error")]
        assert kinds[-1] == "ack"
        await self.check(path, said)

    def test_a_hub_that_may_write_no_more_goes_on_when_it_may(self, path: Path) -> None:
        def publish() -> str:
            return gapless("publish", "c", "1", "--url", url).stderr

        with serving("--store", f"sqlite:///{path}") as (url, hub):
            assert publish() == ""
            _, hard = resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (1, hard))
            assert publish() != ""
            assert "a limit on the size of files" in hub.until("cannot be written", "err")
            resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
            assert publish() == ""


async def test_what_takes_too_long_is_not_ready(harness: Harness) -> None:
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(_: Any) -> list[Any]:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(DEADLINE)
        return []

    own(harness).store.chore(hang)
    await until(lambda: "has not answered" in (own(harness).unready() or ""))
    gate.set()
    await settled(harness)
    await ready_again(harness)
