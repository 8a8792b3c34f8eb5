"""Several processes that serve one port: started together, started again when one ends, ended together.

On Linux each has a listening socket of its own, over which the system spreads connections; when a
process ends, its socket goes with it, and new connections come to the others at once. Elsewhere
all share one socket.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from ..errors import ConfigError
from .listening import listen

_READY = b"ready\n"
"""What a worker writes into the pipe that it was given, once it serves."""

END_SECONDS = 5.0
"""For a worker to drain and end; then it is killed. It ends itself after three in any case."""

SHORT_LIFE_SECONDS = 5.0
"""A worker that ended sooner is started again only after a pause, which doubles each time."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class Port:
    """The port that they share: taken from now on, and listened at by whoever gets sockets of it.

    Raises:
        ConfigError: no such host, the port is taken or not allowed.
    """

    def __init__(self, host: str, port: int) -> None:
        # Sockets that may share a port would share it with another server as well, and nobody
        # would be told. So it is taken alone to begin with.
        alone = listen(host, port)
        self._host = host
        self.number = int(alone[0].getsockname()[1])
        self._kept = alone
        self._spread = sys.platform == "linux"
        if self._spread:
            for bound in alone:
                bound.close()
            self._kept = listen(host, self.number, shared=True, backlog=None)  # nothing comes to these

    def sockets(self) -> list[socket.socket]:
        """What one worker listens at once it serves. Close them when it has inherited them."""
        if self._spread:
            # Not before: what came meanwhile would wait for it, though others could serve it.
            return listen(self._host, self.number, shared=True, backlog=None)
        return [bound.dup() for bound in self._kept]

    def close(self) -> None:
        """Give it up."""
        for bound in self._kept:
            bound.close()


class Workers:
    """Keeps so many processes on one port. Runs in the main thread.

    `command` gives the command line of a worker that inherits these descriptors: its sockets, and behind
    them the pipe in which it says that it serves (see `inherited`). It ends when its stdin does: nobody
    is left behind, however this process ends. `say` tells the operator, `started` is called once all
    serve. `changes` waits for a change of what they run and says which: then they end and are started
    anew; and one that cannot start waits for the next change.
    """

    def __init__(
        self,
        command: Callable[[Sequence[int]], Sequence[str]],
        port: Port,
        count: int,
        *,
        say: Callable[[str], None],
        started: Callable[[], None],
        changes: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self._command = command
        self._port = port
        self._count = count
        self._say = say
        self._when_started = started
        self._changes = changes
        self._changed = asyncio.Event()
        self._processes: dict[int, Process] = {}
        self._ended_by: signal.Signals | None = None

    def run(self) -> signal.Signals:
        """Until a signal asks for the end; which one.

        Raises:
            ConfigError: a worker did not start; it has said why.
        """
        return asyncio.run(self._run())

    def serve(self) -> None:
        """As `run`; then this process ends by the same signal, Ctrl-C as a KeyboardInterrupt."""
        ended_by = self.run()
        if ended_by is signal.SIGINT:
            raise KeyboardInterrupt
        signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)

    async def _run(self) -> signal.Signals:
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def end(number: signal.Signals) -> None:
            if self._ended_by is not None:
                self._signal(signal.SIGKILL)  # asked twice
            self._ended_by = number
            asked.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as after `nohup`
                loop.add_signal_handler(number, end, number)
        keepers: list[asyncio.Task[None]] = []
        try:
            processes = await asyncio.gather(*(self._start(at) for at in range(self._count)))
            if all(process.returncode is None for process in processes):
                keepers += (loop.create_task(self._keep(at, process)) for at, process in enumerate(processes))
                if self._changes is not None:
                    keepers.append(loop.create_task(self._watch(self._changes)))
                self._when_started()
                await asked.wait()
        finally:
            await self._end(keepers)
        if self._ended_by is None:
            raise ConfigError("a worker did not start; what it said stands above")
        return self._ended_by

    async def _start(self, at: int) -> Process:
        """Start a worker and wait until it serves, or has ended instead."""
        sockets = self._port.sockets()
        reading, writing = os.pipe()
        descriptors = [*(bound.fileno() for bound in sockets), writing]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(descriptors),
                stdin=PIPE,
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C is for this process, which then ends those
            )
        finally:
            os.close(writing)
            for bound in sockets:
                bound.close()
        self._processes[at] = process
        if await _said(reading) != _READY:
            await process.wait()
        return process

    async def _keep(self, at: int, process: Process) -> None:
        """Start the worker again whenever it ends by itself."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            began = loop.time()
            ended = "ended" if process.returncode is None else "did not start, it ended"
            code = await process.wait()
            if self._ended_by is not None:
                return
            if self._changes is not None:
                if not self._changed.is_set():
                    self._say(f"worker {at + 1} {ended} {_how(code)}; it is started again after a change")
                await self._changed.wait()
                self._changed.clear()
                process = await self._start(at)
                continue
            self._say(f"worker {at + 1} {ended} {_how(code)} and is started again")
            if loop.time() - began < SHORT_LIFE_SECONDS:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE
            process = await self._start(at)

    async def _watch(self, changes: Callable[[], Awaitable[str]]) -> None:
        """Have it end after each change; who keeps it starts it again."""
        while True:
            self._say(f"{await changes()} has changed: starting again")
            self._changed.set()
            self._signal(signal.SIGTERM)

    async def _end(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """Have all of them drain at the same time, and wait for them."""
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        self._signal(signal.SIGTERM)
        waiting = [asyncio.ensure_future(process.wait()) for process in self._processes.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=END_SECONDS)
            if late:
                self._signal(signal.SIGKILL)
                await asyncio.wait(late)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(number)


async def _said(reading: int) -> bytes:
    """The first line in a pipe, or what there is of one when nobody can write any more."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
    )
    try:
        return await reader.readline()
    finally:
        transport.close()


class Inherited(NamedTuple):
    """What a worker was given."""

    sockets: list[socket.socket]
    pipe: int

    def serves(self) -> None:
        """Say that it does."""
        os.write(self.pipe, _READY)
        os.close(self.pipe)


def worker_with(*arguments: str) -> Callable[[Sequence[int]], list[str]]:
    """The command lines of workers: this program with these arguments, and what each inherits."""

    def command(descriptors: Sequence[int]) -> list[str]:
        numbers = ",".join(map(str, descriptors))
        return [sys.executable, "-m", "gapless", *arguments, "--inherit", numbers, "--exit-with-stdin"]

    return command


def inherited(descriptors: str) -> Inherited:
    """In a worker: its sockets and its pipe, by their numbers, as in `5,6,7`."""
    *sockets, pipe = map(int, descriptors.split(","))
    found = [socket.socket(fileno=number) for number in sockets]
    for bound in found:
        bound.setblocking(False)
    return Inherited(found, pipe)


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
