"""What `pipe` and `follow` share: lines become rows, and what waits is delivered before the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import typer

from ..client.publisher import Publisher
from ..client.remote import Remote
from ..feeds.lines import parse_rows
from ..feeds.prefixes import Row
from ..feeds.tracebacks import TracebackJoiner
from .terminal import say

SIGNALLED_SECONDS = 2.0
"""For what still waits, after a signal asked for the end."""
WAIT_SECONDS = 10.0
"""For what still waits, after the input has ended."""

Join = Annotated[bool, typer.Option(help="A Python traceback is one row, with the error before it.")]


class Rows:
    """Lines of one source → rows. A blank line is none."""

    def __init__(self, *, join: bool) -> None:
        self._joiner = TracebackJoiner() if join else None

    @property
    def holding(self) -> bool:
        """Does a row wait for the traceback that may follow it?"""
        return self._joiner is not None and self._joiner.holding

    def feed(self, lines: list[str]) -> list[Row]:
        """The rows that these lines complete."""
        now = datetime.now().astimezone()
        if self._joiner is not None:
            return [row for line in lines for row in self._joiner.feed(line, now)]
        return [row for line in lines if line.strip() for row in parse_rows(line, now)]

    def flush(self) -> list[Row]:
        """The row that was still waited with."""
        return [] if self._joiner is None else self._joiner.flush()


async def feed(remote: Remote, work: Callable[[Publisher], Awaitable[None]]) -> int:
    """Run `work` until it ends or a signal asks for the end, then deliver what waits. Gives the exit code.

    0: everything was taken. 1: something was dropped, refused or not delivered, and that was said.
    130, 143: a signal.
    """
    async with Publisher(remote, report=say) as publisher:
        received, error = await _until_done_or_signal(asyncio.ensure_future(work(publisher)))
        left = await publisher.flush(WAIT_SECONDS if received is None else SIGNALLED_SECONDS)
    if left:
        say(f"{left} publications were not delivered to {remote.url}; start the hub with `gapless serve`")
    if publisher.refused:
        say(f"{publisher.refused} publications were not taken by the hub")
    if error is not None:
        raise error
    if received is not None:
        return 128 + received
    return 1 if left or publisher.refused or publisher.dropped else 0


async def _until_done_or_signal(task: asyncio.Future[None]) -> tuple[int | None, OSError | None]:
    """The number of the signal that ended it, or the error of its input, if either did."""
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    try:
        await task
    except asyncio.CancelledError:
        if not received:
            raise
    except OSError as error:
        return None, error
    finally:
        # From here on a signal ends it at once.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return (received[0] if received else None), None
