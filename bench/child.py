"""A server in its own process: started, spoken to in JSON lines, and ended whatever happens."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .opening import Door

_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 30.0
_QUIT_SECONDS = 3.0


class ServerFailed(Exception):
    """A server process did not start, ended, or answered with an error."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One thing that is measured: a module of `bench.servers` with its arguments."""

    name: str
    label: str
    module: str
    arguments: Mapping[str, object]


class ServerProcess:
    """One running server, as a context manager.

    Commands go out as one JSON line (`send`), each is answered by one (`reply`, None until it is
    there; call `receive` when `fileno` can be read). `credit` tells its publisher that
    publications have arrived everywhere.

    The process leads a session of its own: Ctrl-C reaches only the parent, which then ends the
    whole group by its id, and a server whose parent is gone reads the end of its control channel
    and leaves.
    """

    def __init__(self, peer: Peer, cpu: int, **options: object) -> None:
        self._control, control = socket.socketpair()
        self._credit, credit = socket.socketpair()
        settings = dict(peer.arguments) | options
        settings |= {"control": control.fileno(), "credit": credit.fileno(), "cpu": cpu}
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"bench.servers.{peer.module}", json.dumps(settings)],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=(control.fileno(), credit.fileno()),
            start_new_session=True,
        )
        control.close()
        credit.close()
        self._peer = peer
        self._pending = b""
        self._replies: list[dict[str, Any]] = []

    def __enter__(self) -> ServerProcess:
        try:
            self._control.settimeout(_START_SECONDS)
            hello = self.wait()
        except BaseException:
            self.stop()
            raise
        self.port = int(hello["port"])
        self.pid = int(hello["pid"])
        """The process to measure, which may be a child of the one that listens to commands."""
        self.bounded = bool(hello["bounded"])
        """Is its publisher held back by clients that are slower? If not, only credits can do that."""
        self.door = Door.from_json(hello["door"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def fileno(self) -> int:
        """What to watch for replies."""
        return self._control.fileno()

    def send(self, do: str, **arguments: object) -> None:
        """Give a command."""
        self._control.sendall(json.dumps({"do": do} | arguments).encode() + b"\n")

    def receive(self) -> None:
        """Take what has come. Raises ServerFailed when the server is gone."""
        data = self._control.recv(65536)
        if not data:
            raise ServerFailed(f"{self._peer.label} ended unexpectedly (exit code {self._process.poll()})")
        *lines, self._pending = (self._pending + data).split(b"\n")
        self._replies.extend(map(json.loads, lines))

    def answered(self) -> bool:
        """Is there a reply to take?"""
        return bool(self._replies)

    def reply(self) -> dict[str, Any]:
        """The oldest reply. Raises ServerFailed when it is an error."""
        reply = self._replies.pop(0)
        if "error" in reply:
            raise ServerFailed(f"{self._peer.label}: {reply['error']}")
        return reply

    def wait(self) -> dict[str, Any]:
        """Wait for a reply while nothing else goes on. Raises ServerFailed when none comes."""
        while not self._replies:
            try:
                self.receive()
            except TimeoutError:
                raise ServerFailed(f"{self._peer.label} did not answer in time") from None
        return self.reply()

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Give a command and wait for its reply."""
        self.send(do, **arguments)
        return self.wait()

    def credit(self, publications: int) -> None:
        """Let the publisher go on: so many have arrived everywhere."""
        self._credit.send(bytes(publications))

    def stop(self) -> None:
        """End the server and whatever it started; returns when they are gone."""
        try:
            self.send("quit")
            self._process.wait(_QUIT_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            pass  # gone already, or deaf: the group is ended below in any case
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the usual case: it has ended with all its children
        self._process.wait()
        self._control.close()
        self._credit.close()


def wait_for(condition: Callable[[], bool], seconds: float, step: float = 0.02) -> bool:
    """Ask `condition()` until it holds, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True
