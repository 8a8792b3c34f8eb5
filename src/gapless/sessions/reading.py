"""What a client reads of a channel beside its subscription: who is there, and what is kept."""

from __future__ import annotations

from ..auth.permission import may, may_see_past
from ..errors import BadRequest, LimitExceeded, NotAvailable, PermissionDenied, UnknownChannel, Unrecoverable
from ..model import History, Member, Position
from ..node.history import Range
from ..options import ChannelOptions
from .session import Session


async def presence(session: Session, name: str) -> dict[str, Member]:
    """Who is in a channel, by client id. Raises ClientError or BrokerError."""
    _check_presence(session, name)
    members = await session.node.presence.members(name)
    limit = session.node.limits.presence_members
    if len(members) > limit:
        raise LimitExceeded("members of a presence reply", limit, len(members))
    return members


async def presence_stats(session: Session, name: str) -> tuple[int, int]:
    """How many clients and users are in a channel. Raises ClientError or BrokerError."""
    _check_presence(session, name)
    return await session.node.presence.counts(name)


async def history(
    session: Session, name: str, *, since: Position | None, limit: int | None, reverse: bool
) -> History:
    """A page of what a channel keeps, behind `since` or, in reverse, before it.

    It holds no more than `Limits.history_publications` and `Limits.recovery_bytes`. Raises ClientError or
    BrokerError.
    """
    options, limits = _known(session, name), session.node.limits
    session.rates.spend("read")
    if not options.history:
        raise NotAvailable
    if not may_see_past(session.grant, options, None):
        raise PermissionDenied
    _check_inside(session, name, outside=options.outside_history)
    if reverse and since is not None and since.offset == 0:
        raise BadRequest("reverse needs since.offset above 0")
    most = limits.history_publications if limit is None else min(limit, limits.history_publications)
    page = await session.node.pages.read(
        name,
        Range(
            after=None if since is None else since.offset,
            limit=most,
            max_bytes=limits.recovery_bytes if most else None,
            reverse=reverse,
        ),
    )
    if since is not None and since.epoch and since.epoch != page.top.epoch:
        raise Unrecoverable
    return page


def _check_presence(session: Session, name: str) -> None:
    """May this client see who is in the channel? Raises ClientError."""
    options = _known(session, name)
    session.rates.spend("read")
    if not options.presence:
        raise NotAvailable
    if not may(session.grant, options, options.client_presence, options.anonymous_presence):
        raise PermissionDenied
    _check_inside(session, name, outside=options.outside_presence)


def _known(session: Session, name: str) -> ChannelOptions:
    session.node.registry.check(name)
    options = session.node.registry.declared(name)
    if options is None:
        raise UnknownChannel
    return options


def _check_inside(session: Session, name: str, *, outside: bool) -> None:
    """Is it subscribed, or may those outside do this as well? Raises PermissionDenied."""
    if not outside and name not in session.subscriptions and not session.grant.operator:
        raise PermissionDenied
