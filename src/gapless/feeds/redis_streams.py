"""A feed from Redis Streams: what is added there is published here, from where it was left.

How far it came is kept by Redis itself, in a consumer group of each stream. An entry is acknowledged when
the hub has it, and carries its id as idempotency key, so that one that is read again is no second copy.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
from redis.asyncio.connection import Connection
from redis.exceptions import RedisError, ResponseError

from ..brokers.redis.address import Address
from ..brokers.redis.link import disconnect
from ..brokers.redis.server import ask, connect
from ..client.backoff import Backoff
from ..client.outgoing import notice
from ..errors import ConfigError, GaplessError, Overloaded
from .redis_pubsub import FULL_SECONDS, Receipt, data_of

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


class StreamFeed:
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
        self._address, named, self._group = _split(url, group)
        self._publish = publish
        self._streams = tuple(dict.fromkeys((*named, *streams)))
        if not self._streams:
            raise ConfigError("name what to feed from: redis://HOST:6379?stream=app:logs")
        self._begin_at = "0" if from_start else "$"
        self._task: asyncio.Task[None] | None = None
        self._reasons: set[str] = set()
        self.state = "not started"
        """`connecting`, `live`, or `away: ` and why."""
        self.received = 0
        self.refused = 0
        self.breaks = 0

    def __str__(self) -> str:
        return f"feed from streams of Redis at {self._address}"

    async def __aenter__(self) -> Self:
        self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def begin(self) -> None:
        """Connect and feed, on this loop, until `end`."""
        self._task = asyncio.get_running_loop().create_task(self._feed())

    def end(self) -> None:
        """Read no more; what was read and not acknowledged is read again next time."""
        if self._task is not None:
            self._task.cancel()

    async def _feed(self) -> None:
        backoff = Backoff()
        while True:
            self.state = "connecting"
            connection: Connection | None = None
            try:
                connection = await connect(self._address, self._address.places[0])
                for stream in self._streams:
                    await self._join(connection, stream)
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

    async def _join(self, connection: Connection, stream: str) -> None:
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
        """Hand on what comes. Raises RedisError, OSError: the connection broke, or nothing lives there."""
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
            except (GaplessError, TypeError, ValueError) as error:
                self.refused += 1
                if len(self._reasons) < 20 and str(error) not in self._reasons:
                    self._reasons.add(str(error))
                    log.warning("the %s: an entry of %r was not taken: %s", self, channel, error)
                return None

    def _say_live(self) -> None:
        self.state = "live"

    def _say_away(self, error: Exception) -> None:
        if not self.state.startswith("away"):
            self.breaks += 1
            log.warning("the %s is away: %s", self, error)
        self.state = f"away: {str(error) or type(error).__name__}"


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


def _split(url: str, group: str) -> tuple[Address, list[str], str]:
    """The address, the streams that it names, and the group. Raises ConfigError."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    rest = urlencode([(name, value) for name, value in query if name not in ("stream", "group")])
    address = Address.parse(urlunsplit(parts._replace(query=rest)))
    if address.kind != "single":
        raise ConfigError("a feed listens to one server: write redis://HOST:6379?stream=…")
    named = [value for name, value in query if name == "stream" and value]
    return address, named, next((value for name, value in query if name == "group" and value), group)


def names_streams(url: str) -> bool:
    """Is it the address of a feed from streams, and not from pub/sub?"""
    return any(name == "stream" for name, _ in parse_qsl(urlsplit(url).query))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
