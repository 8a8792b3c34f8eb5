"""`gapless doctor` and `gapless config check`: what a hub would stand on, looked at before it runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..brokers.sqlite.address import SCHEME, parse
from ..brokers.sqlite.checkup import checkup
from ..errors import ConfigError, GaplessError
from .terminal import Paint, safe, write

if TYPE_CHECKING:
    from ..server.checkup import Finding

COLOURS = {"ok": "green", "note": "yellow", "bad": "red"}


def doctor(
    store: Annotated[
        str | None, typer.Option(show_default="as of the server", help="The store to look at.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(envvar="GAPLESS_CONFIG", show_default=False, metavar="FILE", help="A TOML file."),
    ] = None,
) -> None:
    """Look at this machine and at the store, as `gapless serve` with the same settings would find them.

    Each line is ok, a note, or bad with the fix; with anything bad the exit code is 1.
    """
    from ..config.settings import load
    from ..server.checkup import machine

    settings = load(config, store=store)
    findings = [*machine(os.environ, shared=not settings.store.startswith("memory"))]
    if settings.store.startswith("redis"):
        findings += _redis(settings.store)
    elif settings.store.startswith(SCHEME):
        findings += checkup(parse(settings.store))
    paint = Paint()
    for level, what, advice in findings:
        said = f"{what}: {advice}" if advice else what
        write([f"{paint(f'{level:<5}', COLOURS[level])} {safe(said)}"])
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


def _redis(store: str) -> list[Finding]:
    """Raises ConfigError, BrokerError."""
    try:
        from redis.exceptions import RedisError

        from ..brokers.redis.address import Address
        from ..brokers.redis.checkup import checkup
        from ..server.checkup import Finding
    except ModuleNotFoundError as error:
        raise ConfigError(f'{error.name} is not installed: pip install "gapless[redis]"') from None
    address = Address.parse(store)
    try:
        return asyncio.run(checkup(address))
    except (RedisError, OSError, GaplessError) as error:
        return [Finding("bad", f"there is no Redis at {address}", str(error) or type(error).__name__)]


config = typer.Typer(no_args_is_help=True, help="Look at a configuration before a server runs with it.")


@config.callback()
def _config() -> None:
    # Without it, typer takes the only command for the whole of this group.
    pass


@config.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The TOML file of `gapless serve --config`.")],
) -> None:
    """Say ok, or one line for each thing that `gapless serve` would refuse, as FILE:LINE.

    What stands in the environment counts as well, as it does for the server.
    """
    from ..config.preparing import check as checked

    said: list[str] = []
    try:
        checked(file, note=said.append)
    except ConfigError as error:
        write([safe(line) for line in str(error).splitlines()])
        raise typer.Exit(1) from None
    write([*(safe(line) for line in said), "ok"])
