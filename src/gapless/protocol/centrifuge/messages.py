"""The vocabulary between a client and its session: commands, replies and pushes.

Names and meanings are those of the Centrifuge client protocol, version 2. A default is what the
wire leaves out: False, 0, empty. `bytes` hold one JSON document each, `b""` stands for none.
What a codec decoded is checked: its payloads are strict JSON on one line. What most commands and
replies are made of is a named tuple: made in a third of the time of a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from ...errors import ClientError
from ...model import NOTHING, Member, Position, Publication

# -- requests --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FilterNode:
    """A filter on a publication's tags; `filters` says what is valid and what matches.

    A leaf has `op` "" and compares: `key`, `cmp`, and `val` or `vals`. An inner node has `op`
    `and`, `or` or `not`, and `nodes`.
    """

    op: str = ""
    key: str = ""
    cmp: str = ""
    val: str = ""
    vals: tuple[str, ...] = ()
    nodes: tuple[FilterNode, ...] = ()


class Subscribe(NamedTuple):
    """Let me into `channel`; with `recover`, from the position (`offset`, `epoch`) on."""

    channel: str = ""
    token: str = ""
    recover: bool = False
    epoch: str = ""
    offset: int = 0
    data: bytes = b""
    positioned: bool = False
    """Wish: track my position."""
    recoverable: bool = False
    """Wish: tell me positions to recover from."""
    join_leave: bool = False
    """Wish: tell me who comes and goes."""
    delta: str = ""
    """Wish: send patches of this kind; `fossil` is the only one there is."""
    tf: FilterNode | None = None
    """Send only publications whose tags match."""
    flag: int = 0
    """1: knows numeric channel ids. 2: refuse with error 112 rather than answer `recovered: false`."""
    type: int = 0
    """0: a stream. Others are map subscriptions and shared polls."""

    @property
    def position(self) -> Position:
        """Where the client says it was."""
        return Position(self.offset, self.epoch)


class Connect(NamedTuple):
    """Who I am. Must come first, and once."""

    token: str = ""
    data: bytes = b""
    subs: Mapping[str, Subscribe] = NOTHING
    """Positions of server-side subscriptions, by channel; on unidirectional doors also wishes."""
    name: str = ""
    """Of the client's library or application."""
    version: str = ""
    headers: Mapping[str, str] = NOTHING
    """Stand-ins for HTTP headers that a browser cannot set. Never to be trusted as those."""
    flag: int = 0
    """Features of the connection that the client offers; none of them is answered."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Let me out of `channel`."""

    channel: str = ""


class Publish(NamedTuple):
    """Append `data` to `channel`."""

    channel: str = ""
    data: bytes = b""
    type: int = 0
    """0: to a stream. 1: to a map."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is in `channel`?"""

    channel: str = ""


@dataclass(frozen=True, slots=True)
class PresenceStats:
    """How many are in `channel`?"""

    channel: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Publications of `channel`: after `since`, or before it in `reverse`."""

    channel: str = ""
    limit: int = 0
    """How many; 0: the position only; negative: all, up to the server's limit."""
    since: Position | None = None
    """Exclusive. An empty epoch skips the comparison of epochs."""
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """A command that no SDK sends; the answer is error 108."""


@dataclass(frozen=True, slots=True)
class Send:
    """A message to the application. There is no reply."""

    data: bytes = b""


class Rpc(NamedTuple):
    """Call `method` of the application."""

    data: bytes = b""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Refresh:
    """A new token for the connection."""

    token: str = ""


