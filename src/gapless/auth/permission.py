"""What a client may do in a channel: by its grant, by the channel's options, by the application's hooks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..errors import Expired, PermissionDenied
from ..hooks.events import SubscribeEvent, SubscriptionGrant
from ..hooks.registry import Hooks
from ..model import BEFORE_EVERYTHING, Grant, Position, ServerSubscription
from ..options import ChannelOptions, overridden
from .namespaces import parse_channel


@dataclass(slots=True)
class Admission:
    """How a client was let into a channel.

    `options` are those of this subscription; `info` is JSON bytes that others see of it here,
    `data` JSON bytes for the reply.
    """

    options: ChannelOptions
    info: bytes | None = None
    data: bytes = b""
    expires_at: float | None = None
    """Unix seconds; None: it never expires."""
    client_refreshes: bool = False
    """By a token; otherwise the application's hook is asked."""
    server_side: bool = False
    """Was the client subscribed by the server?"""
    from_token: bool = False
    """Did the connection's own token name this channel?"""

    def prolong(self, expires_at: float | None, info: bytes | None) -> None:
        """It goes on until then; `info` replaces what others see, unless it is None."""
        self.expires_at, self.info = expires_at, info or self.info


def may(grant: Grant, options: ChannelOptions, allowed: bool, anonymous: bool | None = None) -> bool:
    """May this client do what clients may if `allowed`, and those without a user if `anonymous`?

    None for the latter: as the options say of anonymous clients in general.
    """
    if grant.operator:
        return True
    return allowed and (bool(grant.user) or (options.anonymous if anonymous is None else anonymous))


def may_see_past(grant: Grant, options: ChannelOptions, since: Position | None) -> bool:
    """May this client have publications from before it came? Every way to a past publication asks this.

    `since` is where it says that it has been: it then wants what it missed, and else, or with a
    position before everything, whatever is kept.
    """
    if not options.history:
        return False
    reads = may(grant, options, options.client_history, options.anonymous_history)
    if since is None or since == BEFORE_EVERYTHING:
        return reads
    return options.recovery != "off" and (reads or options.client_recovery)


async def admit(hooks: Hooks, grant: Grant, options: ChannelOptions, event: SubscribeEvent) -> Admission:
    """May a client with this grant subscribe as the event says? Raises ClientError or Disconnect."""
    name = event.channel
    if not grant.operator:
        parts = parse_channel(name)
        if parts.is_private:
            raise PermissionDenied("a channel that begins with $ needs a subscription token")
        if options.user_limited and parts.users is not None and not parts.admits(grant.user):
            raise PermissionDenied(
                "the channel is limited to other users: a name lists those it admits after #, "
                "unless its options say user_limited=False"
            )
    if not may(grant, options, options.client_subscribe):
        raise PermissionDenied("clients may not subscribe to this channel")
    if "subscribe" not in hooks.events or not hooks.guards("subscribe", name):
        return Admission(options)
    answer = await hooks.ask_for(SubscriptionGrant, "subscribe", event, name)
    if answer is None:
        return Admission(options)
    if answer.expires_at is not None and answer.expires_at <= time.time():
        raise Expired
    return Admission(
        answer.options or options,
        info=None if answer.info is None else hooks.encode(answer.info),
        data=b"" if answer.data is None else hooks.encode(answer.data),
        expires_at=answer.expires_at,
    )


def by_server(options: ChannelOptions, server: ServerSubscription, *, from_token: bool = False) -> Admission:
    """How a client is let into a channel that a token, a hook or the API names for it. Raises Expired."""
    if server.expires_at is not None and server.expires_at <= time.time():
        raise Expired
    return Admission(
        overridden(options, server.override),
        info=server.info,
        data=server.data or b"",
        expires_at=server.expires_at,
        server_side=True,
        from_token=from_token,
    )
