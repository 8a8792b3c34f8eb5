"""One channel's stream as the store knows it: numbers without publications, and what moves them."""

from __future__ import annotations

from ...model import Draft, Position
from ...options import ChannelOptions

SLACK = 512
"""Publications that are no longer kept wait to be deleted, so many together."""


class Stream:
    """Where a stream stands inside one transaction, or after the last one.

    `appended` and `dropped` count payload bytes: of all publications that there ever were, and of
    those before `oldest`. The latter may lag behind, which makes what is kept look larger than it
    is; then the store looks up the exact value.
    """

    __slots__ = (
        "appended",
        "channel",
        "dropped",
        "epoch",
        "floor",
        "history_age",
        "id",
        "idle_expiry",
        "indexed",
        "oldest",
        "search",
        "top",
        "used_at",
        "version",
        "version_epoch",
    )

    COLUMNS = (
        "id, channel, epoch, top, oldest, floor, appended, dropped, indexed, used_at, version, "
        "version_epoch, history_age, idle_expiry, search"
    )

    def __init__(
        self,
        id: int,  # noqa: A002 - as the column
        channel: str,
        epoch: str,
        top: int = 0,
        oldest: int = 1,
        floor: int = 1,
        appended: int = 0,
        dropped: int = 0,
        indexed: int = 0,
        used_at: float = 0.0,
        version: int = 0,
        version_epoch: str = "",
        history_age: float | None = None,
        idle_expiry: float = 0.0,
        search: int = 0,
    ) -> None:
        self.id = id
        self.channel = channel
        self.epoch = epoch
        self.top = top
        self.oldest = oldest
        self.floor = floor
        self.appended = appended
        self.dropped = dropped
        self.indexed = indexed
        self.used_at = used_at
        self.version = version
        self.version_epoch = version_epoch
        self.history_age = history_age
        self.idle_expiry = idle_expiry
        self.search = search

    @property
    def position(self) -> Position:
        return Position(self.top, self.epoch)

    @property
    def lagging(self) -> int:
        """Publications that are no longer kept and not yet deleted."""
        return self.oldest - self.floor

    def use(self, options: ChannelOptions, now: float) -> None:
        """Somebody publishes or reads with these options."""
        self.used_at = now
        self.history_age = options.history_age
        self.idle_expiry = options.idle_expiry
        self.search = int(options.search)

    def append(self, size: int, history: int) -> int:
        """Take the next offset for a payload of so many bytes, and let go of what is too many."""
        self.top += 1
        self.appended += size
        self.oldest = max(self.oldest, self.top - history + 1)
        return self.top

    def is_too_large(self, history_bytes: int | None) -> bool:
        """May more bytes be kept than are allowed? The newest is kept in any case."""
        if history_bytes is None or self.oldest >= self.top:
            return False
        return self.appended - self.dropped > history_bytes

    def drop_before(self, oldest: int, dropped: int) -> None:
        """Keep nothing before `oldest`, which has so many bytes before it."""
        self.oldest = max(self.oldest, oldest)
        self.dropped = max(self.dropped, dropped)

    def drop_all(self) -> None:
        """Keep nothing any more; offset and epoch go on."""
        self.oldest = self.top + 1
        self.dropped = self.appended

    def is_repeated_version(self, draft: Draft) -> bool:
        """Is this publication not newer than what its publisher's version says we have?"""
        if not draft.version:
            return False
        if draft.version_epoch and draft.version_epoch != self.version_epoch:
            self.version_epoch = draft.version_epoch
        elif draft.version <= self.version % 2**64:
            return True
        # Of 64 bits, as it may be; SQLite has them with a sign.
        self.version = draft.version - (2**64 if draft.version >= 2**63 else 0)
        return False
