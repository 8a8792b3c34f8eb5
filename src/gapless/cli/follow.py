"""`gapless follow`: files → publications."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ..client.publisher import Publisher
from ..feeds.files import FollowedFile
from ..feeds.prefixes import Row
from ..feeds.tracebacks import HOLD_SECONDS
from .common import DEFAULT_URL, Token, Url, hub_at
from .feeding import Join, Rows, feed
from .terminal import say

PAUSE_SECONDS = 0.25
"""Between looks at files that had nothing new."""


def follow(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="They need not exist yet.")],
    channel: Annotated[str, typer.Option("-c", "--channel", help="The channel to publish to.")] = "logs",
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Publish what is in the files already, too.")
    ] = False,
    join: Join = True,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Publish every line that is written to files from now on, through rotation and truncation.

    Lines are read as `gapless pipe` does. With several files each row says its source. While the hub is
    away, reading waits: the files keep what comes.
    """
    remote = hub_at(url, token)
    sources = [Source(path, from_start, join, named=len(files) > 1) for path in files]
    try:
        code = asyncio.run(feed(remote, lambda publisher: _follow(publisher, channel, sources)))
    finally:
        for source in sources:
            source.file.close()
    raise typer.Exit(code)


class Source:
    """One file and the rows it yields."""

    def __init__(self, path: Path, from_start: bool, join: bool, *, named: bool) -> None:
        self.file = FollowedFile(path, from_start=from_start)
        self._rows = Rows(join=join)
        self._name = str(path) if named else None
        self._rewound = 0
        self._newest = 0.0
        if not path.exists():
            say(f"{path} does not exist yet; waiting for it")

    def read(self, now: float) -> list[Row]:
        """The rows that are complete by now; `now` is in seconds of any clock that does not jump."""
        lines = self.file.read()
        if self.file.rewound != self._rewound:
            self._rewound = self.file.rewound
            say(f"{self.file.path} was cut off or rewritten; reading it from its start")
        if lines:
            self._newest = now
            return self._named(self._rows.feed(lines))
        return self._named(self._rows.flush()) if now - self._newest >= HOLD_SECONDS else []

    def end(self) -> list[Row]:
        """What is left when nothing more is read."""
        return self._named(self._rows.flush())

    def _named(self, rows: list[Row]) -> list[Row]:
        return rows if self._name is None else [{"source": self._name, **row} for row in rows]


async def _follow(publisher: Publisher, channel: str, sources: list[Source]) -> None:
    loop = asyncio.get_running_loop()
    try:
        while True:
            quiet = True
            for source in sources:
                for row in source.read(loop.time()):
                    quiet = False
                    await publisher.put(channel, row)
            if quiet:
                await asyncio.sleep(PAUSE_SECONDS)
    finally:
        for source in sources:
            for row in source.end():
                await publisher.offer(channel, row)
