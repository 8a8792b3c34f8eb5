"""A feed from Redis Streams: what is added there is published here, from where it was left.

How far it came is kept by Redis itself, in a consumer group of each stream. An entry is acknowledged when
the hub has it, and carries its id as idempotency key, so that one that is read again is no second copy.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import orjson
from redis.asyncio.connection import Connection
from redis.exceptions import ResponseError

from ..brokers.redis.server import ask
from ..client.outgoing import notice
from ..errors import BrokerError, ConfigError, GaplessError, NotRunning, Overloaded
from .redis_pubsub import FULL_SECONDS, data_of
from .redis_standing import Receipt, StandingFeed, split_address

log = logging.getLogger("gapless")

GROUP = "gapless"
CONSUMER = "feed"
READ = 500
"""Entries of one reply."""
BLOCK_SECONDS = 5.0
"""For which Redis waits for something to come; also how often it is asked whether it lives."""
PAYLOAD_FIELDS = (b"data", b"payload", b"json", b"message")
"""An entry with one of these as its only field is what that field holds."""


class Publish(Protocol):
    """What `hub.publish` is."""

    def __call__(self, channel: str, data: Any, *, idempotency_key: str | None = None) -> Receipt: ...


class StreamFeed(StandingFeed):
    """Feeds `publish`, which is `hub.publish`, from streams of a Redis (7, or Valkey).

        async with hub, StreamFeed(hub.publish, "redis://localhost", streams=["app:logs"]):
            ...

    A stream is published in the channel of its name. An entry whose only field is `data`, `payload`,
    `json` or `message` is what that holds, as JSON where it is JSON; any other is an object of its
    fields. A stream that is new to this `group` is read from its end, or its beginning with `from_start`.
    What Redis trimmed before it was read is announced: `{"kind": "feeder_gap", "count": …}`.

    The address may name streams and the group itself: `redis://host?stream=app:logs&group=one`.

    Raises:
        ConfigError: the address cannot be, or nothing is named.
    """

    def __init__(
        self,
        publish: Publish,
        url: str,
        *,
        streams: Sequence[str] = (),
        group: str = GROUP,
        from_start: bool = False,
    ) -> None:
        address, named = split_address(url, "stream", "group")
        super().__init__(address)
        self._group = next(iter(named["group"]), group)
        self._publish = publish
        self._streams = tuple(dict.fromkeys((*named["stream"], *streams)))
        if not self._streams:
            raise ConfigError("name what to feed from: redis://HOST:6379?stream=app:logs")
        self._begin_at = "0" if from_start else "$"

    def __str__(self) -> str:
        return f"feed from streams of Redis at {self._address}"

    async def _join(self, connection: Connection) -> None:
        for stream in self._streams:
            await self._join_stream(connection, stream)

    async def _join_stream(self, connection: Connection, stream: str) -> None:
        """Have a place in the stream, and say what was trimmed in front of it."""
        try:
            await ask(connection, "XGROUP", "CREATE", stream, self._group, self._begin_at, "MKSTREAM")
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
            lost = await self._trimmed(connection, stream)
            if lost:
                text = "Redis trimmed the stream before it was read"
                await self._hand_on(stream, orjson.Fragment(notice(lost, text, _now())), None)

    async def _trimmed(self, connection: Connection, stream: str) -> int:
        """How many entries were added behind our place and are gone; 0 also where Redis cannot tell."""
        about = _pairs(await ask(connection, "XINFO", "STREAM", stream))
        for one in await ask(connection, "XINFO", "GROUPS", stream):
            group = _pairs(one)
            if group.get(b"name") == self._group.encode() and group.get(b"lag") is not None:
                return max(0, int(group[b"lag"]) - int(about[b"length"]))
        return 0

    async def _read(self, connection: Connection) -> None:
        place = dict.fromkeys(self._streams, "0")  # first what was read before and not acknowledged
        block = str(int(BLOCK_SECONDS * 1000))
        while True:
            asked = ["XREADGROUP", "GROUP", self._group, CONSUMER, "COUNT", str(READ), "BLOCK", block]
            reply = await ask(
                connection, *asked, "STREAMS", *place, *place.values(), deadline=2 * BLOCK_SECONDS
            )
            found = dict(reply.items() if isinstance(reply, dict) else reply or ())
            for stream, at in place.items():
                entries = found.get(stream.encode(), [])
                if entries and isinstance(entries[0][0], list):
                    entries = entries[0]  # RESP 3 has one list more
                if at != ">" and not entries:
                    place[stream] = ">"
                elif at != ">":
                    place[stream] = entries[-1][0].decode()
                if entries:
                    await self._take(connection, stream, entries)

    async def _take(self, connection: Connection, stream: str, entries: list[Any]) -> None:
        receipts = []
        for number, fields in entries:
            if fields is not None:  # it was deleted since it was read
                self.received += 1
                receipts.append(await self._hand_on(stream, payload_of(fields), number.decode()))
        for receipt in receipts:
            if receipt is not None:
                try:
                    await receipt
                except GaplessError as error:
                    raise ConnectionError(f"the hub cannot store it: {error}") from None
        await ask(connection, "XACK", stream, self._group, *(number for number, _ in entries))

    async def _hand_on(self, channel: str, data: Any, number: str | None) -> Receipt | None:
        key = None if number is None else f"{self._group[:20]}:{number}"
        while True:
            try:
                return self._publish(channel, data, idempotency_key=key)
            except Overloaded:
                await asyncio.sleep(FULL_SECONDS)
            except (NotRunning, BrokerError) as error:
                raise ConnectionError(f"the hub cannot store it: {error}") from None
            except (GaplessError, TypeError, ValueError) as error:
                self._refuse(channel, error)
                return None


def payload_of(fields: list[bytes] | dict[bytes, bytes]) -> Any:
    """What is published for the fields of an entry."""
    pairs = _pairs(fields)
    if len(pairs) == 1:
        name, value = next(iter(pairs.items()))
        if name in PAYLOAD_FIELDS:
            data = data_of(value)
            return {"message": data["raw"]} if isinstance(data, dict) and "raw" in data else data
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs.items()}


def _pairs(reply: Any) -> dict[bytes, Any]:
    """Names and values, which RESP 2 has in one list."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


def names_streams(url: str) -> bool:
    """Is it the address of a feed from streams, and not from pub/sub?"""
    return any(name == "stream" for name, _ in parse_qsl(urlsplit(url).query))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
