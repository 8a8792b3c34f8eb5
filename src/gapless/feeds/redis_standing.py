"""A feed from one Redis that stands for as long as it lives: connected, away, and back again."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio.connection import Connection
from redis.exceptions import RedisError

from ..brokers.redis.address import Address
from ..brokers.redis.link import disconnect
from ..brokers.redis.server import connect
from ..client.backoff import Backoff
from ..errors import ConfigError

log = logging.getLogger("gapless")

REASONS = 20
"""Different refusals that are logged; all are counted."""


class Receipt(Protocol):
    """What `publish` gives: awaited, it says that the hub has it."""

    done: bool

    def __await__(self) -> Any: ...

    def result(self, timeout: float | None = None) -> Any: ...


class StandingFeed(ABC):
    """Connects again for ever, and says how that goes: `state`, `received`, `refused`, `breaks`."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._task: asyncio.Task[None] | None = None
        self._broken_at: float | None = None
        self._reasons: set[str] = set()
        self.state = "not started"
        """`connecting`, `live`, or `away: ` and why."""
        self.since: float | None = None
        """When it came up, or when the break began that still lasts: Unix seconds."""
        self.received = 0
        self.refused = 0
        self.breaks = 0

    async def __aenter__(self) -> Self:
        self.begin()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def begin(self) -> None:
        """Connect and feed, on this loop, until `end`."""
        self._task = asyncio.get_running_loop().create_task(self._feed())

    def end(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()

    @abstractmethod
    async def _join(self, connection: Connection) -> None:
        """Take this feed's place. Raises RedisError, OSError."""

    @abstractmethod
    async def _read(self, connection: Connection) -> None:
        """Hand on what comes. Raises RedisError, OSError: the connection broke, or nothing lives there."""

    def _came_back(self, seconds: float) -> None:  # noqa: B027 - one that keeps its place misses nothing
        """The feed was away for so long; called when it is live again."""

    async def _feed(self) -> None:
        backoff = Backoff()
        while True:
            self.state = "connecting"
            connection: Connection | None = None
            try:
                connection = await connect(self._address, self._address.places[0])
                await self._join(connection)
                backoff.reset()
                self._say_live()
                await self._read(connection)
            except (RedisError, OSError, ConfigError) as error:
                self._say_away(error)
            except Exception as error:
                # A feed that dies silently is what this one is there to replace.
                log.exception("the %s met what nobody expected", self)
                self._say_away(error)
            finally:
                if connection is not None:
                    await disconnect(connection)
            await asyncio.sleep(backoff.next())

    # -- what is told

    def _refuse(self, channel: str, error: Exception) -> None:
        """Each reason once; `refused` counts all."""
        self.refused += 1
        if len(self._reasons) < REASONS and str(error) not in self._reasons:
            self._reasons.add(str(error))
            log.warning("the %s: a publication to %r was not taken: %s", self, channel, error)

    def _say_live(self) -> None:
        self.state, self.since = "live", time.time()
        if self._broken_at is None:
            return
        seconds = round(time.monotonic() - self._broken_at, 1)
        self._broken_at = None
        log.warning("the %s is back after %s s", self, seconds)
        self._came_back(seconds)

    def _say_away(self, error: Exception) -> None:
        self.state = f"away: {str(error) or type(error).__name__}"
        if self._broken_at is None:
            self._broken_at, self.since = time.monotonic(), time.time()
            self.breaks += 1
            log.warning("the %s is %s", self, self.state)


def split_address(url: str, *names: str) -> tuple[Address, dict[str, list[str]]]:
    """The address, and the values of these parameters, which say what to read there. Raises ConfigError."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    rest = urlencode([(name, value) for name, value in query if name not in names])
    address = Address.parse(urlunsplit(parts._replace(query=rest)))
    if address.kind != "single":
        raise ConfigError(f"a feed listens to one server: write redis://HOST:6379?{names[0]}=…")
    return address, {name: [value for named, value in query if named == name and value] for name in names}
