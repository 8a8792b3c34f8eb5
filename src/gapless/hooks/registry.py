"""Hooks: functions of the application that allow, refuse or enrich what clients do.

Sync functions run in a worker thread, async ones on the loop. A hook refuses by raising
ClientError (the command is answered with its code) or Disconnect (the connection is closed), or
by returning False. Any other exception is the application's bug: it is logged once, counted, and
the client gets error 100.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..auth.claims import ServerSubscription
from ..core.counters import Counters
from ..core.patterns import Pattern
from ..errors import ClientError, Disconnect, Internal, PermissionDenied
from ..model import ANONYMOUS, Grant, Position, nothing
from ..options import ChannelOptions

log = logging.getLogger("gapless")

Hook = Callable[..., Any]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Client:
    """A connection, as hooks see it. `meta` is what the token or the on_connect hook kept for it.

    `protocol` is `json` or `protobuf`. `headers` and `emulated_headers` are those that
    `Hooks.keep_headers` named; the latter came with the connect command and prove nothing.
    """

    id: str
    user: str = ""
    transport: str = "websocket"
    address: str = ""
    meta: Mapping[str, Any] = field(default_factory=nothing)
    protocol: str = "json"
    headers: Mapping[str, str] = field(default_factory=nothing)
    emulated_headers: Mapping[str, str] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class ConnectEvent:
    """A client wants to connect. Return a Grant, a user id, or None for an anonymous client.

    `headers` have lower-case names; of repeated ones the last counts. `query` holds the last
    value of each parameter. `credential` tells that the server's own credential was presented.
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


@dataclass(frozen=True, slots=True)
class Welcome(Grant):
    """A Grant that also says how: on the Centrifuge doors its client is subscribed to `subs`, by channel."""

    subs: Mapping[str, ServerSubscription] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class SubscribeEvent:
    """A client wants to subscribe. Return None or True to let it, or a `Seat`.

    `data` came with the command, and so did `token`, where the hub does not verify tokens itself.
    """

    client: Client
    channel: str
    since: Position | None = None
    data: Any = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Seat:
    """What an on_subscribe hook may give along: for this subscription only.

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
    connection, or a Seat for a subscription, says it by `expires_at` (None: without end), and
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


@dataclass(slots=True)
class _Registered:
    pattern: Pattern | None
    function: Hook


@dataclass(slots=True)
class Hooks:
    """What an application registered, by event."""

    counters: Counters
    _hooks: dict[str, list[_Registered]] = field(default_factory=dict)
    _headers: set[str] = field(default_factory=set)
    _emulated: set[str] = field(default_factory=set)

    def keep_headers(self, names: Iterable[str], emulated: Iterable[str] = ()) -> None:
        """Let later hooks see these headers of a client too, and not only `on_connect`."""
        self._headers.update(map(str.lower, names))
        self._emulated.update(map(str.lower, emulated))

    def introduce(
        self, client: Client, grant: Grant, *, headers: Mapping[str, str], emulated: Mapping[str, str]
    ) -> Client:
        """A client that was let in, as later hooks see it."""
        if not (grant.user or grant.meta or self._headers or self._emulated):
            return client
        return replace(
            client,
            user=grant.user,
            meta=grant.meta,
            headers=_named(self._headers, headers),
            emulated_headers=_named(self._emulated, emulated),
        )

    def add(self, event: str, pattern: str | None, function: Hook) -> None:
        compiled = Pattern(pattern) if pattern is not None else None
        self._hooks.setdefault(event, []).append(_Registered(compiled, function))

    def has(self, event: str) -> bool:
        return event in self._hooks

    def guards(self, event: str, channel: str) -> bool:
        """Is there a hook for this event that this channel concerns?"""
        hooks = self._hooks.get(event)
        return hooks is not None and any(
            hook.pattern is None or hook.pattern.match(channel) is not None for hook in hooks
        )

    async def ask(self, event: str, about: Any, channel: str = "") -> Any:
        """Call each hook that matches, in the order in which they were registered.

        Returns the last result that is not None. Raises ClientError or Disconnect when one of
        them refuses; the later ones are not asked then.
        """
        answer: Any = None
        for hook in self._hooks.get(event, ()):
            parts: dict[str, str] | None = {}
            if hook.pattern is not None:
                parts = hook.pattern.match(channel)
            if parts is None:
                continue
            try:
                result = await _call(hook.function, about, parts)
            except (ClientError, Disconnect):
                raise
            except Exception as error:
                self.counters.hook_errors += 1
                log.exception("the %s hook %r failed", event, getattr(hook.function, "__name__", "?"))
                raise Internal from error
            if result is False:
                raise PermissionDenied
            if result is not None and result is not True:
                answer = result
        return answer

    async def ask_for(self, kind: type[T], event: str, about: Any, channel: str) -> T | None:
        """As `ask`, where hooks answer with a `kind` or with nothing.

        Raises:
            Internal: besides what `ask` raises, for any other answer, which is logged: what it was
                meant to change must not pass unchanged.
        """
        answer = await self.ask(event, about, channel)
        if answer is None or isinstance(answer, kind):
            return answer
        self.counters.hook_errors += 1
        said = type(answer).__name__
        log.error("the %s hook returned %s; it returns %s or None", event, said, kind.__name__)
        raise Internal


def _named(names: set[str], headers: Mapping[str, str]) -> Mapping[str, str]:
    if not names:
        return nothing()
    return {name.lower(): value for name, value in headers.items() if name.lower() in names}


async def _call(function: Hook, about: Any, parts: dict[str, str]) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(about, **parts)
    result = await asyncio.to_thread(function, about, **parts)
    # A lambda or a partial around a coroutine function only shows itself by what it returns.
    return await result if inspect.isawaitable(result) else result


def grant_from(answer: Any) -> Grant:
    """What an on_connect hook returned, as a Grant. Raises TypeError naming what it may return."""
    if answer is None:
        return ANONYMOUS
    if isinstance(answer, Grant):
        return answer
    if isinstance(answer, str):
        return Grant(user=answer)
    raise TypeError(f"an on_connect hook returns a Grant, a user id or None, not {type(answer).__name__}")
