"""The one table of the Centrifuge client protocol: which field of which message is what.

Both codecs are driven by it, so that JSON and Protobuf cannot drift apart. Names are those on
the wire, of JSON keys and Protobuf fields alike; messages.py uses the same. client.proto adds
the numbers, and fields that nobody here asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from ...errors import ClientError
from ...model import Member, Position, Publication
from . import messages as m


class Scalar(Enum):
    """A field of one value."""

    STRING = "string"
    BYTES = "bytes"
    """One JSON document: embedded as it stands in JSON, its bytes in Protobuf."""
    BOOL = "bool"
    U32 = "uint32"
    U64 = "uint64"
    I32 = "int32"
    I64 = "int64"


RANGES = {
    Scalar.U32: range(2**32),
    Scalar.U64: range(2**64),
    Scalar.I32: range(-(2**31), 2**31),
    Scalar.I64: range(-(2**63), 2**63),
}

EXACT = range(-(2**53), 2**53 + 1)
"""The integers that every client keeps exact: JavaScript's numbers."""


class Text(bytes):
    """Bytes that are no JSON document of their own: JSON writes them as a string."""


@dataclass(frozen=True, slots=True)
class Many:
    """A repeated field."""

    of: Kind


@dataclass(frozen=True, slots=True)
class Map:
    """A field from strings to values."""

    of: Kind


class Shape:
    """A message: its name in client.proto, the class that holds it, and its fields in order.

    `always` names the fields that JSON writes even when they are zero. `view` turns a value of
    ours into one that has the wire's attributes; `build` makes one of the fields that are set,
    where the class itself does not.
    """

    def __init__(
        self,
        name: str,
        holder: type[Any],
        fields: dict[str, Kind],
        *,
        always: frozenset[str] = frozenset(),
        view: Callable[[Any], Any] | None = None,
        build: Callable[..., Any] | None = None,
    ) -> None:
        self.name = name
        self.holder = holder
        self.fields = fields
        self.always = always
        self.view = view
        self.build = build or holder
        self.documents = frozenset(name for name, kind in fields.items() if embeds(kind))
        """The fields with JSON documents inside."""


Kind: TypeAlias = Scalar | Many | Map | Shape


def embeds(kind: Kind) -> bool:
    """Are there JSON documents inside, whose source must be kept?"""
    if isinstance(kind, Many | Map):
        return embeds(kind.of)
    return bool(kind.documents) if isinstance(kind, Shape) else kind is Scalar.BYTES


class _Pub(NamedTuple):
    data: bytes
    info: Member | None
    offset: int
    tags: Mapping[str, str] | None
    delta: bool


class _Error(NamedTuple):
    code: int
    message: str
    temporary: bool


def wire_publication(sent: m.Sent) -> _Pub:
    """A publication as the wire has it."""
    if isinstance(sent, Publication):
        return _Pub(sent.payload, sent.info, sent.offset, sent.tags, False)
    whole, patch = sent.publication, sent.patch
    data = Text(whole.payload if patch is None else patch)
    return _Pub(data, whole.info, whole.offset, whole.tags, patch is not None)


def _error(error: ClientError) -> _Error:
    # SDKs index both fields, so neither may be left out as zero, nor overflow.
    code = error.code if 0 < error.code < 2**32 else ClientError.code
    return _Error(code, error.message or ClientError.message, error.temporary)


STRING, BYTES, BOOL = Scalar.STRING, Scalar.BYTES, Scalar.BOOL
U32, U64, I32, I64 = Scalar.U32, Scalar.U64, Scalar.I32, Scalar.I64
CHANNEL: dict[str, Kind] = {"channel": STRING}
EXPIRY: dict[str, Kind] = {"expires": BOOL, "ttl": U32}
DATA: dict[str, Kind] = {"data": BYTES}

# -- requests --------------------------------------------------------------------------------------

FILTER_NODE = Shape(
    "FilterNode",
    m.FilterNode,
    {"op": STRING, "key": STRING, "cmp": STRING, "val": STRING, "vals": Many(STRING)},
)
FILTER_NODE.fields["nodes"] = Many(FILTER_NODE)

POSITION = Shape(
    "StreamPosition",
    Position,
    {"offset": U64, "epoch": STRING},
    build=lambda offset=0, epoch="": Position(offset, epoch),
)

SUBSCRIBE_REQUEST = Shape(
    "SubscribeRequest",
    m.Subscribe,
    {
        "channel": STRING,
        "token": STRING,
        "recover": BOOL,
        "epoch": STRING,
        "offset": U64,
        "data": BYTES,
        "positioned": BOOL,
        "recoverable": BOOL,
        "join_leave": BOOL,
        "delta": STRING,
        "tf": FILTER_NODE,
        "flag": I64,
        "type": I32,
    },
)

CONNECT_REQUEST = Shape(
    "ConnectRequest",
    m.Connect,
    {
        "token": STRING,
        "data": BYTES,
        "subs": Map(SUBSCRIBE_REQUEST),
        "name": STRING,
        "version": STRING,
        "headers": Map(STRING),
        "flag": I64,
    },
)

