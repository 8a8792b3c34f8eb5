"""What a cloud stands on: processes that serve one hub, and can be killed and started again."""

from __future__ import annotations

import os
import queue
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import httpx

from ..support.commands import Running, started

START_SECONDS = 60.0
"""A process may take its time to start where many do."""

CONFIGURATION = """
[channels."*"]
history = 1000000
history_bytes = 268435456
"""


class Hubs(Protocol):
    """Processes that share a store. `urls` stay the same for as long as the cloud stands."""

    @property
    def urls(self) -> Sequence[str]: ...

    def start(self) -> None:
        """All of them; returns when they serve."""

    def end(self) -> None: ...


class Node:
    """A `gapless serve` on a port of its own. `within` is put before its command."""

    def __init__(
        self,
        store: str,
        directory: Path,
        *more: str,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
    ) -> None:
        configuration = directory / "gapless.toml"
        configuration.write_text(CONFIGURATION)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        self.url = f"http://{host}:{port}"
        self._within = within
        at = ("--port", str(port), "--config", str(configuration))
        self._arguments = ("serve", "--store", store, *at, *more)
        self._stack = ExitStack()
        self.running: Running | None = None

    def start(self) -> None:
        self.running = self._stack.enter_context(started(*self._arguments, within=self._within))
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.running.until("http://")
            except queue.Empty:
                assert time.monotonic() < deadline, "a node did not start"
            else:
                return

    def kill(self) -> None:
        """kill -9, wherever it is just now."""
        self._stack.close()
        self.running = None


class Nodes:
    """Several of them on one store, each at its own address."""

    def __init__(self, *nodes: Node) -> None:
        self.all = nodes

    @classmethod
    def on(cls, store: str, directory: Path, count: int) -> Nodes:
        return cls(*(Node(store, directory) for _ in range(count)))

    @property
    def urls(self) -> Sequence[str]:
        return [node.url for node in self.all]

    def start(self) -> None:
        for node in self.all:
            node.start()

    def end(self) -> None:
        for node in self.all:
            node.kill()


class Workers:
    """`gapless serve --workers N` on a file: processes that share a port as well."""

    def __init__(self, path: Path, count: int) -> None:
        self._node = Node(f"sqlite:///{path}", path.parent, "--workers", str(count))
        self._count = count
        self._killed: set[int] = set()

    @property
    def urls(self) -> Sequence[str]:
        return [self._node.url]

    def start(self) -> None:
        self._node.start()

    def end(self) -> None:
        self._node.kill()

    def kill_one(self, turn: int) -> None:
        """kill -9 of one that serves; returns when its watcher has said so."""
        living = self.living()
        victim = living[turn % len(living)]
        self._killed.add(victim)
        os.kill(victim, signal.SIGKILL)
        assert self._node.running is not None
        assert "by SIGKILL and is started again" in self._node.running.until("worker", "err")

    def living(self) -> list[int]:
        """The processes, once all of them are there."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            found = sorted({_process(node) for node in self.nodes()} - self._killed)
            if len(found) == self._count:
                return found
            assert time.monotonic() < deadline, f"workers {found} serve, of {self._count}"
            time.sleep(0.05)

    def nodes(self) -> list[dict[str, Any]]:
        """What each says of itself; a dead one until its last report is too old."""
        try:
            answer = httpx.post(f"{self._node.url}/api/info", json={}, trust_env=False, timeout=START_SECONDS)
        except httpx.TransportError:
            return []  # it came to the one that was killed just then
        nodes: list[dict[str, Any]] = answer.json()["result"]["nodes"]
        return nodes


def _process(node: dict[str, Any]) -> int:
    return int(node["name"].rpartition("_")[2])
