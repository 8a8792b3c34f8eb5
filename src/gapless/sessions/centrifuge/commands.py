"""The commands of a Centrifuge client that leave its connection as it is: publish, read, call."""

from __future__ import annotations

from ... import opaque
from ...errors import (
    BadRequest,
    Disconnect,
    MethodNotFound,
    NotAvailable,
    PermissionDenied,
)
from ...hooks.events import MessageEvent, RpcEvent
from ...protocol.centrifuge import messages as m
from .. import publishing, reading
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
    if "message" not in peer.node.hooks.events:
        raise Disconnect(3508)
    data = opaque.value(request.data) if request.data else None
    await peer.node.hooks.ask("message", MessageEvent(peer.about, data))


async def _publish(peer: Peer, request: m.Publish) -> m.PublishResult:
    _check_named(request.channel)
    if request.type:
        raise PermissionDenied("map channels are not offered")
    if not request.data:
        raise BadRequest("data is missing")
    await publishing.publish(peer, request.channel, request.data, opaque.value(request.data))
    return m.PublishResult()


async def _presence(peer: Peer, request: m.Presence) -> m.PresenceResult:
    _check_named(request.channel)
    return m.PresenceResult(await reading.presence(peer, request.channel))


async def _presence_stats(peer: Peer, request: m.PresenceStats) -> m.PresenceStatsResult:
    _check_named(request.channel)
    return m.PresenceStatsResult(*await reading.presence_stats(peer, request.channel))


async def _history(peer: Peer, request: m.History) -> m.HistoryResult:
    _check_named(request.channel)
    page = await reading.history(
        peer,
        request.channel,
        since=request.since,
        limit=None if request.limit < 0 else request.limit,
        reverse=request.reverse,
    )
    return m.HistoryResult(page.publications, page.top.epoch, page.top.offset)


def _check_named(name: str) -> None:
    if not name:
        raise Disconnect(3501, "bad request: a channel is missing")


async def _rpc(peer: Peer, request: m.Rpc) -> m.RpcResult:
    hooks = peer.node.hooks
    if "rpc" not in hooks.events:
        raise NotAvailable
    if not hooks.guards("rpc", request.method):
        raise MethodNotFound
    data = opaque.value(request.data) if request.data else None
    result = await hooks.ask("rpc", RpcEvent(peer.about, request.method, data), request.method)
    return m.RpcResult(opaque.packed(result) if isinstance(result, bytes) else hooks.encode(result))
