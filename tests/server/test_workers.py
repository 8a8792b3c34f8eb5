"""Several processes on one port: refused where they share nothing, started again, ended together."""

from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gapless.server.workers import Port, Workers

from ..support.commands import Running, gapless, serving, started
from ..support.until import DEADLINE


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    # A connection for each request: with several workers, each may come to another.
    with httpx.Client(trust_env=False, timeout=DEADLINE, headers={"connection": "close"}) as client:
        yield client


def ask(api: httpx.Client, url: str, method: str, **said: Any) -> Any:
    answer = api.post(f"{url}/api/{method}", json=said).json()
    assert set(answer) == {"result"}, answer
    return answer["result"]


@contextmanager
def two_workers(store: str) -> Iterator[tuple[str, Running]]:
    """A hub of two workers, and where it is."""
    with started("serve", "--port", "0", "--store", store, "--workers", "2") as running:
        for patience in (2, 1, 0):  # three interpreters start, and the machine may be busy
            try:
                url = running.until("http://").strip().rstrip("/")
                break
            except queue.Empty:
                if not patience:
                    raise
        yield url, running


def test_memory_cannot_be_shared() -> None:
    ended = gapless("serve", "--workers", "2")
    assert ended.returncode == 1
    said = "gapless: 2 workers need a store that they share: --store sqlite:///gapless.db\n"
    assert (ended.stdout, ended.stderr) == ("", said)


def test_what_is_wrong_is_said_once(store: str) -> None:
    missing = store.replace("app.db", "none/app.db")
    ended = gapless("serve", "--port", "0", "--workers", "3", "--store", missing)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "is no directory" in line


def test_a_taken_port_is_said(store: str) -> None:
    with serving("--store", store) as (url, _):
        port = url.rpartition(":")[2]
        ended = gapless("serve", "--port", port, "--workers", "2", "--store", f"{store}2")
        assert ended.returncode == 1
        assert "is taken" in ended.stderr


def test_all_serve_one_crashes_and_all_end(store: str, api: httpx.Client) -> None:
    with two_workers(store) as (url, running):
        before = nodes(api, url, 2)
        offsets = [ask(api, url, "publish", channel="logs", data=n)["offset"] for n in range(20)]
        assert offsets == list(range(1, 21))
        assert [p["data"] for p in history(api, url)] == list(range(20))
        worker = int(next(iter(before.values()))["name"].rpartition("_")[2])
        os.kill(worker, signal.SIGKILL)
        assert "by SIGKILL and is started again" in running.until("worker", "err")
        after = nodes(api, url, 3)  # the dead one is shown until its last report is too old
        assert len(after.keys() - before.keys()) == 1
        assert ask(api, url, "publish", channel="logs", data=20)["offset"] == 21
        children = [int(node["name"].rpartition("_")[2]) for node in after.values()]
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(DEADLINE)
        assert running.process.returncode == -signal.SIGTERM
        for child in children:
            with pytest.raises(ProcessLookupError):
                os.kill(child, 0)


def test_one_that_dies_before_it_serves_is_said_and_started_again(tmp_path: Path) -> None:
    """As where memory runs out: each new one may end like this, and nobody would know why."""
    said: list[str] = []
    lives = tmp_path / "lives"
    # The first life serves until it is killed, the second dies before that, the third goes on.
    program = (
        "import os, pathlib, sys\n"
        f"lives = pathlib.Path({str(lives)!r})\n"
        "with lives.open('a') as file: file.write(f'{os.getpid()}\\n')\n"
        "if len(lives.read_text().split()) == 2: os.kill(os.getpid(), 9)\n"
        "os.write(int(sys.argv[1]), b'ready\\n')\n"
        "sys.stdin.read()\n"
    )

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with closing(Port("127.0.0.1", 0)) as port:
        workers = Workers(
            lambda descriptors: [sys.executable, "-c", program, str(descriptors[-1])],  # its pipe
            port,
            1,
            say=say,
            started=lambda: os.kill(int(lives.read_text()), signal.SIGKILL),
        )
        assert workers.run() is signal.SIGTERM
    assert said == [
        "worker 1 ended by SIGKILL and is started again",
        "worker 1 did not start, it ended by SIGKILL and is started again",
    ]


def test_nobody_is_left_behind_when_the_watcher_is_killed(store: str, api: httpx.Client) -> None:
    with two_workers(store) as (url, running):
        children = [int(node["name"].rpartition("_")[2]) for node in nodes(api, url, 2).values()]
        running.process.kill()
        running.process.wait()
        deadline = time.monotonic() + DEADLINE
        while any(map(is_alive, children)):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_metrics_of_one_are_those_of_all(store: str, api: httpx.Client) -> None:
    with two_workers(store) as (url, _):
        names = {node["name"] for node in nodes(api, url, 2).values()}
        for number in range(30):
            ask(api, url, "publish", channel="logs", data=number)
        for _ in range(8):  # whichever of them is asked
            found = measured(api, url, "gapless_published_total")
            assert set(found) == names
            assert sum(found.values()) == 30
        assert all(found.values()), "each of them has published some"


def measured(api: httpx.Client, url: str, name: str) -> dict[str, float]:
    """A counter, by worker."""
    families = text_string_to_metric_families(api.get(f"{url}/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {sample.labels["worker"]: sample.value for sample in samples}


def nodes(api: httpx.Client, url: str, count: int) -> dict[str, Any]:
    """The processes, by their uid, as soon as there are so many."""
    deadline = time.monotonic() + DEADLINE
    seen: dict[str, Any] = {}
    while len(seen) < count:
        assert time.monotonic() < deadline, seen
        seen |= {node["uid"]: node for node in ask(api, url, "info")["nodes"]}
        time.sleep(0.05)
    return seen


def history(api: httpx.Client, url: str) -> list[Any]:
    found: list[Any] = ask(api, url, "history", channel="logs", limit=-1)["publications"]
    return found


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
