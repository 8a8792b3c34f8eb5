"""`gapless.run`: anybody's ASGI application in a process of its own, as safe and fast as `gapless serve`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import ConfigError

FAST_PATH = "gapless.transports.uvicorn:WebSocketProtocol"

MESSAGE_BYTES = 1024 * 1024
"""One message of a WebSocket that is not the hub's own."""

Asgi = Callable[[Any, Any, Any], Any]


def run(
    app: Asgi | str, *, host: str = "127.0.0.1", port: int = 8000, message_bytes: int = MESSAGE_BYTES
) -> None:
    """Serve an application, or `module:app`, until Ctrl-C or SIGTERM. Call it in the main thread.

    uvicorn with the settings of `gapless serve`: the fast path, bounds on heads, bodies and sockets,
    no compression, an end within two seconds. Connections that a hub takes keep its own `Limits`;
    `message_bytes` is for the application's other WebSockets. Prints the address once it listens.

    Raises:
        ConfigError: there is no such application, the port is taken, or the extra is not installed.
    """
    try:
        from uvicorn.importer import ImportFromStringError, import_from_string

        from .server import serve
        from .server.listening import listen
    except ModuleNotFoundError as error:
        raise ConfigError(f'{error.name} is not installed: pip install "gapless[server]"') from None
    if isinstance(app, str):
        try:
            app = import_from_string(app)
        except ImportFromStringError as error:
            raise ConfigError(f"there is no application {app!r}: {error}") from None
    sockets = listen(host, port)
    number = sockets[0].getsockname()[1]
    try:
        serve.run(
            app,  # type: ignore[arg-type] # whatever it is, it is called as one
            sockets,
            drain=_nothing,
            message_bytes=message_bytes,
            ws=serve.websocket_protocol(FAST_PATH),
            lifespan="auto",
            started=lambda: print(f"http://{host}:{number} (Ctrl-C ends it)", flush=True),  # noqa: T201
        )
    except KeyboardInterrupt:
        pass  # it was asked to end, and did


def _nothing() -> None:
    """A hub within the application hears of the signal by itself."""
