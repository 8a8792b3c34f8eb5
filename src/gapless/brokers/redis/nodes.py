"""What nodes say to each other through Redis: to all, to one, and that they live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ...errors import BrokerError
from . import scripts
from .keys import Keys
from .link import Awaited
from .site import Site, call

EVERYBODY = "all"

COUNTED_MS = 100_000
"""What a node says of its users is kept for so long, and for as long as it lives."""


class RedisNodes:
    """Messages by pub/sub in the first group, and one hash of who lives."""

    def __init__(self, keys: Keys, site: Site) -> None:
        self._keys, self._site = keys, site
        self._notify = b"SPUBLISH" if site.sharded else b"PUBLISH"
        self._all = keys.messages(0, EVERYBODY)
        self._own = ""
        self._heard: Callable[[bytes], None] | None = None

    async def enter(self, node: str, heard: Callable[[bytes], None]) -> None:
        self._own, self._heard = self._keys.messages(0, node), heard
        await asyncio.gather(self._site.listen(0, self._all), self._site.listen(0, self._own))

    def hear(self, name: str, message: bytes) -> None:
        """What is no notification of a channel: for all nodes, for this one, or for nobody any more."""
        if name in (self._all, self._own) and self._heard is not None:
            self._heard(message)

    def tell(self, message: bytes, node: str | None = None) -> None:
        name = self._all if node is None else self._keys.messages(0, node)
        unheeded: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._site.send(0, Awaited(unheeded), self._notify, name, message)

    async def meet(self, node: str, about: bytes, seconds: float) -> dict[str, bytes]:
        said = await call(
            self._site,
            0,
            b"EVALSHA",
            scripts.MEET.sha,
            2,
            self._keys.nodes(),
            self._keys.counted(node),
            node,
            about,
            int(seconds * 1000),
        )
        return {name.decode(): about for name, about in zip(said[::2], said[1::2], strict=True)}

    async def count(self, node: str, user: str, count: int, limit: int | None) -> bool:
        said = await call(
            self._site,
            0,
            b"EVALSHA",
            scripts.COUNT.sha,
            2,
            self._keys.nodes(),
            self._keys.counted(node),
            node,
            user,
            count,
            "" if limit is None else limit,
            COUNTED_MS,
            self._keys.counted(),
        )
        return bool(said)

    async def part(self, node: str) -> None:
        try:
            await self.meet(node, b"", 0)
        except BrokerError:
            pass  # then it expires
