"""`gapless demo`: a hub, and beside it a worker that does something worth watching."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import typer

from ..client.outgoing import Overflow
from ..client.publisher import Publisher
from ..client.remote import Remote
from ..errors import ConfigError
from .feeding import Signals, feed
from .terminal import Paint, write

PORT = 8765
START_SECONDS = 30.0
"""For the server to come up, on a slow machine."""
END_SECONDS = 4.0
"""For the server to go; it needs less than two, and never more than three."""


def demo(
    path: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            file_okay=False,
            show_default="this git checkout",
            help="The code that the worker reads.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, show_default=f"{PORT}, or a free one", help="Where the hub listens."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(show_default="memory://", help="Where it is kept, as in sqlite:///demo.db."),
    ] = None,
    open_page: Annotated[
        bool | None, typer.Option("--open/--no-open", show_default="on a desktop", help="Open the page.")
    ] = None,
    cycles: Annotated[
        int | None, typer.Option(min=1, show_default="without end", help="End after so many rounds.")
    ] = None,
    interval: Annotated[float, typer.Option(min=0.0, help="Seconds between two of its pages.")] = 0.25,
) -> None:
    """Start a hub and a worker that documents the code of a checkout and publishes what it does."""
    _check_installed()
    checkout = path if path is not None else _checkout()
    with _server(port if port is not None else _free_port(), store) as url:
        page = f"{url}/"
        write(
            [
                f"A worker reads {checkout}. Watch it:",
                "",
                f"    {Paint()(page, 'bold')}",
                "",
                "Ctrl-C ends it.",
            ]
        )
        if _has_desktop() if open_page is None else open_page:
            webbrowser.open(page)
        work = partial(_work, checkout=checkout, interval=interval, cycles=cycles)
        code = feed(Remote(url), Overflow.BLOCK, work)
    raise typer.Exit(code)


def _has_desktop() -> bool:
    """Is somebody there who sees a browser open? Elsewhere one in text mode might take the terminal."""
    graphical = sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    return graphical and sys.stdout.isatty()


def _check_installed() -> None:
    try:
        from ..demo import worker  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("gapless"):
            raise
        raise ConfigError(f'{error.name} is not installed; pip install "gapless[demo]"') from None


def _work(
    publisher: Publisher, signals: Signals, checkout: Path, interval: float, cycles: int | None
) -> None:
    """Run the worker in a thread of its own until it is done, or a signal ends the wait."""
    from ..demo.worker import Worker

    stop, done = threading.Event(), threading.Event()
    errors: list[Exception] = []

    def publish(channel: str, data: object) -> None:
        publisher.publish(channel, data)

    def run() -> None:
        try:
            Worker(checkout, publish, interval=interval, cycles=cycles).run(stop)
        except Exception as caught:
            errors.append(caught)
        done.set()

    # A daemon, because what it reads just now must not delay the end.
    threading.Thread(target=run, name="worker", daemon=True).start()
    try:
        with signals.may_end():
            done.wait()
    finally:
        stop.set()
        done.wait(1.0)
    if errors:
        raise errors[0]


def _checkout() -> Path:
    """The git checkout around the current directory."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / ".git").exists():
            return directory
    raise ConfigError("this is not inside a git checkout; name one: gapless demo PATH")


def _free_port() -> int:
    from ..server.listening import listen

    for port in (PORT, 0):
        try:
            sockets = listen("127.0.0.1", port)
        except ConfigError:
            continue
        found = int(sockets[0].getsockname()[1])
        for bound in sockets:
            bound.close()
        return found
    raise ConfigError("no port is free on 127.0.0.1")


@contextmanager
def _server(port: int, store: str | None) -> Iterator[str]:
    """A hub in a process of its own, so that the worker's reading does not slow it down.

    It ends with this one, however this one ends: its stdin is a pipe that only we hold.
    """
    command = [sys.executable, "-m", "gapless", "serve", "--port", str(port), "--exit-with-stdin"]
    if store is not None:
        command += ["--store", store]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GAPLESS_")}
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is for this process, which then ends that one
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, url)
        yield url
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=1.0) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ConfigError("the hub did not start; what it said stands above")
            try:
                if client.get(f"{url}/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise ConfigError(f"the hub did not answer within {START_SECONDS:.0f} s")
