"""The benchmark harness counts what it says it counts: a short run of the bare loop, and its command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.sync.client import connect

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
    names = ("child", "load", "machine", "message", "opening", "peers", "run", "scenarios")
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


@pytest.mark.parametrize("name", ["HUB_FAST", "HUB_CENTRIFUGE"])
def test_every_client_gets_every_publication_by_each_door_of_the_hub_and_after_a_cut_what_it_missed(
    bench: Any, name: str
) -> None:
    cpus = bench.machine.two_cores()
    with bench.child.ServerProcess(getattr(bench.peers, name), cpus[0], history=100) as server:
        load = bench.load.Load()
        try:
            load.watch(server.fileno(), server.receive)
            run = bench.run.Run(server, load, cpus)
            run.connect(CLIENTS)
            flow = run.flow(0.1, window=1)
            assert flow.publications > 0
            assert set(load.counts.values()) == {flow.publications}
            load.cut()
            position = server.ask("burst", count=20, size=128)["position"]
            _, recovered = run.reconnect(CLIENTS, position, 20)
            assert list(load.counts.values()) == [20] * CLIENTS
            assert 0 < recovered < bench.run.STALLED
        finally:
            load.close()


def test_each_client_of_the_centrifuge_door_is_in_its_own_channel(bench: Any) -> None:
    cpus = bench.machine.two_cores()
    with bench.child.ServerProcess(bench.peers.HUB_CENTRIFUGE, cpus[0]) as server:
        load = bench.load.Load()
        try:
            load.watch(server.fileno(), server.receive)
            run = bench.run.Run(server, load, cpus)
            run.connect(CLIENTS, channels=CLIENTS)
            run.flow(5.0, channels=CLIENTS, most=CLIENTS - 2)
            assert sorted(load.counts.values()) == [0, 0] + [1] * (CLIENTS - 2)
        finally:
            load.close()


def test_no_client_of_the_centrifuge_door_is_pinged_while_it_is_measured(bench: Any) -> None:
    with bench.child.ServerProcess(bench.peers.HUB_CENTRIFUGE, bench.machine.two_cores()[0]) as server:
        door = server.door.to("bench")
        with connect(f"ws://127.0.0.1:{server.port}{door.path}") as client:
            client.send(door.words[0])
            reply = json.loads(str(client.recv(timeout=10)).partition("\n")[0])
    # The first ping comes after half of it at the earliest.
    assert reply["connect"]["ping"] / 2 > bench.scenarios.Scale().seconds * 100


def test_a_door_is_filled_in_for_a_channel_and_a_position_and_leaves_other_braces_alone(bench: Any) -> None:
    door = bench.opening.Door(
        "/in?{channel}",
        words=('{"a":{},"to":"{channel}"}',),
        ready="ok",
        resume="/back?{channel}@{epoch}:{offset}",
        resume_words=('{"from":{offset},"of":"{epoch}"}',),
    )
    assert door.to("x") == bench.opening.Door("/in?x", ('{"a":{},"to":"x"}',), "ok")
    assert door.back_to("x", "e:7") == bench.opening.Door("/back?x@e:7", ('{"from":7,"of":"e"}',), "ok")
    assert bench.opening.Door.from_json(json.loads(json.dumps(asdict(door)))) == door


def test_another_websocket_class_leaves_the_door_of_a_peer_as_it_is(bench: Any) -> None:
    peer = bench.peers.with_ws(bench.peers.HUB_CENTRIFUGE, "nowhere:Class")
    assert peer.arguments == {"ws": "nowhere:Class", "door": "centrifuge"}
    assert bench.peers.missing(peer) == "not measured, nowhere:Class does not exist here"
    assert bench.peers.missing(bench.peers.HUB_CENTRIFUGE) is None


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
