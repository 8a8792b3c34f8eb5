"""The values that everything speaks: frozen, and valid when they exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from . import opaque

_POSITION = re.compile(r"([0-9A-Za-z_\-]{0,64}):(0|[1-9][0-9]{0,18})", re.ASCII)


T = TypeVar("T")
V = TypeVar("V")

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""The one empty mapping: most connections have nothing to say of themselves."""


def nothing() -> Mapping[str, Any]:
    """`NOTHING`, for who wants a function."""
    return NOTHING


class Position(NamedTuple):
    """A place in one life of a channel's stream: everything up to and including `offset` of `epoch`.

    Written `EPOCH:OFFSET`. `(0, "")` means: before everything.
    """

    offset: int
    epoch: str

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read `EPOCH:OFFSET`. Raises ValueError naming what is wrong."""
        match = _POSITION.fullmatch(text)
        if match is None:
            raise ValueError(f"a position is EPOCH:OFFSET, as in kXwQabcd:42, not {text[:80]!r}")
        return cls(int(match[2]), match[1])


BEFORE_EVERYTHING = Position(0, "")


class Member(NamedTuple):
    """Who is in a channel, or who published: one connection of one user.

    `conn_info` and `chan_info` are JSON bytes or None.
    """

    client: str
    user: str = ""
    conn_info: bytes | None = None
    chan_info: bytes | None = None


class Publication(NamedTuple):
    """One entry in a channel.

    `payload` is valid UTF-8 JSON without raw newlines, exactly as published; what is no JSON is packed
    (see `opaque`). `offset` is 0 for
    a publication without one: the channel keeps no history, or it was asked not to.
    """

    payload: bytes
    offset: int = 0
    epoch: str = ""
    tags: Mapping[str, str] | None = None
    info: Member | None = None
    time: float = 0.0
    """When the broker took it: seconds since 1970, UTC."""
    delta: bool = False
    """Was it published for delta compression?"""
    exclude: str | None = None
    """The client id that does not get it: its publisher, who knows it already."""

    @property
    def size(self) -> int:
        """Bytes that it counts as, wherever publications are bounded: its tags are kept as well."""
        return len(self.payload) if self.tags is None else len(self.payload) + tag_bytes(self.tags)

    @property
    def data(self) -> Any:
        """The payload, decoded anew at each call; bytes where it was published as what is no JSON."""
        return opaque.value(self.payload)

    @property
    def position(self) -> Position:
        """The position right after this publication."""
        return Position(self.offset, self.epoch)


TAG_OVERHEAD = 100
"""What a tag costs beside its text."""


def tag_bytes(tags: Mapping[str, str]) -> int:
    """What the tags of a publication cost."""
    return sum(len(name.encode()) + len(value.encode()) + TAG_OVERHEAD for name, value in tags.items())


class Run(list[T]):
    """Publications that were read together, and what protocols made of them.

    Encoded once for all who missed the same: thousands do when they come back at the same time.
    Nobody changes it. `encoded` is by whatever names the form.
    """

    __slots__ = ("encoded",)

    def __init__(self, publications: Iterable[T]) -> None:
        super().__init__(publications)
        self.encoded: dict[Hashable, Any] = {}

    def once(self, form: Hashable, make: Callable[[Run[T]], V]) -> V:
        """What `make` makes of it: made for the first who asks for this form, kept for all others."""
        if form not in self.encoded:
            self.encoded[form] = make(self)
        made: V = self.encoded[form]
        return made


def shown(publications: list[Publication], client: str) -> list[Publication]:
    """Those that a client gets to see; where that is all of them, the very list."""
    if isinstance(publications, Run):
        excluded = publications.once("excluded", lambda run: frozenset(p.exclude for p in run))
        if client not in excluded:
            return publications
    return [publication for publication in publications if publication.exclude != client]


class History(NamedTuple):
    """A page of a channel's history.

    `publications` are in order and without holes. `top` is the stream's position when it was
    read, `oldest` the oldest offset still kept then; `top.offset + 1` when nothing is.
    """

    publications: list[Publication]
    top: Position
    oldest: int

    def is_cut(self, limit: int | None, *, reverse: bool = False) -> bool:
        """Does the page end before the `limit` that was asked for (None: all), with more behind it?"""
        if not self.publications or (limit is not None and len(self.publications) >= limit):
            return False
        last = self.publications[-1].offset
        return last > self.oldest if reverse else last < self.top.offset


class Matches(NamedTuple):
    """What a search found in a channel: newest first, `top` being the stream's position then.

    With `more`, searching again before the offset of the last one goes on with older ones.
    """

    publications: list[Publication]
    top: Position
    more: bool


class Draft(NamedTuple):
    """A publication on its way to the broker, which gives it an offset."""

    payload: bytes
    tags: Mapping[str, str] | None = None
    info: Member | None = None
    skip_history: bool = False
    idempotency_key: str | None = None
    delta: bool = False
    exclude: str | None = None
    version: int = 0
    version_epoch: str = ""

    @property
    def size(self) -> int:
        """As that of the publication that becomes of it."""
        return len(self.payload) if self.tags is None else len(self.payload) + tag_bytes(self.tags)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a connection may do, as its token or the `on_connect` hook said.

    `info` is JSON bytes that others see in presence, `data` JSON bytes for the connect reply.
    `expires_at` is Unix seconds, None for never. `channels` are subscribed on the client's behalf.
    `operator` passes every check: it holds the server's own credential. `watches` may read what the hub
    says of itself, as an operator may: whoever may call the API.
    """

    user: str = ""
    info: bytes | None = None
    data: bytes | None = None
    expires_at: float | None = None
    channels: tuple[str, ...] = ()
    operator: bool = False
    meta: Mapping[str, Any] = field(default_factory=nothing)
    watches: bool = False


ANONYMOUS = Grant()
"""Somebody without a user id, who may do what the options let clients do."""


@dataclass(frozen=True, slots=True)
class Override:
    """Options of a channel that a token or the server replaces for one subscription; None leaves them."""

    presence: bool | None = None
    join_leave: bool | None = None
    force_push_join_leave: bool | None = None
    force_recovery: bool | None = None
    force_positioning: bool | None = None


NO_OVERRIDE = Override()


@dataclass(frozen=True, slots=True)
class ServerSubscription:
    """One channel that the server subscribes a connection to. `info` and `data` are JSON bytes."""

    info: bytes | None = None
    data: bytes | None = None
    override: Override = NO_OVERRIDE
    expires_at: float | None = None
    """Unix seconds; None: it never expires. No token says this, only a hook or the server API."""

    @property
    def resuming(self) -> ServerSubscription:
        """The same, of which the server says where it goes on: that is then not the client's to ask for."""
        return replace(self, override=replace(self.override, force_recovery=True))


NO_SUBSCRIPTION = ServerSubscription()
"""One with nothing special about it."""


@dataclass(frozen=True, slots=True)
class Stats:
    """One snapshot of a hub: counts since it started, and how things stand now.

    `counters` is documented in the reference, name by name; names never hold a channel or a user.
    """

    clients: int
    users: int
    channels: int
    subscriptions: int
    uptime_seconds: float
    ring_bytes: int
    in_flight_bytes: int
    counters: Mapping[str, int]
