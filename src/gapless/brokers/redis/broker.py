"""The Redis broker: what the contract asks for, as calls of scripts and notifications that come."""

from __future__ import annotations

import asyncio
import secrets
from typing import NamedTuple

from redis.exceptions import ResponseError

from ...errors import BrokerError
from ...model import Draft, History, Position, Publication
from ...options import ChannelOptions, Limits
from ..base import Settle, Sink
from . import record, scripts
from .address import Address
from .cluster import Cluster
from .keys import CLUSTER_GROUPS, RECORD, Keys
from .nodes import RedisNodes
from .presence import RedisPresence
from .sequence import Run, Sequence, overtakes
from .server import Pace, Server
from .single import Single
from .site import Site, call, refused


class PageSize(NamedTuple):
    """What is read in one call: a longer page is put together from several, so that Redis goes on between."""

    entries: int = 5000
    bytes: int = 1 << 20
    """Of payloads and tags."""


FINISH_SECONDS = 1.0
"""What is under way when the broker closes may take this long."""


ONE_CALL = PageSize()


class RedisBroker:
    """Streams in Redis, shared by every node that names the same servers and prefix.

    A publication is acknowledged when the script that numbered, stored and notified it ran on the
    primary. While there is no connection, publishing fails at once. When a connection breaks,
    what was under way fails with BrokerError and may have been stored all the same: publish it
    again with the same `idempotency_key`, and it is there once.
    """

    immediate = False

    def __init__(
        self,
        address: Address | str,
        limits: Limits | None = None,
        *,
        probe_seconds: float = 10.0,
        page: PageSize = ONE_CALL,
    ) -> None:
        self.address = Address.parse(address) if isinstance(address, str) else address
        self.keys = Keys(self.address.prefix, CLUSTER_GROUPS if self.address.kind == "cluster" else 1)
        self._limits = limits or Limits()
        self._page = page
        self._sink: Sink | None = None
        self._channels: dict[str, str] = {}
        site = Cluster if self.address.kind == "cluster" else Single
        self.site: Site = site(
            self.address, self.keys, self, pace=Pace(self._limits.broker_seconds, probe_seconds)
        )
        self.nodes = RedisNodes(self.keys, self.site)
        self.presence = RedisPresence(self.keys, self.site, self._limits)
        self._notify = b"SPUBLISH" if self.site.sharded else b"PUBLISH"
        self._remember = int(self._limits.idempotency_seconds * 1000)
        self._known: set[str] = set()
        self._sequence = Sequence()

    async def start(self, sink: Sink) -> None:
        self._sink = sink
        await self.site.start()

    async def close(self) -> None:
        if self._sink is not None:
            await self.site.finish(FINISH_SECONDS)
            await self.site.close()
            self._sink = None

    def unready(self) -> str | None:
        """Why it cannot take publications or does not notify just now."""
        return self.site.problem()

    # -- publishing

    def publish(self, channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        group, keys = self.keys.stored(channel)
        once = draft.idempotency_key
        if once is not None:
            keys = (*keys, self.keys.of(group, RECORD, f"{channel}\n{once}"))  # type: ignore[assignment]
        ordered = options.history or once is not None
        run = self._sequence.next(channel) if ordered else None
        before, here = ("", "") if run is None else run.place()
        self.site.send(
            group,
            _Publishing(settle, self._sequence, run),
            b"EVALSHA",
            scripts.PUBLISH.sha,
            len(keys),
            *keys,
            self._notify,
            self.keys.notifications(channel),
            channel,
            draft.payload,
            record.about(draft),
            options.history,
            *_retention(options),
            _fresh(),
            int(draft.skip_history),
            self._remember,
            draft.version,
            draft.version_epoch,
            self._sequence.node,
            before,
            here,
        )
        if options.history:
            self._note(channel)

    # -- reading

    async def history(
        self,
        channel: str,
        options: ChannelOptions,
        *,
        after: int | None = None,
        limit: int | None = None,
        max_bytes: int | None = None,
        reverse: bool = False,
    ) -> History:
        if not options.history:
            return History([], Position(0, ""), 0)
        self._note(channel)
        if max_bytes is not None or limit == 0:
            most = self._page.entries if limit is None else min(limit, self._page.entries)
            room = self._page.bytes if max_bytes is None else min(max_bytes, self._page.bytes)
            return (await self._read(channel, options, after, most, room, reverse))[0]
        return await self._read_all(channel, options, after, limit, reverse)

    async def _read_all(
        self, channel: str, options: ChannelOptions, after: int | None, limit: int | None, reverse: bool
    ) -> History:
        found: list[Publication] = []
        while True:
            most = self._page.entries if limit is None else min(limit - len(found), self._page.entries)
            page, cut = await self._read(channel, options, after, most, self._page.bytes, reverse)
            some = page.publications
            if found and some and not reverse and some[0].position != _next(found[-1]):
                found = []  # trimmed, or another life of the stream, since the last call: begin there
            elif found and page.top.epoch != found[0].epoch:
                found, after = [], None  # newest first there is nothing that goes on behind another life
                continue
            found += some
            if (not cut and len(some) < most) or len(found) == limit:
                return History(found, page.top, page.oldest)
            after = some[-1].offset

    async def _read(
        self,
        channel: str,
        options: ChannelOptions,
        after: int | None,
        limit: int,
        max_bytes: int,
        reverse: bool,
    ) -> tuple[History, bool]:
        """One call of the script: a page, and whether it ended for its size."""
        group, keys = self.keys.stored(channel)
        _, max_age, idle = _retention(options)
        epoch, top, oldest, entries, cut = await call(
            self.site,
            group,
            b"EVALSHA",
            scripts.READ.sha,
            len(keys),
            *keys,
            channel,
            -1 if after is None else after,
            limit,
            max_bytes,
            int(reverse),
            max_age,
            idle,
            _fresh(),
        )
        life = epoch.decode()
        found = [record.entry(one, life) for one in entries]
        return History(found, Position(top, life), oldest), bool(cut)

    async def remove_history(self, channel: str) -> None:
        group, (_, stream, *_) = self.keys.stored(channel)
        await call(self.site, group, b"UNLINK", stream)

    # -- notifications

    async def subscribe(self, channel: str) -> None:
        name = self.keys.notifications(channel)
        self._channels[name] = channel
        await self.site.listen(self.keys.group(channel), name)

    async def unsubscribe(self, channel: str) -> None:
        name = self.keys.notifications(channel)
        if self._channels.pop(name, None) is not None:
            self.site.ignore(self.keys.group(channel), name)

    def heard(self, name: str, message: bytes) -> None:
        """What a server notified: of a channel, or from another node."""
        channel, sink = self._channels.get(name), self._sink
        if channel is None or sink is None:
            self.nodes.hear(name, message)
            return
        try:
            match message[:1]:
                case b"p":
                    sink.publication(channel, record.notified(message))
                case b"j":
                    sink.joined(channel, record.read_member(message[1:]))
                case b"l":
                    sink.left(channel, record.read_member(message[1:]))
                case _:
                    sink.garbled(channel)
        except BrokerError:  # whoever can write to Redis can write anything
            sink.garbled(channel)

    def interrupted(self) -> None:
        if self._sink is not None:
            self._sink.interrupted()

    # -- which channels there are

    def _note(self, channel: str) -> None:
        if len(self._known) < self._limits.memory_channels:
            self._known.add(channel)

    def known(self) -> list[str]:
        """Those that this node published to or read; see `streams` for all."""
        return list(self._known)

    async def streams(self) -> list[str]:
        """All channels that have a stream, whichever node made it. Raises BrokerError."""
        sets = await asyncio.gather(
            *(
                call(self.site, group, b"SMEMBERS", self.keys.names(group))
                for group in range(self.keys.groups)
            )
        )
        return sorted(name.decode() for names in sets for name in names)

    def expire(self, now: float) -> None:
        return None  # Redis expires by itself

    def servers(self) -> list[Server]:
        """The servers that it is connected to just now."""
        return self.site.servers()


class _Publishing:
    """A publication whose answer is awaited by its receipt."""

    __slots__ = ("_run", "_sequence", "_settle")

    def __init__(self, settle: Settle, sequence: Sequence, run: Run | None) -> None:
        self._settle = settle
        self._sequence = sequence
        self._run = run

    def answer(self, reply: bytes) -> None:
        if self._run is not None:
            self._sequence.done(self._run)
        if not reply:
            self._settle.resolve(None)
            return
        epoch, _, offset = reply.decode().rpartition(":")
        self._settle.resolve(Position(int(offset), epoch))

    def fail(self, error: Exception) -> None:
        if self._run is not None:
            self._sequence.failed(self._run)
        if isinstance(error, ResponseError):
            error = overtakes(error) or refused(error)
        self._settle.fail(error)


def _next(publication: Publication) -> Position:
    return Position(publication.offset + 1, publication.epoch)


def _fresh() -> str:
    """A name for a new life of a stream, used if it needs one."""
    return secrets.token_urlsafe(6)


def _retention(options: ChannelOptions) -> tuple[int, int, int]:
    """Bytes and milliseconds kept, -1 for any, and milliseconds until an idle channel is forgotten."""
    return (
        -1 if options.history_bytes is None else options.history_bytes,
        -1 if options.history_age is None else int(options.history_age * 1000),
        int(options.idle_expiry * 1000),
    )
