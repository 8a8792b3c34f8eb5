"""What the processes of one store say to each other, where their sockets fill and where one is gone."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gapless import Limits
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.brokers.sqlite.nodes import LARGEST, SqliteNodes

from ...support.until import until
from ..harness import Recorder

pytestmark = pytest.mark.anyio


class Process:
    """One that is in the store under a name of the test's, and what it hears."""

    def __init__(self, nodes: SqliteNodes, directory: Path) -> None:
        self.nodes = nodes
        self.directory = directory
        self.heard: list[bytes] = []


@pytest.fixture
async def processes(tmp_path: Path, anyio_backend: str) -> AsyncIterator[list[Process]]:
    brokers = [SqliteBroker(tmp_path / "a.db", Limits()) for _ in range(3)]
    made: list[Process] = []
    for broker, name in zip(brokers, ("one", "two", "three"), strict=True):
        await broker.start(Recorder())
        assert broker.store.directory is not None
        process = Process(broker.nodes, broker.store.directory)
        await process.nodes.enter(name, process.heard.append)
        made.append(process)
    yield made
    for broker in brokers:
        await broker.close()


async def test_more_than_a_socket_holds_arrives_in_order(processes: list[Process]) -> None:
    one, two, three = processes
    said = [str(n).encode() for n in range(500)]
    for message in said:
        one.nodes.tell(message)
    for message in said:
        two.nodes.tell(message, "three")
    await until(lambda: len(three.heard) == 1000)
    await until(lambda: len(two.heard) == 500)
    assert one.heard == two.heard == said, "to all, and so to itself"
    assert sorted(three.heard) == sorted(said * 2)


async def test_a_message_of_the_largest_size_arrives_and_a_larger_one_is_said(
    processes: list[Process], caplog: pytest.LogCaptureFixture
) -> None:
    one, two, _ = processes
    one.nodes.tell(b"x" * LARGEST, "two")
    one.nodes.tell(b"x" * (LARGEST + 1), "two")
    one.nodes.tell(b"the end", "two")
    await until(lambda: b"the end" in two.heard)
    assert [len(message) for message in two.heard] == [LARGEST, len(b"the end")]
    assert f"not told {LARGEST + 1} bytes" in caplog.text


async def test_what_a_process_that_was_killed_left_behind_is_taken_away(processes: list[Process]) -> None:
    one, two, _ = processes
    left = one.directory / "talk-killed"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(str(left))
    one.nodes.tell(b"anybody there?")
    await until(lambda: two.heard)
    assert not left.exists()


async def test_who_parts_is_told_nothing_and_leaves_no_socket(processes: list[Process]) -> None:
    one, two, three = processes
    await two.nodes.part("two")
    one.nodes.tell(b"who is left?")
    await until(lambda: three.heard)
    assert two.heard == []
    assert sorted(path.name for path in one.directory.glob("talk-*")) == ["talk-one", "talk-three"]
    assert "two" not in await one.nodes.meet("one", b"{}", 10.0)