REQUESTS = {
    "connect": CONNECT_REQUEST,
    "subscribe": SUBSCRIBE_REQUEST,
    "unsubscribe": Shape("UnsubscribeRequest", m.Unsubscribe, CHANNEL),
    "publish": Shape("PublishRequest", m.Publish, {**CHANNEL, **DATA, "type": I32}),
    "presence": Shape("PresenceRequest", m.Presence, CHANNEL),
    "presence_stats": Shape("PresenceStatsRequest", m.PresenceStats, CHANNEL),
    "history": Shape(
        "HistoryRequest", m.History, {**CHANNEL, "limit": I32, "since": POSITION, "reverse": BOOL}
    ),
    "ping": Shape("PingRequest", m.Ping, {}),
    "send": Shape("SendRequest", m.Send, DATA),
    "rpc": Shape("RPCRequest", m.Rpc, {**DATA, "method": STRING}),
    "refresh": Shape("RefreshRequest", m.Refresh, {"token": STRING}),
    "sub_refresh": Shape("SubRefreshRequest", m.SubRefresh, {**CHANNEL, "token": STRING, "type": I32}),
}
"""Requests by their field in Command, in the order in which the first that is set counts."""

# -- results ---------------------------------------------------------------------------------------

CLIENT_INFO = Shape(
    "ClientInfo",
    Member,
    {"user": STRING, "client": STRING, "conn_info": BYTES, "chan_info": BYTES},
    always=frozenset({"user", "client"}),
)

PUBLICATION = Shape(
    "Publication",
    Publication,
    {"data": BYTES, "info": CLIENT_INFO, "offset": U64, "tags": Map(STRING), "delta": BOOL},
    view=wire_publication,
)

SUBSCRIBE_RESULT = Shape(
    "SubscribeResult",
    m.SubscribeResult,
    {
        **EXPIRY,
        "recoverable": BOOL,
        "epoch": STRING,
        "publications": Many(PUBLICATION),
        "recovered": BOOL,
        "offset": U64,
        "positioned": BOOL,
        "data": BYTES,
        "was_recovering": BOOL,
        "delta": BOOL,
    },
)

CONNECT_RESULT = Shape(
    "ConnectResult",
    m.ConnectResult,
    {
        "client": STRING,
        "version": STRING,
        **EXPIRY,
        "data": BYTES,
        "subs": Map(SUBSCRIBE_RESULT),
        "ping": U32,
        "pong": BOOL,
        "session": STRING,
        "node": STRING,
        "time": I64,
    },
)

RESULTS = {
    "connect": CONNECT_RESULT,
    "subscribe": SUBSCRIBE_RESULT,
    "unsubscribe": Shape("UnsubscribeResult", m.UnsubscribeResult, {}),
    "publish": Shape("PublishResult", m.PublishResult, {}),
    "presence": Shape(
        "PresenceResult", m.PresenceResult, {"presence": Map(CLIENT_INFO)}, always=frozenset({"presence"})
    ),
    "presence_stats": Shape(
        "PresenceStatsResult",
        m.PresenceStatsResult,
        {"num_clients": U32, "num_users": U32},
        always=frozenset({"num_clients", "num_users"}),
    ),
    "history": Shape(
        "HistoryResult",
        m.HistoryResult,
        {"publications": Many(PUBLICATION), "epoch": STRING, "offset": U64},
        always=frozenset({"publications", "epoch", "offset"}),
    ),
    "rpc": Shape("RPCResult", m.RpcResult, DATA),
    "refresh": Shape("RefreshResult", m.RefreshResult, {"client": STRING, "version": STRING, **EXPIRY}),
    "sub_refresh": Shape("SubRefreshResult", m.SubRefreshResult, EXPIRY),
}
"""Results by their field in Reply."""

ERROR = Shape("Error", ClientError, {"code": U32, "message": STRING, "temporary": BOOL}, view=_error)

# -- pushes ----------------------------------------------------------------------------------------

PUSHES = {
    "pub": Shape(
        "Publication", m.PublicationPush, PUBLICATION.fields, view=lambda push: wire_publication(push.pub)
    ),
    "join": Shape("Join", m.JoinPush, {"info": CLIENT_INFO}),
    "leave": Shape("Leave", m.LeavePush, {"info": CLIENT_INFO}),
    "unsubscribe": Shape("Unsubscribe", m.UnsubscribePush, {"code": U32, "reason": STRING}),
    "message": Shape("Message", m.MessagePush, DATA),
    "subscribe": Shape(
        "Subscribe",
        m.SubscribePush,
        {"recoverable": BOOL, "epoch": STRING, "offset": U64, "positioned": BOOL, "data": BYTES},
    ),
    "connect": Shape("Connect", m.ConnectPush, CONNECT_RESULT.fields, view=lambda push: push.result),
    "disconnect": Shape("Disconnect", m.DisconnectPush, {"code": U32, "reason": STRING}),
    "refresh": Shape("Refresh", m.RefreshPush, EXPIRY),
}
"""Pushes by their field in Push."""


def _by_holder(shapes: dict[str, Shape]) -> dict[type[Any], tuple[str, Shape]]:
    return {shape.holder: (name, shape) for name, shape in shapes.items()}


REPLY_FIELDS = _by_holder(RESULTS)
"""In which field of Reply a result goes, and what it looks like."""

ERROR_FIELD = ("error", ERROR)
"""The same for a ClientError of any kind."""

_PUSH_OF = _by_holder(PUSHES)


def push_shape(push: m.Push) -> tuple[str, Shape]:
    """In which field of Push this goes, and what it looks like."""
    return _PUSH_OF[type(push)]
