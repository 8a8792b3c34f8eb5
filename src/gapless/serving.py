"""`gapless.run`: anybody's ASGI application in processes of its own, as safe and fast as `gapless serve`."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ConfigError

FAST_PATH = "gapless.transports.uvicorn:WebSocketProtocol"

MESSAGE_BYTES = 1024 * 1024
"""One message of a WebSocket that is not the hub's own."""

HOST, PORT = "127.0.0.1", 8000

Asgi = Callable[[Any, Any, Any], Any]

PAUSE_SECONDS = 0.25
"""Between two looks at the sources. A look at a thousand files takes a few milliseconds."""

_ELSEWHERE = {"__pycache__", "node_modules", "site-packages"}


def run(
    app: Asgi | str,
    *,
    host: str = HOST,
    port: int = PORT,
    message_bytes: int = MESSAGE_BYTES,
    workers: int = 1,
    reload: bool = False,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve an application, or `module:app`, until Ctrl-C or SIGTERM. Call it in the main thread.

    uvicorn with the settings of `gapless serve`: the fast path, bounds on heads, bodies and sockets,
    no compression, an end within two seconds. Connections that a hub takes keep its own `Limits`;
    `message_bytes` is for the application's other WebSockets. Prints the address once it listens.

    `workers` processes share the port, and one that ends is started again. `reload` starts a single one
    anew whenever a Python file below the current folder changes. Both want the application by its name,
    and import it in other processes: call `run` under `if __name__ == "__main__":`.
    `trusted_proxies` are addresses and networks whose `X-Forwarded-For` is believed; without any, this
    machine's own.

    Raises:
        ConfigError: there is no such application, the port is taken, the extra is not installed, or what
            is asked for excludes itself.
    """
    folder = sys.path[0] or os.getcwd()
    try:
        Application(app, host, port, message_bytes, workers, reload, tuple(trusted_proxies), folder).serve()
    except KeyboardInterrupt:
        pass  # it was asked to end, and did


@dataclass(frozen=True, slots=True)
class Application:
    """An application, and how it is to be served. `folder` is where its module is looked for."""

    app: Asgi | str
    host: str = HOST
    port: int = PORT
    message_bytes: int = MESSAGE_BYTES
    workers: int = 1
    reload: bool = False
    trusted_proxies: tuple[str, ...] = ()
    folder: str = "."

    def serve(self, inherit: str | None = None) -> None:
        """Until a signal asks for the end: Ctrl-C raises KeyboardInterrupt, others end the process.

        `inherit` names what a worker was given. Raises ConfigError.
        """
        self._check()
        try:
            from .server import serve
        except ModuleNotFoundError as error:
            raise ConfigError(f'{error.name} is not installed: pip install "gapless[server]"') from None
        if inherit is None and (self.workers > 1 or self.reload):
            self._watch_over()
            return
        from .server.listening import listen
        from .server.workers import inherited

        app = self._loaded()
        given = None if inherit is None else inherited(inherit)
        sockets = listen(self.host, self.port) if given is None else given.sockets
        number = sockets[0].getsockname()[1]
        serve.run(
            app,
            sockets,
            drain=_nothing,
            message_bytes=self.message_bytes,
            ws=serve.websocket_protocol(FAST_PATH),
            lifespan="auto",
            trusted_proxies=self.trusted_proxies,
            started=(lambda: self._announce(number)) if given is None else given.serves,
        )

    def _check(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"workers is at least 1, not {self.workers}")
        if self.workers > 1 and self.reload:
            raise ConfigError("reload is for one process: leave out workers")
        if (self.workers > 1 or self.reload) and not isinstance(self.app, str):
            raise ConfigError('workers and reload need the application by its name, as in "module:app"')
        for proxy in self.trusted_proxies:
            check_proxy(proxy)

    def _loaded(self) -> Asgi:
        if not isinstance(self.app, str):
            return self.app
        from uvicorn.importer import ImportFromStringError, import_from_string

        if self.folder not in sys.path:
            sys.path.insert(0, self.folder)
        try:
            found: Asgi = import_from_string(self.app)
        except ImportFromStringError as error:
            raise ConfigError(f"there is no application {self.app!r}: {error}") from None
        return found

    def _watch_over(self) -> None:
        """Have others serve it, and keep them."""
        from .server.workers import Port, Workers, worker_with
        from .serving import Sources

        port = Port(self.host, self.port)
        proxies = [part for proxy in self.trusted_proxies for part in ("--trusted-proxy", proxy)]
        Workers(
            worker_with(
                *("serve", str(self.app), "--app-dir", self.folder),
                *("--message-bytes", str(self.message_bytes), *proxies),
            ),
            port,
            self.workers,
            say=lambda line: print(f"gapless: {line}", file=sys.stderr, flush=True),  # noqa: T201
            started=lambda: self._announce(port.number),
            changes=Sources(Path(self.folder)).change if self.reload else None,
        ).serve()

    def _announce(self, number: int) -> None:
        try:
            print(f"http://{self.host}:{number} (Ctrl-C ends it)", flush=True)  # noqa: T201
        except BrokenPipeError:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # nobody reads; it serves all the same


def check_proxy(named: str) -> str:
    """The same, where it is an address or a network. Raises ConfigError."""
    try:
        ipaddress.ip_network(named, strict=False)
    except ValueError:
        raise ConfigError(
            f"{named!r} is no address and no network: name your proxies, as 10.0.0.7 or 10.0.0.0/8"
        ) from None
    return named


def _nothing() -> None:
    """A hub within the application hears of the signal by itself."""


class Sources:
    """The Python files below a folder, without those of environments and hidden ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = dict(self._look())

    async def change(self) -> str:
        """Wait for a change, and say which file it was: the first of them by name."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            found = dict(self._look())
            changed = {
                path for path in found.keys() | self._known.keys() if found.get(path) != self._known.get(path)
            }
            self._known = found
            if changed:
                return Path(min(changed)).relative_to(self._folder).as_posix()

    def _look(self) -> Iterator[tuple[str, int]]:
        for at, folders, files in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".") and name not in _ELSEWHERE]
            if "pyvenv.cfg" in files:
                folders.clear()
                continue
            for name in files:
                if name.endswith(".py"):
                    path = os.path.join(at, name)
                    try:
                        yield path, os.stat(path).st_mtime_ns
                    except OSError:
                        pass  # it went in between, which the next look sees
