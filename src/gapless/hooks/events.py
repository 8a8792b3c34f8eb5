"""What hooks are told, and what they may answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..model import ANONYMOUS, Grant, Position, ServerSubscription, nothing
from ..options import ChannelOptions


@dataclass(frozen=True, slots=True)
class Client:
    """A connection, as hooks see it. `meta` is what the token or the on_connect hook kept for it.

    `protocol` is `json` or `protobuf`. `name` is what it calls itself in the query (`name=`), for those who
    look at clients, and `agent` what software it says it is (`User-Agent`); both prove nothing. `headers` and
    `emulated_headers` are those that `Hooks.keep_headers` named; the latter came with the connect command and
    prove nothing.
    """

    id: str
    user: str = ""
    transport: str = "websocket"
    address: str = ""
    meta: Mapping[str, Any] = field(default_factory=nothing)
    protocol: str = "json"
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=nothing)
    emulated_headers: Mapping[str, str] = field(default_factory=nothing)
    agent: str = ""


@dataclass(frozen=True, slots=True)
class ConnectEvent:
    """A client wants to connect. Return a Grant, a user id, or None for an anonymous client.

    `headers` have lower-case names; of repeated ones the last counts. `query` holds the last
    value of each parameter. `credential` tells that the server's own credential was presented.
    `token` is what the client presented, where the hub does not verify tokens itself.

    `scope` is the ASGI scope of the request as the application around the hub left it, for reading: a
    copy, whose `user`, `session`, `state` and `path_params` are there where middleware and mounts put
    them. `HTTPConnection(event.scope)` makes a dependency's argument of it.

    What follows is said by clients of the Centrifuge doors: `name` and `version` of their library,
    the `channels` that the server had subscribed them to, and `emulated_headers`, which stand for
    those that a browser cannot set and prove nothing.
    """

    client: Client
    headers: Mapping[str, str]
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    token: str = ""
    data: Any = None
    credential: bool = False
    name: str = ""
    version: str = ""
    channels: Sequence[str] = ()
    emulated_headers: Mapping[str, str] = field(default_factory=nothing)
    scope: Mapping[str, Any] = field(default_factory=nothing, repr=False, compare=False)

    @property
    def user(self) -> Any:
        """Whom the application's authentication found (`scope["user"]`); None without any."""
        return self.scope.get("user")

    @property
    def session(self) -> Mapping[str, Any]:
        """The application's session (`scope["session"]`), for reading; empty without any."""
        return MappingProxyType(self.scope.get("session") or {})

    @property
    def state(self) -> Mapping[str, Any]:
        """What the application's lifespan and middleware keep (`scope["state"]`), for reading."""
        return MappingProxyType(self.scope.get("state") or {})

    @property
    def path_params(self) -> Mapping[str, Any]:
        """The named parts of the path that the hub is mounted at: `/rooms/{room}`."""
        return MappingProxyType(self.scope.get("path_params") or {})


@dataclass(frozen=True, slots=True)
class Welcome(Grant):
    """A Grant that also says how: on the Centrifuge doors its client is subscribed to `subs`, by channel."""

    subs: Mapping[str, ServerSubscription] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class SubscribeEvent:
    """A client wants to subscribe. Return None or True to let it, or a `SubscriptionGrant`.

    `data` came with the command, and so did `token`, where the hub does not verify tokens itself.
    """

    client: Client
    channel: str
    since: Position | None = None
    data: Any = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class SubscriptionGrant:
    """What an `on_subscribe` hook may give along: for this one subscription.

    `info` is what others see of the member in this channel, `data` goes to the client with the
    reply; both JSON values. `expires_at` is Unix seconds. `options` replaces the channel's.
    """

    info: Any = None
    data: Any = None
    expires_at: float | None = None
    options: ChannelOptions | None = None


@dataclass(frozen=True, slots=True)
class UnsubscribeEvent:
    """A client left a channel, or lost its connection."""

    client: Client
    channel: str


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """A channel got its first subscriber on this node, or lost its last."""

    channel: str


@dataclass(frozen=True, slots=True)
class RpcEvent:
    """A client calls `method`; what the hook returns is the answer, as JSON."""

    client: Client
    method: str
    data: Any


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """A client sent a message that wants no answer."""

    client: Client
    data: Any


@dataclass(frozen=True, slots=True)
class RefreshEvent:
    """A connection, or with `channel` a subscription, expires now.

    Return the Unix time until which it goes on, or None to let it expire. A Grant for a
    connection, or a SubscriptionGrant for a subscription, says it by `expires_at` (None: without end), and
    what it has of `info` and `meta` replaces what was known.
    """

    client: Client
    channel: str = ""


@dataclass(frozen=True, slots=True)
class PublishEvent:
    """A client wants to publish. Return None to let `data` pass, or a `Replace` with other data.

    A hook that lets a publication pass allows it, also where `client_publish` is off.
    """

    client: Client
    channel: str
    data: Any


@dataclass(frozen=True, slots=True)
class Replace:
    """What is published instead, and how: as in `Hub.publish` and, the last three, in the server API."""

    data: Any
    tags: Mapping[str, str] | None = None
    skip_history: bool = False
    idempotency_key: str | None = None
    delta: bool = False
    version: int = 0
    version_epoch: str = ""


@dataclass(frozen=True, slots=True)
class DisconnectEvent:
    """A client is gone, with the close code and reason that either side gave."""

    client: Client
    code: int
    reason: str


def grant_from(answer: Any) -> Grant:
    """What an on_connect hook returned, as a Grant. Raises TypeError naming what it may return."""
    if answer is None:
        return ANONYMOUS
    if isinstance(answer, Grant):
        return answer
    if isinstance(answer, str):
        return Grant(user=answer)
    raise TypeError(f"an on_connect hook returns a Grant, a user id or None, not {type(answer).__name__}")
