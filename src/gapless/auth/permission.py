"""What a client may do in a channel: by its grant, by the channel's options, by the application's hooks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..errors import Expired, PermissionDenied
from ..hooks.registry import Seat, SubscribeEvent
from ..model import Grant, Position
from ..options import ChannelOptions
from ..sessions.subscription import Admission
from .namespaces import parse_channel

if TYPE_CHECKING:
    from ..sessions.session import Session


def may(grant: Grant, options: ChannelOptions, allowed: bool, anonymous: bool | None = None) -> bool:
    """May this client do what clients may if `allowed`, and those without a user if `anonymous`?

    None for the latter: as the options say of anonymous clients in general.
    """
    if grant.operator:
        return True
    return allowed and (bool(grant.user) or (options.anonymous if anonymous is None else anonymous))


async def admit(
    session: Session,
    name: str,
    options: ChannelOptions,
    since: Position | None = None,
    data: Any = None,
    token: str = "",
) -> Admission:
    """May this client subscribe? Raises ClientError or Disconnect."""
    grant, rules = session.grant, session.rules
    if not grant.operator:
        parts = parse_channel(name)
        if parts.is_private:
            raise PermissionDenied("a channel that begins with $ needs a subscription token")
        if options.user_limited and not parts.admits(grant.user):
            raise PermissionDenied("the channel is limited to other users")
    if not may(grant, options, options.client_subscribe):
        raise PermissionDenied("clients may not subscribe to this channel")
    if not rules.hooks.guards("subscribe", name):
        return Admission(options)
    event = SubscribeEvent(session.about, name, since, data, token)
    answer = await rules.hooks.ask_for(Seat, "subscribe", event, name)
    if answer is None:
        return Admission(options)
    if answer.expires_at is not None and answer.expires_at <= time.time():
        raise Expired
    return Admission(
        answer.options or options,
        info=None if answer.info is None else rules.encode(answer.info),
        data=b"" if answer.data is None else rules.encode(answer.data),
        expires_at=answer.expires_at,
    )
