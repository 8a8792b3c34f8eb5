"""The commands of a Centrifuge client that leave its connection as it is: publish, read, call."""

from __future__ import annotations

import orjson

from ...auth.permission import may
from ...errors import (
    BadRequest,
    Disconnect,
    LimitExceeded,
    MethodNotFound,
    NotAvailable,
    PermissionDenied,
    UnknownChannel,
    Unrecoverable,
)
from ...hooks.events import MessageEvent, RpcEvent
from ...node.history import Range
from ...options import ChannelOptions
from ...protocol.centrifuge import messages as m
from ...protocol.encode import encode
from ..session import Session


async def result_of(session: Session, request: m.Request) -> m.Result:
    """Do what the client wants, and say what came of it.

    Raises:
        ClientError, BrokerError: answered as an error.
        Disconnect: the connection is closed.
    """
    match request:
        case m.Publish():
            return await _publish(session, request)
        case m.Presence():
            return await _presence(session, request)
        case m.PresenceStats():
            return await _presence_stats(session, request)
        case m.History():
            return await _history(session, request)
        case m.Rpc():
            return await _rpc(session, request)
        case m.Invalid():
            raise BadRequest(f"bad request: {request.reason}")
    raise NotAvailable


async def take_message(session: Session, request: m.Send) -> None:
    """The one command that wants no answer. Raises ClientError or Disconnect."""
    if not session.node.hooks.has("message"):
        raise Disconnect(3508)
    data = orjson.loads(request.data) if request.data else None
    await session.node.hooks.ask("message", MessageEvent(session.about, data))


async def _publish(session: Session, request: m.Publish) -> m.PublishResult:
    _known(session, request.channel)
    if request.type:
        raise PermissionDenied("map channels are not offered")
    if not request.data:
        raise BadRequest("data is missing")
    await session.publish(request.channel, request.data, orjson.loads(request.data))
    return m.PublishResult()


async def _presence(session: Session, request: m.Presence) -> m.PresenceResult:
    _check_presence(session, request.channel)
    members = await session.node.presence.members(request.channel)
    limit = session.node.limits.presence_members
    if len(members) > limit:
        raise LimitExceeded("members of a presence reply", limit, len(members))
    return m.PresenceResult(members)


async def _presence_stats(session: Session, request: m.PresenceStats) -> m.PresenceStatsResult:
    _check_presence(session, request.channel)
    return m.PresenceStatsResult(*await session.node.presence.counts(request.channel))


def _check_presence(session: Session, name: str) -> None:
    """May this client see who is in the channel? Raises ClientError or Disconnect."""
    options = _known(session, name)
    session.spend("read")
    if not options.presence:
        raise NotAvailable
    if not may(session.grant, options, options.client_presence, options.anonymous_presence):
        raise PermissionDenied
    _check_inside(session, name, outside=options.outside_presence)


async def _history(session: Session, request: m.History) -> m.HistoryResult:
    name, since, limits = request.channel, request.since, session.node.limits
    options = _known(session, name)
    session.spend("read")
    if not options.history:
        raise NotAvailable
    if not may(session.grant, options, options.client_history, options.anonymous_history):
        raise PermissionDenied
    _check_inside(session, name, outside=options.outside_history)
    if request.reverse and since is not None and since.offset == 0:
        raise BadRequest("reverse needs since.offset above 0")
    cap = limits.history_publications
    limit = cap if request.limit < 0 else min(request.limit, cap)
    page = await session.node.pages.read(
        name,
        Range(
            after=None if since is None else since.offset,
            limit=limit,
            max_bytes=limits.recovery_bytes if limit else None,
            reverse=request.reverse,
        ),
    )
    if since is not None and since.epoch and since.epoch != page.top.epoch:
        raise Unrecoverable
    return m.HistoryResult(page.publications, page.top.epoch, page.top.offset)


def _known(session: Session, name: str) -> ChannelOptions:
    if not name:
        raise Disconnect(3501, "bad request: a channel is missing")
    session.node.registry.check(name)
    options = session.node.registry.declared(name)
    if options is None:
        raise UnknownChannel
    return options


def _check_inside(session: Session, name: str, *, outside: bool) -> None:
    """Is it subscribed, or may those outside do this as well? Raises PermissionDenied."""
    if not outside and name not in session.subscriptions and not session.grant.operator:
        raise PermissionDenied


async def _rpc(session: Session, request: m.Rpc) -> m.RpcResult:
    hooks = session.node.hooks
    if not hooks.has("rpc"):
        raise NotAvailable
    if not hooks.guards("rpc", request.method):
        raise MethodNotFound
    data = orjson.loads(request.data) if request.data else None
    result = await hooks.ask("rpc", RpcEvent(session.about, request.method, data), request.method)
    return m.RpcResult(encode(result))