@dataclass(frozen=True, slots=True)
class SubRefresh:
    """A new token for the subscription to `channel`."""

    channel: str = ""
    token: str = ""
    type: int = 0
    """0: this. Others track the keys of a shared poll."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping: a command without an id."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """A request that was understood but cannot be meant: answer error 107 with `reason`.

    Its payload is not strict JSON, or an integer of its is beyond 2^53.
    """

    request: str
    """Which: `publish`, say."""
    reason: str


Request: TypeAlias = (
    Connect
    | Subscribe
    | Unsubscribe
    | Publish
    | Presence
    | PresenceStats
    | History
    | Ping
    | Send
    | Rpc
    | Refresh
    | SubRefresh
    | Pong
    | Invalid
)


class Command(NamedTuple):
    """One thing that the client wants. `id` is 0 for `Pong` and may be for `Send`, never else."""

    id: int
    request: Request


@dataclass(frozen=True, slots=True)
class EmulationRequest:
    """A frame that came by HTTP for the session whose replies go down a stream."""

    node: str
    session: str
    data: str | bytes
    """The frame: text for JSON, bytes for Protobuf; `Codec.decode` takes it."""


# -- results ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeltaForm:
    """A publication as a subscription gets it that negotiated delta: all of them come like this.

    With `patch`, a Fossil delta from the payload of the publication sent before it, it travels
    as that; without, whole. In JSON either is a string.
    """

    publication: Publication
    patch: bytes | None = None


Sent: TypeAlias = Publication | DeltaForm


class SubscribeResult(NamedTuple):
    """You are in; this is the position you are at."""

    expires: bool = False
    """The client refreshes the subscription within `ttl`."""
    ttl: int = 0
    """Seconds; never 0 with `expires`."""
    recoverable: bool = False
    """SDKs keep `offset` and `epoch` only with this; `epoch` must then not be empty."""
    epoch: str = ""
    publications: Sequence[Sent] = ()
    """What was missed, oldest first."""
    recovered: bool = False
    offset: int = 0
    """The stream's top; when `recovered`, what the client asked to go on from."""
    positioned: bool = False
    data: bytes = b""
    was_recovering: bool = False
    delta: bool = False
    """Publications are in delta form, here and in every push."""


class ConnectResult(NamedTuple):
    """You are connected, as `client`."""

    client: str = ""
    version: str = ""
    """Of the server; SDKs want it not empty."""
    expires: bool = False
    """The client refreshes the connection within `ttl`."""
    ttl: int = 0
    """Seconds; never 0 with `expires`."""
    data: bytes = b""
    subs: Mapping[str, SubscribeResult] = NOTHING
    """Server-side subscriptions by channel. SDKs drop those they had and do not find here."""
    ping: int = 0
    """Seconds between the server's pings; 0: none come."""
    pong: bool = False
    """Pings want a pong."""
    session: str = ""
    """Secret; only on emulated and unidirectional doors."""
    node: str = ""
    """Where `session` lives; only on emulated doors."""
    time: int = 0
    """The server's, in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class UnsubscribeResult:
    """You are out."""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """It is in the history, and on its way."""


@dataclass(frozen=True, slots=True)
class PresenceResult:
    """Members by client id."""

    presence: Mapping[str, Member] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PresenceStatsResult:
    """Connections, and distinct users among them."""

    num_clients: int = 0
    num_users: int = 0


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """A page, never in delta form; `offset` and `epoch` are the stream's top."""

    publications: Sequence[Publication] = ()
    epoch: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class RpcResult:
    """What the application answered."""

    data: bytes = b""


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """The new token is taken."""

    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0
    """Seconds; never 0 with `expires`."""


@dataclass(frozen=True, slots=True)
class SubRefreshResult:
    """The new token is taken."""

    expires: bool = False
    ttl: int = 0
    """Seconds; never 0 with `expires`."""


Result: TypeAlias = (
    ConnectResult
    | SubscribeResult
    | UnsubscribeResult
    | PublishResult
    | PresenceResult
    | PresenceStatsResult
    | HistoryResult
    | RpcResult
    | RefreshResult
    | SubRefreshResult
)


class Reply(NamedTuple):
    """The answer to the command with this `id`: its result, or why there is none."""

    id: int
    outcome: Result | ClientError


# -- pushes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublicationPush:
    """The next publication of `channel`."""

    channel: str
    pub: Sent


@dataclass(frozen=True, slots=True)
class JoinPush:
    """Somebody came into `channel`."""

    channel: str
    info: Member


@dataclass(frozen=True, slots=True)
class LeavePush:
    """Somebody left `channel`."""

    channel: str
    info: Member


@dataclass(frozen=True, slots=True)
class UnsubscribePush:
    """The server ended a subscription. `code` is not 0, `reason` not empty."""

    channel: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class SubscribePush:
    """The server began a subscription."""

    channel: str
    recoverable: bool = False
    epoch: str = ""
    offset: int = 0
    positioned: bool = False
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class MessagePush:
    """A message to this connection, outside of any channel."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ConnectPush:
    """The beginning of a unidirectional connection."""

    result: ConnectResult


@dataclass(frozen=True, slots=True)
class DisconnectPush:
    """The end of a connection that has no close frame. SDKs know from `code` whether to come back."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class RefreshPush:
    """The server prolonged the connection, or will let it expire in `ttl` seconds."""

    expires: bool = False
    ttl: int = 0


Push: TypeAlias = (
    PublicationPush
    | JoinPush
    | LeavePush
    | UnsubscribePush
    | SubscribePush
    | MessagePush
    | ConnectPush
    | DisconnectPush
    | RefreshPush
)
