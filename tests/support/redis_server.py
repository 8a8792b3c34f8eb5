"""Real servers for tests: redis-server alone, as a cluster, or watched by sentinels.

Each listens on loopback unless it is told otherwise, on a port that was free, in a directory of its
own, and ends with the test that made it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Self

DEADLINE = 40.0
"""Seconds that a server may take to do what it was told."""


class RedisServer:
    """A redis-server process that can be ended in every way there is, and started again."""

    def __init__(
        self,
        directory: Path,
        *options: str,
        program: str = "redis-server",
        configuration: Path | None = None,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.host = host
        self.port = free_port()
        self._within = within
        self._program, self._options, self._configuration = program, options, configuration
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}"

    def start(self) -> Self:
        command = [
            *self._within,
            self._program,
            *([] if self._configuration is None else [str(self._configuration)]),
            *("--port", str(self.port), "--bind", self.host, "--dir", str(self.directory)),
            *("--daemonize", "no", "--logfile", str(self.directory / "log")),
            *([] if self._configuration is not None or "--save" in self._options else ["--save", ""]),
            *self._options,
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        eventually(lambda: self._answers(), f"{self._program} on port {self.port} to answer")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            log = self.directory / "log"
            raise AssertionError(f"{self._program} ended: {log.read_text()[-2000:] if log.exists() else ''}")
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def ask(self, *command: str, timeout: float = 5.0) -> str:
        """One command on a connection of its own; its answer, lines joined, errors as they come."""
        with socket.create_connection((self.host, self.port), timeout=timeout) as connection:
            parts = [part.encode() for part in command]
            words = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
            connection.sendall(b"*%d\r\n" % len(parts) + words)
            with connection.makefile("rb") as answer:
                return _read(answer)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """At once, as a power cut does to a process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """As an administrator does: it saves what it is told to save."""
        if self._process is not None:
            self._signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _read(answer: BinaryIO) -> str:
    line = answer.readline()
    if not line:
        raise ConnectionError("no answer")
    kind, rest = line[:1], line[1:].strip().decode()
    if kind == b"$":
        if rest == "-1":
            return ""
        text = answer.read(int(rest) + 2)[:-2]
        return str(text, "utf-8", "replace")
    if kind == b"*":
        return "\n".join(_read(answer) for _ in range(int(rest)))
    return rest


def free_port() -> int:
    """A port that is free now, as is the one ten thousand above, which a cluster's node takes as well."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 10_000))
            except (OSError, OverflowError):
                continue
            return port


def eventually(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} seconds for {what}")
        time.sleep(0.02)


def cluster(
    directory: Path, nodes: int = 3, replicas: int = 0, program: str = "redis-server"
) -> list[RedisServer]:
    """So many primaries that share the slots, each with so many replicas behind it in the list."""
    servers = [
        RedisServer(
            directory / str(number),
            *(
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--cluster-announce-ip",
                "127.0.0.1",
            ),
            *("--repl-diskless-sync-delay", "0"),
            program=program,
        ).start()
        for number in range(nodes * (1 + replicas))
    ]
    primaries, others = servers[:nodes], servers[nodes:]
    for number, server in enumerate(primaries):
        first, last = 16384 * number // nodes, 16384 * (number + 1) // nodes - 1
        server.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        server.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
    for server in servers[1:]:
        server.ask("CLUSTER", "MEET", "127.0.0.1", str(servers[0].port))
    eventually(
        lambda: all(_knows(server, len(servers)) for server in servers), "all nodes to know each other"
    )
    for number, server in enumerate(others):
        primary = primaries[number % nodes].ask("CLUSTER", "MYID")
        eventually(lambda: server.ask("CLUSTER", "REPLICATE", primary) == "OK", "a replica")  # noqa: B023
    eventually(
        lambda: all("cluster_state:ok" in s.ask("CLUSTER", "INFO") for s in servers),
        "the cluster to be whole",
    )
    for server in others:
        eventually(lambda: "master_link_status:up" in server.ask("INFO", "replication"), "its copy")  # noqa: B023
    return servers


def _knows(server: RedisServer, count: int) -> bool:
    nodes = server.ask("CLUSTER", "NODES").splitlines()
    return len(nodes) == count and not any("handshake" in node for node in nodes)


def has(program: str) -> bool:
    """Is it installed? In CI it has to be, where Debian has it."""
    found = shutil.which(program) is not None
    if not found and os.environ.get("CI") and program == "redis-server":
        raise AssertionError("redis-server is missing, and CI is to test with it")
    return found
