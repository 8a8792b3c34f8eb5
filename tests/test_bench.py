"""The benchmark harness counts what it says it counts: a short run of the bare loop, and its command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = 7

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="the benchmarks need Linux and two cores",
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of the harness, which is not part of the installed package."""
    monkeypatch.syspath_prepend(str(ROOT))
    names = ("child", "load", "machine", "message", "peers", "run")
    return SimpleNamespace(**{name: import_module(f"bench.{name}") for name in names})


def test_every_client_gets_every_publication_of_the_bare_loop(bench: Any) -> None:
    cpus = bench.machine.two_cores()
    with bench.child.ServerProcess(bench.peers.BARE, cpus[0]) as server:
        load = bench.load.Load()
        try:
            load.watch(server.fileno(), server.receive)
            run = bench.run.Run(server, load, cpus)
            run.connect(CLIENTS)
            one_at_a_time = run.flow(0.1, window=1)
            assert set(load.counts.values()) == {one_at_a_time.publications}
            pressure = run.flow(0.1, most=1000)
            assert set(load.counts.values()) == {pressure.publications}
            latency, paced = run.paced(200.0, 0.1)
        finally:
            load.close()
    for flow in (one_at_a_time, pressure, paced):
        assert flow.publications > 0
        assert flow.deliveries == flow.expected == flow.publications * CLIENTS
    assert 0 < latency.p50 <= latency.p99 <= latency.worst


def test_the_server_process_is_gone_after_its_context(bench: Any) -> None:
    with bench.child.ServerProcess(bench.peers.BARE, bench.machine.two_cores()[0]) as server:
        pid = server.pid
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()


def test_a_marker_that_is_split_between_reads_is_counted_once(bench: Any) -> None:
    frame = bench.message.text_frame(bench.message.payload(128))
    stream = frame * 3
    for size in range(1, len(frame)):
        load = bench.load.Load()
        load.counts[0] = 0
        for at in range(0, len(stream), size):
            part = stream[at : at + size]
            load._buffer[: len(part)] = part
            load._tally(0, len(part))
        load.close()
        assert load.total == 3, f"reads of {size} bytes"


def test_the_command_line_prints_a_table_and_writes_json_markdown_and_plots(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--peers", "bare", "--scenarios", "fan_out", "--rounds", "1"]
    command += ["--clients", str(CLIENTS), "--seconds", "0.1", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "bare send loop" in done.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    rates = {row["key"]: row["samples"]["bare"] for row in results["rows"]}
    assert rates[f"fan_out.{CLIENTS}.rate"][0] > 0
    assert (tmp_path / "results.md").read_text() == done.stdout.removesuffix("\n")
    assert {path.name for path in tmp_path.glob("*.svg")} == {"section-1.svg", "section-2.svg"}
