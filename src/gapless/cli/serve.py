"""`gapless serve`: a hub of its own, or an application."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..serving import HOST, MESSAGE_BYTES, PORT, Application
from ..version import __version__
from .terminal import Paint, WrongUsage, announce, say

if TYPE_CHECKING:
    from ..config.settings import Settings

DEV_WARNING = (
    "DEVELOPMENT MODE (--dev, dev = true): weak secrets are taken, and insecure stands beside token keys. "
    "Never where others can connect."
)

# Flags have no defaults here: what was not given comes from the environment, the file, or `Settings`.


def serve(
    application: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODULE:APP]",
            show_default=False,
            help="Any ASGI application to serve instead of a hub of its own.",
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(show_default="127.0.0.1", help="Address to listen on; 0.0.0.0 for all.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, show_default="8765; 8000 for an application", help="0 takes a free one."
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(show_default="memory://", help="Where histories are kept: sqlite:///gapless.db."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, show_default="1", help="Processes on this port; more need a store they share."),
    ] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start an application anew whenever one of its files changes.")
    ] = False,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            show_default="127.0.0.1",
            metavar="ADDRESS",
            help="A proxy, or a network of them, whose X-Forwarded-For is believed (repeatable).",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="GAPLESS_CONFIG",
            show_default=False,
            metavar="FILE",
            help="A TOML file, or Centrifugo's own.",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(show_default=False, help="The credential of publishers; better set GAPLESS_TOKEN."),
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", show_default=False, help="Serve others without a credential.")
    ] = None,
    dev: Annotated[
        bool | None,
        typer.Option("--dev", show_default=False, help="Take weak secrets; on this machine only."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(show_default=False, help="Another origin whose pages may connect (repeatable)."),
    ] = None,
    feed: Annotated[
        list[str] | None,
        typer.Option(
            show_default=False,
            metavar="URL",
            help="Publish what a Redis publishes: redis://HOST?channel=app:logs&pattern=app:* (repeatable).",
        ),
    ] = None,
    app_dir: Annotated[
        str | None,
        typer.Option(
            show_default="here", metavar="FOLDER", help="Where the application's module is looked for."
        ),
    ] = None,
    message_bytes: Annotated[
        int | None, typer.Option(min=1, hidden=True, help="One message of an application's WebSockets.")
    ] = None,
    ws: Annotated[
        str | None, typer.Option(show_default=False, hidden=True, help="WebSocket protocol, module:Class.")
    ] = None,
    inherit: Annotated[
        str | None,
        typer.Option(show_default=False, hidden=True, help="Sockets of a worker and its pipe, as 5,6,7."),
    ] = None,
    exit_with_stdin: Annotated[
        bool, typer.Option("--exit-with-stdin", hidden=True, help="End when stdin does.")
    ] = False,
) -> None:
    """Start a hub and say how to look at it and how to feed it; or serve MODULE:APP as safely and as fast."""
    if exit_with_stdin:
        threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    if application is not None:
        from .serve import serve_application

        serve_application(
            application,
            host=host,
            port=port,
            workers=workers,
            reload=reload,
            trusted_proxies=tuple(trusted_proxy or ()),
            message_bytes=message_bytes,
            folder=app_dir,
            inherit=inherit,
            of_the_hub={
                "store": store,
                "config": config,
                "token": token,
                "insecure": insecure,
                "dev": dev,
                "origin": origin,
                "feed": feed,
            },
        )
        return
    if reload or app_dir is not None:
        flag = "--reload" if reload else "--app-dir"
        raise WrongUsage(f"{flag} is for an application: gapless serve MODULE:APP {flag}")
    from ..config.settings import load

    flags: dict[str, Any] = {"host": host, "port": port, "store": store, "token": token, "ws": ws}
    flags |= {"insecure": insecure, "workers": workers, "dev": dev}
    flags |= {"origins": tuple(origin) if origin else None, "feeds": tuple(feed) if feed else None}
    flags["trusted_proxies"] = tuple(trusted_proxy) if trusted_proxy else None
    settings = load(config, note=say if inherit is None else None, **flags)
    if settings.dev and inherit is None:
        say(DEV_WARNING)
    if settings.workers > 1 and inherit is None:
        _serve_with_workers(settings)
    else:
        _serve(settings, inherit)


def _serve_with_workers(settings: Settings) -> None:
    """Watch over processes that do the serving: this very command, with sockets to inherit."""
    from ..brokers.url import try_out
    from ..config.preparing import notes, prepare
    from ..server.workers import Port, Workers, worker_with

    prepare(settings)  # here as well, so that what is wrong is said once and not by each worker
    for note in notes(settings):
        say(note)
    asyncio.run(try_out(settings.store, settings.limits))
    port = Port(settings.host, settings.port)
    url = address(settings.host, port.number)
    Workers(
        worker_with(*sys.argv[1:]),
        port,
        settings.workers,
        say=say,
        started=lambda: announce(greeting(url, settings.token is not None, Paint())),
    ).serve()


def _serve(settings: Settings, inherit: str | None) -> None:
    # Here, so that the other verbs start without them.
    from ..brokers.url import try_out
    from ..config.preparing import prepare
    from ..server.listening import listen
    from ..server.serve import run
    from ..server.workers import inherited

    hub, app, feeds, protocol = prepare(settings)
    if settings.store.startswith("redis") and inherit is None:
        asyncio.run(try_out(settings.store, settings.limits))
    given = None if inherit is None else inherited(inherit)
    sockets = listen(settings.host, settings.port) if given is None else given.sockets
    port = sockets[0].getsockname()[1]

    def started() -> None:
        for feed in feeds:
            feed.begin()
        if given is None:
            announce(greeting(address(settings.host, port), settings.token is not None, Paint()))
        else:
            given.serves()

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(name)s: %(message)s")

    def drain() -> None:
        for feed in feeds:
            feed.end()
        hub.drain()

    run(
        app,
        sockets,
        drain=drain,
        message_bytes=settings.limits.message_bytes,
        ws=protocol,
        started=started,
        trusted_proxies=settings.trusted_proxies,
    )


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds it."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{name}]' if ':' in name and not name.startswith('[') else name}:{port}"


def greeting(url: str, needs_token: bool, paint: Paint) -> list[str]:
    """Where to look, and three ways to feed it that can be copied as they stand."""
    url_option = "" if url == "http://127.0.0.1:8765" else f" --url {url}"
    header = ' -H "X-API-Key: $GAPLESS_TOKEN"' if needs_token else ""
    headers = ', headers={"X-API-Key": os.environ["GAPLESS_TOKEN"]}' if needs_token else ""
    modules = "httpx, os" if needs_token else "httpx"
    row = '{"channel": "logs", "data": {"message": "hello"}}'
    return [
        f"Gapless {__version__} listens. Look at it:",
        "",
        f"    {paint(url + '/', 'bold')}",
        "",
        "Feed it from a shell, from any program's output, or from Python:",
        "",
        f"    curl {url}/api/publish -H 'Content-Type: application/json'{header} -d '{row}'",
        "",
        f"    your-program 2>&1 | gapless pipe logs{url_option}",
        "",
        f"    import {modules}",
        f'    httpx.post("{url}/api/publish", json={row}{headers})',
        "",
        "Ctrl-C ends it.",
    ]


def _end_with_stdin() -> None:
    """For a parent that holds our stdin: when it is gone, however it went, so are we."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def serve_application(
    name: str,
    *,
    host: str | None,
    port: int | None,
    workers: int | None,
    reload: bool,
    trusted_proxies: tuple[str, ...],
    message_bytes: int | None,
    folder: str | None,
    inherit: str | None,
    of_the_hub: Mapping[str, Any],
) -> None:
    """Serve it. `of_the_hub` are flags for a hub of the server's own, which this is not.

    Raises:
        ConfigError: there is no such application, the port is taken.
        WrongUsage: what was asked for is of no use here, or excludes itself.
    """
    given = [flag for flag, value in of_the_hub.items() if value]
    if given:
        raise WrongUsage(f"--{given[0]} is for the hub of gapless serve; {name} makes its own: leave it out")
    Application(
        name,
        host=HOST if host is None else host,
        port=PORT if port is None else port,
        message_bytes=message_bytes or MESSAGE_BYTES,
        workers=workers or 1,
        reload=reload,
        trusted_proxies=trusted_proxies,
        folder=os.path.abspath(folder or "."),
    ).serve(inherit)
