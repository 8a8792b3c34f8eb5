"""The life of a hub on one event loop: from its first `start` to its last `close`, or to a signal."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from asyncio import _get_running_loop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from ..errors import Disconnect, NotRunning
from .node import Node

Handler = Callable[[int, FrameType | None], object]


class Lifecycle:
    """Starts and stops a node, one change at a time.

    It runs while the intake of its publications is open. What each verb promises is written at
    the one of `Hub`.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._intake = node.intake
        self._changing: asyncio.Future[None] | None = None
        self._uses = 0
        self._started_at = 0.0
        self.was_started = False
        """Has it ever been started? What was closed is not to be woken up again."""
        self._draining = False

    @property
    def uptime_seconds(self) -> float:
        """Since the last start; 0 while it does not run."""
        return time.monotonic() - self._started_at if self._intake.loop is not None else 0.0

    def unready(self) -> str | None:
        """Why nothing can be taken just now; None when it can."""
        if self._intake.loop is None:
            return "the hub is not running"
        return "the hub is shutting down" if self._draining else None

    async def start(self) -> None:
        """Start the node, or count one more use of it. Raises BrokerError or NotRunning."""
        loop = asyncio.get_running_loop()
        while (changing := self._changing) is not None and changing.get_loop() is loop:
            await asyncio.shield(changing)  # somebody else starts or closes it just now
        if changing is not None or self._intake.loop not in (None, loop):
            raise NotRunning("the hub runs on another event loop already; make one hub per loop")
        if self._intake.loop is not None:
            self._uses += 1
            return
        with self._change(loop):
            await self._node.start()
            self.was_started = True
            self._intake.open()
            self._started_at = time.monotonic()
            self._uses = 1
            self._draining = False

    async def close(self) -> None:
        """Count one use less; after the last one drain, and stop the node."""
        self._uses -= 1
        if self._uses != 0 or self._intake.loop is None:
            return
        with self._change(self._intake.loop):
            self.drain()
            try:
                await self._node.farewell()
            finally:
                self._intake.close()
                await self._node.close()

    @contextmanager
    def _change(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        changing = self._changing = loop.create_future()
        try:
            yield
        finally:
            self._changing = None
            changing.set_result(None)

    def drain(self) -> None:
        """Close every session with 3001: now on this loop, and from another thread in its next turn."""
        if self._intake.loop not in (None, _get_running_loop()):
            self.drain_soon()
            return
        self._draining = True
        for session in self._node.roster:
            session.close(Disconnect(3001))

    def drain_soon(self, then: Callable[[], object] | None = None) -> None:
        """`drain` in the next turn of the loop, from any thread and from within a signal handler.

        `then` is called in the turn after it, when every goodbye that the sockets have room for is
        written; at once where no loop runs that could say one.
        """
        loop = self._intake.loop
        if loop is None or not loop.is_running():
            if then is not None:
                then()
            return
        loop.call_soon_threadsafe(self.drain)
        if then is not None:
            # Writers send in a task of their own: those begin in the turn after `drain`, this behind them.
            loop.call_soon_threadsafe(loop.call_soon, then)


class Signals:
    """Between `begin` and `end`, SIGINT and SIGTERM call `drain` before they do what they did.

    Servers wait for open responses before they end the application's lifespan, and an event stream
    never ends by itself: so its hub says goodbye when the process is asked to end. The first signal
    reaches the server only when that was said: it may look at its flag in the very turn that the
    signal interrupts, and close every connection with a code of its own. A later one waits for nobody.

    In the main thread only, as Python allows it nowhere else; and only where somebody handles the
    signal already: what would end the process at once still does.
    """

    __slots__ = ("_asked", "_before", "_drain", "_waiting")

    def __init__(self, drain: Callable[[Callable[[], None]], None]) -> None:
        self._drain = drain
        """Says goodbye soon, and then calls what it was given."""
        self._asked = False
        self._before: dict[int, tuple[Handler, Handler]] = {}
        self._waiting: Callable[[], object] | None = None
        """The first signal, until it is passed on."""

    def begin(self) -> None:
        """Listen. Once is enough: again does nothing."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):
                ours = self._chain(handler)
                self._before[number] = handler, ours
                signal.signal(number, ours)

    def end(self) -> None:
        """Listen no more. Where somebody came after us, they keep the signal, and pass it on as before."""
        for number, (handler, ours) in self._before.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, handler)
        self._before.clear()
        self._pass_on()

    def _chain(self, handler: Handler) -> Handler:
        def both(number: int, frame: FrameType | None) -> object:
            # Set before anything else: a second signal may interrupt this very call.
            asked, self._asked = self._asked, True
            if asked or handler is signal.default_int_handler:
                self._drain(_nothing)
                self._pass_on()
                return handler(number, frame)
            self._waiting = partial(handler, number, frame)
            self._drain(self._pass_on)
            return None

        return both

    def _pass_on(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()


def _nothing() -> None:
    return None
