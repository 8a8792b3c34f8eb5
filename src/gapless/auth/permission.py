"""What a client may do in a channel: by its grant, by the channel's options, by the application's hooks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..errors import Expired, PermissionDenied
from ..hooks.events import SubscribeEvent, SubscriptionGrant
from ..hooks.registry import Hooks
from ..model import Grant
from ..options import ChannelOptions
from ..protocol.encode import encode
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


def may(grant: Grant, options: ChannelOptions, allowed: bool, anonymous: bool | None = None) -> bool:
    """May this client do what clients may if `allowed`, and those without a user if `anonymous`?

    None for the latter: as the options say of anonymous clients in general.
    """
    if grant.operator:
        return True
    return allowed and (bool(grant.user) or (options.anonymous if anonymous is None else anonymous))


async def admit(hooks: Hooks, grant: Grant, options: ChannelOptions, event: SubscribeEvent) -> Admission:
    """May a client with this grant subscribe as the event says? Raises ClientError or Disconnect."""
    name = event.channel
    if not grant.operator:
        parts = parse_channel(name)
        if parts.is_private:
            raise PermissionDenied("a channel that begins with $ needs a subscription token")
        if options.user_limited and not parts.admits(grant.user):
            raise PermissionDenied("the channel is limited to other users")
    if not may(grant, options, options.client_subscribe):
        raise PermissionDenied("clients may not subscribe to this channel")
    if not hooks.guards("subscribe", name):
        return Admission(options)
    answer = await hooks.ask_for(SubscriptionGrant, "subscribe", event, name)
    if answer is None:
        return Admission(options)
    if answer.expires_at is not None and answer.expires_at <= time.time():
        raise Expired
    return Admission(
        answer.options or options,
        info=None if answer.info is None else encode(answer.info),
        data=b"" if answer.data is None else encode(answer.data),
        expires_at=answer.expires_at,
    )
