"""A process that serves one hub: ready for very many connections, and ended within two seconds."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import uvicorn
from uvicorn.importer import ImportFromStringError, import_from_string

from ..errors import ConfigError, GaplessError
from .bounded_http import HEADERS_BYTES
from .direct import direct_requests_of
from .direct_http import DirectHttpProtocol
from .listening import BACKLOG
from .noise import keep_down

OPEN_FILES = 65_536
"""What the soft limit of open files is raised to, as far as the hard one allows."""
GARBAGE_THRESHOLDS = (5_000, 5, 50)
"""Instead of (700, 10, 10): ten thousand connections that come at once would otherwise be looked
through again and again. Higher ones save nothing more, and let the middle generation grow until one
look at it stops everything for tenths of a second. While 10,000 connect to plain uvicorn, collections
take 0.3 s instead of 3.2, and the longest 7 ms instead of 680."""

Asgi = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each step of an end may take, in seconds. All together: two, and a last resort."""

    drain: float = 0.3
    """For the last words of sessions to be written before their sockets are closed."""
    grace: int = 1
    """For connections that do not end by themselves once the hub is drained."""
    shutdown: float = 1.5
    """For everything after the drain, the application's own shutdown included."""
    last_resort: float = 3.0
    """After a signal, for a process that code of others keeps from ending: a hook that never returns."""


DEADLINES = Deadlines()


class Server(uvicorn.Server):
    """uvicorn that lets the hub say goodbye first.

    A first signal drains, also that of a terminal that is closed; a second one, of any kind, ends at
    once, as it would without a handler.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        drain: Callable[[], None],
        started: Callable[[], None] = lambda: None,
        deadlines: Deadlines = DEADLINES,
    ) -> None:
        super().__init__(config)
        self._deadlines = deadlines
        self._drain = drain
        self._when_started = started
        self._asked_to_end = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the sockets, and say that it is so."""
        await super().startup(sockets)
        if self.started:
            settle()
            self._when_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        # Before uvicorn's own goodbye (1012), which would say nothing of coming back.
        self._drain()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=self._deadlines.drain)
        try:
            async with asyncio.timeout(self._deadlines.shutdown):
                await super().shutdown(sockets)
        except TimeoutError:
            logging.getLogger(__name__).warning(
                "the shutdown took longer than %s s and was cut short", self._deadlines.shutdown
            )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Also SIGHUP, unless somebody wants it ignored (`nohup`)."""
        with super().capture_signals():
            before = signal.getsignal(signal.SIGHUP)
            if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
                yield
                return
            signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGHUP, before)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: the first drains, a later one waits for nobody.

        A second one may interrupt this very call for the first, hence a flag of our own that is set
        before anything else: uvicorn would count two of them, and end without the application's end.
        """
        if self._asked_to_end:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self._asked_to_end = True
        last_resort = threading.Timer(self._deadlines.last_resort, _end_hard, (sig,))
        last_resort.daemon = True
        last_resort.start()
        super().handle_exit(sig, frame)


def run(
    app: Asgi,
    sockets: Sequence[socket.socket],
    *,
    drain: Callable[[], None],
    message_bytes: int,
    ws: str | type[asyncio.Protocol] = "websockets-sansio",
    lifespan: Literal["on", "auto"] = "on",
    started: Callable[[], None] = lambda: None,
    trusted_proxies: Sequence[str] = (),
    deadlines: Deadlines = DEADLINES,
) -> None:
    """Serve until a signal asks for the end; must be called in the main thread.

    `drain` closes what the hub holds open; it is called in the event loop. `ws` is what
    `websocket_protocol` gives, `lifespan` whether an application must have one, `deadlines` how long
    each step of the end may take. `trusted_proxies` are addresses and networks whose word on a client's
    address is believed (`X-Forwarded-For`); without any, this machine's own. After Ctrl-C this
    raises KeyboardInterrupt; SIGTERM ends the process, as it would without a handler.

    Raises:
        GaplessError: the application could not start, a store that cannot be opened for example.
    """
    keep_down()
    starting = _Starting(app)
    config = uvicorn.Config(
        starting,
        loop="uvloop",
        http=DirectHttpProtocol,
        ws=ws,
        ws_max_size=message_bytes,
        ws_per_message_deflate=False,
        lifespan=lifespan,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=HEADERS_BYTES,
        forwarded_allow_ips=list(trusted_proxies) or None,
        timeout_graceful_shutdown=deadlines.grace,
        backlog=BACKLOG,
    )
    raise_open_files()
    try:
        Server(config, drain, started, deadlines).run(list(sockets))
    except SystemExit:  # uvicorn's answer to a start that failed
        if starting.error is not None:
            raise starting.error from None
        raise


class _Starting:
    """The application, with a start that fails for a known reason told in a line instead of a traceback."""

    def __init__(self, app: Asgi) -> None:
        self._app = app
        self.direct_requests = direct_requests_of(app)
        self.error: GaplessError | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed: list[Any] = []

        async def sent(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                failed.append(message)  # until it is known why
            else:
                await send(message)

        try:
            await self._app(scope, receive, sent)
        except GaplessError as error:
            if failed:
                self.error = error
                await send({"type": "lifespan.startup.failed", "message": ""})
            raise
        except BaseException:
            for message in failed:
                await send(message)
            raise


def websocket_protocol(name: str) -> str | type[asyncio.Protocol]:
    """What uvicorn takes as `ws`. Raises ConfigError where the name stands for nothing."""
    known = ("websockets-sansio", "websockets", "wsproto")
    if name in known:
        return name
    try:
        protocol = import_from_string(name)
    except (ImportFromStringError, ImportError) as error:
        raise ConfigError(f"ws is {', '.join(known)} or module:Class, not {name!r}: {error}") from None
    if not (isinstance(protocol, type) and issubclass(protocol, asyncio.Protocol)):
        raise ConfigError(f"ws: {name} is no asyncio.Protocol")
    return protocol


def raise_open_files(wanted: int = OPEN_FILES) -> None:
    """Every connection is an open file, and the usual soft limit of 1024 is for programs of another time."""
    import resource  # not on every platform

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        except (OSError, ValueError):
            pass  # some systems allow less than they say; it works with fewer connections


def settle() -> None:
    """Call once the program is loaded: what is there now is never looked through for garbage again.

    For a process of one's own only; it changes how the whole interpreter collects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _end_hard(number: int) -> None:
    os.write(2, b"gapless: the shutdown did not come to its end and was cut short\n")
    os._exit(128 + number)
