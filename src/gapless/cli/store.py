"""`gapless store`: check, compact, export and import what a hub keeps in SQLite."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..brokers.sqlite import maintenance
from ..brokers.sqlite.address import parse
from .terminal import safe, say, write

store = typer.Typer(no_args_is_help=True, help="Look after a store: check, compact, export, import.")

Url = Annotated[str, typer.Argument(metavar="STORE", help="As in sqlite:///gapless.db.")]

PROBLEMS_SHOWN = 20


@store.command()
def check(url: Url) -> None:
    """Look at every page and every channel; the hub may run meanwhile. Exits with 1 for a damaged one."""
    found = maintenance.check(parse(url))
    if found.problems:
        for problem in found.problems[:PROBLEMS_SHOWN]:
            say(safe(problem))
        if len(found.problems) > PROBLEMS_SHOWN:
            say(f"and {len(found.problems) - PROBLEMS_SHOWN} more")
        raise typer.Exit(1)
    channels, publications, payload_bytes, file_bytes, _ = found
    kept = f"{channels} channels, {publications} publications, {payload_bytes} bytes of payload"
    write([f"ok: {kept} in a file of {file_bytes}"])


@store.command()
def compact(url: Url) -> None:
    """Give the disk back what was deleted. The hub must not run, and a second copy needs room."""
    before, after = maintenance.compact(parse(url))
    write([f"{before} bytes before, {after} after"])


@store.command()
def export(
    url: Url,
    channel: Annotated[
        list[str] | None, typer.Option(show_default="all", help="Only this channel (repeatable).")
    ] = None,
) -> None:
    """Write what is kept to stdout, a JSON object a line; the hub may run meanwhile."""
    wanted = None if channel is None else set(channel)
    out = sys.stdout.buffer
    for line in maintenance.export(parse(url), lambda name: wanted is None or name in wanted):
        out.write(line)
    out.flush()


@store.command("import")
def import_(url: Url) -> None:
    """Read an export from stdin into a store, which is made if need be. The hub must not run.

    Offsets stay what they were; epochs are new, so that subscribers load anew.
    """
    channels, publications = maintenance.load(parse(url), sys.stdin.buffer)
    write([f"{publications} publications in {channels} channels"])
