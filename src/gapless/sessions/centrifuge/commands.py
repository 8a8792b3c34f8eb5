"""The commands of a Centrifuge client that leave its connection as it is: publish, read, call."""

from __future__ import annotations

import orjson

from ...auth.permission import may, may_see_past
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
from .peer import Peer


async def result_of(peer: Peer, request: m.Request) -> m.Result:
    """Do what the client wants, and say what came of it.

    Raises:
        ClientError, BrokerError: answered as an error.
        Disconnect: the connection is closed.
    """
    match request:
        case m.Publish():
            return await _publish(peer, request)
        case m.Presence():
            return await _presence(peer, request)
        case m.PresenceStats():
            return await _presence_stats(peer, request)
        case m.History():
            return await _history(peer, request)
        case m.Rpc():
            return await _rpc(peer, request)
        case m.Invalid():
            raise BadRequest(f"bad request: {request.reason}")
    raise NotAvailable


async def take_message(peer: Peer, request: m.Send) -> None:
    """The one command that wants no answer. Raises ClientError or Disconnect."""
    if not peer.node.hooks.has("message"):
        raise Disconnect(3508)
    data = orjson.loads(request.data) if request.data else None
    await peer.node.hooks.ask("message", MessageEvent(peer.about, data))


async def _publish(peer: Peer, request: m.Publish) -> m.PublishResult:
    _known(peer, request.channel)
    if request.type:
        raise PermissionDenied("map channels are not offered")
    if not request.data:
        raise BadRequest("data is missing")
    await peer.publish(request.channel, request.data, orjson.loads(request.data))
    return m.PublishResult()


async def _presence(peer: Peer, request: m.Presence) -> m.PresenceResult:
    _check_presence(peer, request.channel)
    members = await peer.node.presence.members(request.channel)
    limit = peer.node.limits.presence_members
    if len(members) > limit:
        raise LimitExceeded("members of a presence reply", limit, len(members))
    return m.PresenceResult(members)


async def _presence_stats(peer: Peer, request: m.PresenceStats) -> m.PresenceStatsResult:
    _check_presence(peer, request.channel)
    return m.PresenceStatsResult(*await peer.node.presence.counts(request.channel))


def _check_presence(peer: Peer, name: str) -> None:
    """May this client see who is in the channel? Raises ClientError or Disconnect."""
    options = _known(peer, name)
    peer.rates.spend("read")
    if not options.presence:
        raise NotAvailable
    if not may(peer.grant, options, options.client_presence, options.anonymous_presence):
        raise PermissionDenied
    _check_inside(peer, name, outside=options.outside_presence)


async def _history(peer: Peer, request: m.History) -> m.HistoryResult:
    name, since, limits = request.channel, request.since, peer.node.limits
    options = _known(peer, name)
    peer.rates.spend("read")
    if not options.history:
        raise NotAvailable
    if not may_see_past(peer.grant, options, None):
        raise PermissionDenied
    _check_inside(peer, name, outside=options.outside_history)
    if request.reverse and since is not None and since.offset == 0:
        raise BadRequest("reverse needs since.offset above 0")
    cap = limits.history_publications
    limit = cap if request.limit < 0 else min(request.limit, cap)
    page = await peer.node.pages.read(
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


def _known(peer: Peer, name: str) -> ChannelOptions:
    if not name:
        raise Disconnect(3501, "bad request: a channel is missing")
    peer.node.registry.check(name)
    options = peer.node.registry.declared(name)
    if options is None:
        raise UnknownChannel
    return options


def _check_inside(peer: Peer, name: str, *, outside: bool) -> None:
    """Is it subscribed, or may those outside do this as well? Raises PermissionDenied."""
    if not outside and name not in peer.subscriptions and not peer.grant.operator:
        raise PermissionDenied


async def _rpc(peer: Peer, request: m.Rpc) -> m.RpcResult:
    hooks = peer.node.hooks
    if not hooks.has("rpc"):
        raise NotAvailable
    if not hooks.guards("rpc", request.method):
        raise MethodNotFound
    data = orjson.loads(request.data) if request.data else None
    result = await hooks.ask("rpc", RpcEvent(peer.about, request.method, data), request.method)
    return m.RpcResult(hooks.encode(result))
