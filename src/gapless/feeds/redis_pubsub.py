"""A feed from plain Redis pub/sub: what any program publishes there is published in the same channel.

Redis keeps nothing of it. While the feed is connected nothing is lost on its side; what is published
while it is not is gone, and nobody can say how much that was. So after a break it says in each of
its channels that there was one.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import hiredis
import orjson
from redis.asyncio.connection import Connection

from ..client.outgoing import notice
from ..errors import BrokerError, ConfigError, GaplessError, NotRunning, Overloaded
from .redis_standing import Receipt, StandingFeed, split_address

log = logging.getLogger("gapless")

PING_SECONDS = 10.0
"""Between signs of life asked for; without any for two of these the connection is made anew."""

SETTLE_EVERY = 256
"""Publications between waits for the hub to have them."""

FULL_SECONDS = 0.05
"""Until a hub that has too much in flight is tried again. Redis keeps what comes meanwhile."""

CHANNELS_REMEMBERED = 10_000
"""Of those that patterns brought, for the notices after a break."""


Publish = Callable[[str, Any], Receipt]


class RedisFeed(StandingFeed):
    """Feeds `publish`, which is `hub.publish`, from channels and patterns of a Redis.

        async with hub, RedisFeed(hub.publish, "redis://localhost", channels=["app:logs"]):
            ...

    A payload that is JSON is published as it is, anything else as `{"raw": "…"}`. The feed connects
    for as long as it lives: `state` says how that goes, `received`, `refused` and `breaks` count.
    What the hub refuses, for its name or size, is counted and left out; what it could not store is counted
    and announced with that count once it stores again. After a break each channel gets
    `{"kind": "feeder_gap", "count": null, "seconds": …, "level": "warning", "message": "…"}`.

    The address may name channels and patterns itself: `redis://host?channel=a&pattern=app:*`.

    Raises:
        ConfigError: the address cannot be, or nothing is named.
    """

    def __init__(
        self,
        publish: Publish,
        url: str,
        *,
        channels: Sequence[str] = (),
        patterns: Sequence[str] = (),
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        address, named = split_address(url, "channel", "pattern")
        super().__init__(address)
        self._publish = publish
        self._channels = tuple(dict.fromkeys((*named["channel"], *channels)))
        self._patterns = tuple(dict.fromkeys((*named["pattern"], *patterns)))
        if not self._channels and not self._patterns:
            raise ConfigError("name what to feed from: redis://HOST:6379?channel=app:logs, or pattern=app:*")
        self._ping_seconds = ping_seconds
        self._seen: dict[str, None] = dict.fromkeys(self._channels)
        self._under_way: list[tuple[str, Receipt]] = []
        self._missing: dict[str, int] = {}

    def __str__(self) -> str:
        return f"feed from Redis at {self._address}"

    # -- feeding

    async def _join(self, connection: Connection) -> None:
        """Returns when Redis has confirmed each name."""
        async with asyncio.timeout(self._ping_seconds):
            for verb, names in ((b"SUBSCRIBE", self._channels), (b"PSUBSCRIBE", self._patterns)):
                if names:
                    packed = hiredis.pack_command((verb, *names))  # type: ignore[arg-type]  # its stub lacks "…"
                    await connection.send_packed_command(packed, check_health=False)
                for _ in names:
                    await self._take(await connection.read_response(timeout=math.inf))

    async def _read(self, connection: Connection) -> None:
        unanswered = 0
        taken = 0
        while True:
            reply = await connection.read_response(timeout=self._ping_seconds, disconnect_on_error=False)
            if reply is None:  # nothing came for a while
                await self._settle()
                if unanswered:
                    raise TimeoutError(f"no sign of life for {2 * self._ping_seconds:g} seconds")
                unanswered += 1
                await connection.send_command("PING", check_health=False)
                continue
            unanswered = 0
            await self._take(reply)
            taken += 1
            if taken % SETTLE_EVERY == 0:
                await self._settle()

    async def _take(self, reply: list[Any]) -> None:
        if reply[0] == b"message":
            await self._hand_on(reply[1], reply[2])
        elif reply[0] == b"pmessage" and reply[2].decode(errors="replace") not in self._channels:
            await self._hand_on(reply[2], reply[3])  # else it comes by its name as well

    async def _hand_on(self, name: bytes, payload: bytes) -> None:
        self.received += 1
        channel = name.decode(errors="replace")
        if len(self._seen) < CHANNELS_REMEMBERED:
            self._seen.setdefault(channel)
        await self._say(channel, data_of(payload))

    async def _say(self, channel: str, data: Any) -> None:
        while True:
            try:
                self._under_way.append((channel, self._publish(channel, data)))
            except Overloaded:
                await asyncio.sleep(FULL_SECONDS)
                continue
            except (NotRunning, BrokerError) as error:
                self._miss(channel, error)
            except (GaplessError, TypeError, ValueError) as error:
                self._refuse(channel, error)
            return

    async def _settle(self) -> None:
        """Wait for the hub: it must not be outrun, and the loop has turns to give. Say what it has not."""
        under_way, self._under_way = self._under_way, []
        for at, (channel, receipt) in enumerate(under_way):
            try:
                if receipt.done and at < len(under_way) - 1:
                    receipt.result(0)
                else:
                    await receipt
            except GaplessError as error:
                self._miss(channel, error)
        if not under_way:
            await asyncio.sleep(0)
        for channel, count in list(self._missing.items()):
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
            try:
                await self._publish(
                    channel, orjson.Fragment(notice(count, "the hub could not store them", stamp))
                )
            except GaplessError:
                break  # not yet
            del self._missing[channel]

    def _miss(self, channel: str, error: GaplessError) -> None:
        """Redis does not keep it, and the hub could not: it is said as soon as that can be stored."""
        self._refuse(channel, error)
        self._missing[channel] = self._missing.get(channel, 0) + 1

    def _came_back(self, seconds: float) -> None:
        text = f"the feed from Redis was interrupted for {seconds} s: what came meanwhile is missing"
        said = {
            "kind": "feeder_gap",
            "count": None,
            "seconds": seconds,
            "level": "warning",
            "message": text,
        }
        for channel in list(self._seen):
            try:
                self._under_way.append((channel, self._publish(channel, said)))
            except GaplessError as error:
                self._refuse(channel, error)


def data_of(payload: bytes) -> Any:
    """What is published for a payload: its JSON as it stands, or `{"raw": …}`."""
    try:
        data = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {"raw": payload.decode(errors="replace")}
    # As it stands, numbers included, unless it is spread over lines, which a publication is not.
    return data if b"\n" in payload or b"\r" in payload else orjson.Fragment(payload)
