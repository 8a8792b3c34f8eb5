"""`gapless run`: a program, and what it writes → publications."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from enum import StrEnum
from types import FrameType
from typing import IO, Annotated

import typer

from ..client.backoff import Backoff
from ..client.outgoing import Entry, Overflow
from ..client.publisher import Publisher
from ..logging.record import iso
from ..protocol.encode import encode
from .feeding import Join, Signals, feed
from .pipe import CHUNK_BYTES, Copy, Pipe
from .terminal import DEFAULT_URL, Token, Url, hub_at, say

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
HANGING_UP = (signal.SIGHUP, signal.SIGQUIT)
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes, as shells have them."""
LINGER_SECONDS = 0.5
"""After the end of the program, for what its children still write."""


class Restart(StrEnum):
    """When the program is started again."""

    NEVER = "never"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"


def run(
    command: Annotated[
        list[str], typer.Argument(metavar="-- COMMAND...", help="The program and its arguments.")
    ],
    channel: Annotated[str, typer.Option("-c", "--channel", help="The channel for its lines.")] = "logs",
    events: Annotated[str, typer.Option(help="The channel for its start and its end.")] = "events",
    restart: Annotated[Restart, typer.Option(help="Start it again when it ended.")] = Restart.NEVER,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not pass its output on.")] = False,
    join: Join = True,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Run a program and publish every line that it writes: gapless run -c app -- python worker.py.

    Each row says in `stream` where it was written, stdout or stderr, and both are passed on. Signals go to
    the program, and its exit code is this one's, so that it can be the entry point of a container.
    """
    remote = hub_at(url, token)

    def work(publisher: Publisher, signals: Signals) -> int:
        runner = Runner(publisher, command, channel, events, quiet=quiet, join=join, signals=signals)
        return runner.run(restart)

    raise typer.Exit(feed(remote, Overflow.BLOCK_WHILE_UP, work))


class Runner:
    """Starts one program, as often as it is wanted, and publishes what it writes."""

    def __init__(
        self,
        publisher: Publisher,
        command: Sequence[str],
        channel: str,
        events: str,
        *,
        quiet: bool,
        join: bool,
        signals: Signals,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self._signals = signals
        self._publisher = publisher
        self._command = list(command)
        self._channel = channel
        self._events = events
        self._quiet = quiet
        self._join = join
        self._linger_seconds = linger_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._came: deque[int] = deque()
        """That came, and were not passed on yet."""
        self._ended_by = 0
        self._woken, self._wake = os.pipe()

    def run(self, restart: Restart) -> int:
        """Run it until it is not to be started again. Gives its exit code."""
        backoff = Backoff(first=0.5, longest=30.0)
        before = {number: signal.signal(number, self._hear) for number in PASSED_ON}
        try:
            with self._signals.may_end():
                pass  # one that came before it was listened to here
            while True:
                begun = time.monotonic()
                code = self._once()
                again = restart is Restart.ALWAYS or (restart is Restart.ON_FAILURE and code != 0)
                if not again or self._ended_by or code in (NOT_FOUND, NOT_EXECUTABLE):
                    return code
                if time.monotonic() - begun > 10.0:
                    backoff.reset()
                delay = backoff.next()
                say(f"{self._command[0]} ended with {code}; it is started again in {delay:.1f} s")
                if not self._pause(delay):
                    return 128 + self._ended_by
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._woken)
            os.close(self._wake)

    def _pause(self, seconds: float) -> bool:
        """Between two runs. False: a signal asked for the end."""
        select.select([self._woken], [], [], seconds)
        return not self._ended_by

    def _once(self) -> int:
        """Run it once. Gives its exit code, as shells have it."""
        begun = time.monotonic()
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is what was asked for
                self._command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env={"PYTHONUNBUFFERED": "1", **os.environ},
            )
        except OSError as error:
            say(f"{self._command[0]}: {error.strerror}")
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        with process:
            self._process = process
            self._pass_on()  # what came while it was started
            self._say("process_started", pid=process.pid)
            self._read(process)
            status = process.wait()
            self._process = None
        code = status if status >= 0 else 128 - status
        seconds = round(time.monotonic() - begun, 3)
        named = {"signal": signal.Signals(-status).name} if status < 0 else {}
        self._say("process_exited", pid=process.pid, code=code, seconds=seconds, **named)
        return code

    def _hear(self, number: int, frame: FrameType | None) -> None:
        """It is the program's, also if it comes while that is started; between two runs it ends us."""
        if number in (signal.SIGINT, signal.SIGTERM) or (self._process is None and number in HANGING_UP):
            self._ended_by = number
            os.write(self._wake, b"!")
        self._came.append(number)
        self._pass_on()

    def _pass_on(self) -> None:
        process = self._process
        while process is not None:
            try:
                number = self._came.popleft()
            except IndexError:
                return
            # Ctrl-C of a terminal has reached the program already, as all of the same group.
            if process.poll() is None and not (number == signal.SIGINT and sys.stdin.isatty()):
                process.send_signal(number)

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        open_ = {
            stream.fileno(): (Pipe(self._join, {"stream": name}), Copy(None if self._quiet else to))
            for stream, name, to in _streams(process)
        }
        ended_at: float | None = None
        while open_:
            if ended_at is None and process.poll() is not None:
                ended_at = time.monotonic()
            last = ended_at is not None and time.monotonic() - ended_at >= self._linger_seconds
            patience = min(one.patience or LINGER_SECONDS for one, _ in open_.values())
            # The last time, too: what it wrote may be there still, if the hub took its time.
            ready = select.select([*open_], [], [], 0 if last else patience)[0]
            if not ready:
                for one, _ in open_.values():
                    self._publish(one.quiet())
            for descriptor in ready:
                one, copy = open_[descriptor]
                chunk = os.read(descriptor, CHUNK_BYTES)
                if not chunk:
                    self._publish(one.end())
                    del open_[descriptor]
                    continue
                copy.give(chunk)
                copy.write_all()
                self._publish(one.feed(chunk))
            if last:
                break
        for one, _ in open_.values():
            self._publish(one.end())

    def _publish(self, rows: list[Entry]) -> None:
        if rows:
            self._publisher.put(self._channel, rows)

    def _say(self, kind: str, **data: object) -> None:
        body = {"type": kind, "time": iso(time.time()), "data": {"command": self._command, **data}}
        self._publisher.put(self._events, [(encode(body), None)])


def _streams(process: subprocess.Popen[bytes]) -> Iterator[tuple[IO[bytes], str, int]]:
    for stream, name, to in ((process.stdout, "stdout", sys.stdout), (process.stderr, "stderr", sys.stderr)):
        if stream is not None:
            yield stream, name, to.fileno()
