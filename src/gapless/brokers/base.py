"""What a backend promises: to number, store and notify publications, and to know who is present.

The verbs of a broker are start, close, publish, history, remove_history, subscribe and unsubscribe;
of a presence store start, join, leave, members and counts. Both also forget what is too old.

A broker stores and notifies; it knows no clients. Its promises:

* Offsets of a channel are 1, 2, 3 ... without holes, in one epoch; none is ever used twice.
* Taking the number, storing, trimming and notifying are one step, or the broker orders them:
  nothing is notified before it is stored, and nothing acknowledged before it is notified or lost.
* A history that is read after a notification holds that publication, unless it was trimmed since.
* A notification may be lost, repeated, late or out of order. Who listens repairs by reading.
* The epoch changes whenever continuity with earlier offsets cannot be proven, and only then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from ..model import Draft, History, Matches, Member, Position, Publication
from ..options import ChannelOptions


class Sink(Protocol):
    """Where a broker notifies; it is called on the loop's thread, and never raises."""

    def publication(self, channel: str, publication: Publication) -> None:
        """A publication was stored in a subscribed channel."""

    def joined(self, channel: str, member: Member) -> None:
        """Somebody joined a subscribed channel."""

    def left(self, channel: str, member: Member) -> None:
        """Somebody left a subscribed channel."""

    def interrupted(self) -> None:
        """Notifications may have been lost: every ring must be compared with its stream."""

    def garbled(self, channel: str) -> None:
        """A notification of a channel cannot be understood: its ring must be compared with its stream."""


class Settle(Protocol):
    """The other end of a receipt. Exactly one of the two is called, once, on the loop's thread."""

    def resolve(self, position: Position | None) -> None:
        """Stored as strongly as this broker says. None: it got no offset."""

    def fail(self, error: Exception) -> None:
        """Not stored, or unknown."""


class Broker(Protocol):
    """Stores publications and notifies who subscribed."""

    immediate: bool
    """Does reading history never wait? Such reads need no deadline and no turn, and are not shared."""

    async def start(self, sink: Sink) -> None:
        """Connect and begin to notify. Raises BrokerError."""

    async def close(self) -> None:
        """Stop notifying and give everything back; never raises."""

    def publish(self, channel: str, draft: Draft, options: ChannelOptions, settle: Settle) -> None:
        """Number, store and notify. Calls for one channel keep their order; never blocks."""

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
        """Read publications: oldest first behind `after`, or newest first before it with `reverse`.

        `after` None begins at the end that comes first. `limit` 0 reads the position only; with
        `max_bytes` the page ends before that many payload bytes, but holds at least one
        publication. A stream that does not exist yet gets its epoch by this. Raises BrokerError.
        """

    async def remove_history(self, channel: str) -> None:
        """Drop what is stored; offset and epoch go on. Raises BrokerError."""

    async def subscribe(self, channel: str) -> None:
        """Notify of this channel from now on. Raises BrokerError."""

    async def unsubscribe(self, channel: str) -> None:
        """Notify of it no more; never raises."""

    def expire(self, now: float) -> None:
        """Drop what is too old. Called about once a second, with the time in Unix seconds."""

    def known(self) -> list[str]:
        """Channels that this broker has a stream of."""


class PresenceStore(Protocol):
    """Who is in which channel, on all nodes together. A member that is not refreshed expires."""

    async def start(self, sink: Sink) -> None:
        """Announce joins and leaves to this sink from now on."""

    async def join(self, channel: str, member: Member, *, announce: bool) -> bool:
        """Add or refresh; True when this client was not in the channel, which is then announced."""

    async def leave(self, channel: str, client: str, *, announce: bool) -> Member | None:
        """Remove, and announce it; None when it was not there."""

    async def members(self, channel: str) -> dict[str, Member]:
        """Everybody, by client id."""

    async def counts(self, channel: str) -> tuple[int, int]:
        """How many clients, and how many distinct users."""

    def expire(self, now: float) -> None:
        """Remove and announce who was not refreshed in time. Called about once a second."""


# -- what only some brokers can do


@runtime_checkable
class SharesPresence(Protocol):
    """A broker with a presence store that its processes share."""

    presence: PresenceStore


@runtime_checkable
class PublishesRuns(Protocol):
    """A broker of this process that takes many publications to one channel in one step."""

    def publish_run(
        self, channel: str, payloads: Sequence[bytes], options: ChannelOptions
    ) -> Position | None:
        """Number, store and notify all of them, without a hole between them.

        Gives the position of the last, None where the channel keeps no history. Raises BrokerError:
        none of them was stored.
        """


@runtime_checkable
class MayFail(Protocol):
    """A broker that knows when it cannot store anything."""

    def unready(self) -> str | None:
        """Why nothing can be stored just now, naming the fix; None when it can."""


class Nodes(Protocol):
    """Carries what the nodes of a hub say to each other. Nothing of it is kept, and any of it may be lost."""

    async def enter(self, node: str, heard: Callable[[bytes], None]) -> None:
        """Be `node` from now on: hear what is said to it, and to all. Raises BrokerError."""

    def tell(self, message: bytes, node: str | None = None) -> None:
        """Say something to one node, or to all, this one among them; never blocks, and nobody confirms."""

    async def meet(self, node: str, about: bytes, seconds: float) -> dict[str, bytes]:
        """Say that this node lives for so long, and what of it; gives what each living node said.

        Raises BrokerError.
        """

    async def count(self, node: str, user: str, count: int, limit: int | None) -> bool:
        """Say how many connections of a user this node has; it is forgotten with the node.

        With a limit: False, and nothing is said, where all living nodes would then have more
        than that. Raises BrokerError.
        """

    async def part(self, node: str) -> None:
        """Live no more; never raises."""


@runtime_checkable
class JoinsNodes(Protocol):
    """A broker whose nodes can talk to each other, and together say which streams there are."""

    nodes: Nodes

    async def streams(self) -> list[str]:
        """All channels that have a stream, whichever node made it. Raises BrokerError."""


@runtime_checkable
class Searches(Protocol):
    """A broker that finds publications by their words, in channels with `ChannelOptions.search`."""

    async def search(
        self,
        channel: str,
        options: ChannelOptions,
        query: str,
        *,
        before: int | None = None,
        limit: int = 100,
        since: float | None = None,
        until: float | None = None,
        level: str | None = None,
    ) -> Matches:
        """Newest first, those below the offset `before`, and among them all that was acknowledged.

        Every word of `query` must be there; `"in quotes"` must stand together, `word*` begins a
        word, and an empty query finds everything. `since` and `until` are Unix seconds, the first
        included; `level` is that of the record, by any of its names: `WARN` finds `warning`.

        Raises:
            BrokerError: the store failed, or would have to look at too much.
        """
