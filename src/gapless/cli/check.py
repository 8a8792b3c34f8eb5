"""`gapless config check`: is this file what `gapless serve` can run with?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigError
from .terminal import safe, write

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
