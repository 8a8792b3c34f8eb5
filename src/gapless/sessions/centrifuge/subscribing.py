"""Subscribing on the Centrifuge doors: by the client, by its token, by the server; until it ends.

Every way ends the same: the channel is joined, the result computed, the reply queued, and only then
the cursor goes live, with nothing awaited in between.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from ... import opaque
from ...auth.admission import Admitted
from ...auth.permission import Admission, by_server
from ...auth.verifier import check_subscription
from ...errors import (
    BadRequest,
    ClientError,
    Disconnect,
    Expired,
    PermissionDenied,
    TokenExpired,
    UnknownChannel,
)
from ...model import Position, ServerSubscription
from ...options import ChannelOptions, overridden
from ...protocol.centrifuge import filters
from ...protocol.centrifuge import messages as m
from ..subscription import GivenUp, Subscription
from .peer import Peer
from .recovering import recover, ttl_of

Joined: TypeAlias = tuple[Subscription, m.SubscribeResult]
"""A subscription that is not live yet, and what its reply will say."""

Admit: TypeAlias = Callable[[ChannelOptions], Awaitable[Admission]]
"""May it be in a channel with these options, and how? Raises ClientError or Disconnect."""


async def join(peer: Peer, request: m.Subscribe, admit: Admit, *, counted: bool = True) -> Joined:
    """Be in a channel, not live yet. After this nothing may be awaited before the reply.

    Raises:
        ClientError: refused, or given up meanwhile; nothing is left behind.
        Disconnect: refused for good.
        BrokerError: the broker did not answer.
    """
    subscription, options = peer.subscriptions.reserve(request.channel, peer.view(), counted=counted)
    try:
        admission = await admit(options)
        await peer.subscriptions.join(subscription, admission)
        result = await recover(peer, subscription, admission, request)
    except BaseException:
        peer.subscriptions.drop(subscription)
        raise
    if not peer.subscriptions.is_current(subscription):
        raise GivenUp
    return subscription, result


# -- by the client


async def subscribe(peer: Peer, id: int, request: m.Subscribe) -> None:  # noqa: A002 - the wire's word
    """Answer the command. Raises ClientError, Disconnect or BrokerError; nothing is left behind then."""
    if not request.channel:
        raise Disconnect(3501, "bad request: a channel is missing")
    if request.delta not in ("", "fossil"):
        peer.subscriptions.check_free(request.channel)  # what is wrong with that comes before the delta
        raise Disconnect(3501, "bad request: fossil is the only delta there is")

    async def admit(options: ChannelOptions) -> Admission:
        return await _asked(peer, request, options)

    subscription, result = await join(peer, request, admit)
    peer.answer(id, result)
    subscription.go_live()


def unsubscribe(peer: Peer, id: int, request: m.Unsubscribe) -> None:  # noqa: A002
    """Answer the command; nothing of the channel follows the reply. Raises Disconnect."""
    if not request.channel:
        raise Disconnect(3501, "bad request: a channel is missing")
    subscription = peer.subscriptions.get(request.channel)
    if subscription is not None:
        peer.subscriptions.drop(subscription)
    peer.answer(id, m.UnsubscribeResult())


async def refresh(peer: Peer, request: m.SubRefresh) -> m.SubRefreshResult:
    """A new token for a subscription. Raises ClientError or Disconnect."""
    if not request.channel:
        raise Disconnect(3501, "bad request: a channel is missing")
    if request.type:
        raise PermissionDenied("shared polls are not offered")
    subscription = peer.subscriptions.get(request.channel)
    if subscription is None or subscription.admission is None:
        raise PermissionDenied
    if not request.token:
        raise BadRequest("sub_refresh needs a token")
    verifier = peer.reception.verifier
    if verifier is None:
        raise PermissionDenied("this server does not take tokens")
    try:
        token = await verifier.verify_subscription(request.token, time.time())
    except TokenExpired:
        raise Expired from None
    except PermissionDenied:
        raise Disconnect(3500) from None
    check_subscription(token, peer.grant.user, request.channel, peer.client)
    if token.expire_at is not None and token.expire_at <= time.time():
        raise Expired
    subscription.admission.prolong(token.expire_at, token.info)
    peer.subscriptions.renew_members()
    expires, ttl = ttl_of(subscription.admission)
    return m.SubRefreshResult(expires, ttl)


async def _asked(peer: Peer, request: m.Subscribe, options: ChannelOptions) -> Admission:
    """May the client be in the channel as it asks to be? Raises ClientError or Disconnect."""
    if request.type:
        raise PermissionDenied("only stream subscriptions are offered")
    if request.tf is not None:
        _check_filter(request.tf, options, request.delta)
    if request.token and (
        peer.reception.verifier is not None or not peer.node.hooks.guards("subscribe", request.channel)
    ):
        return await _by_token(peer, request, options)
    data = opaque.value(request.data) if request.data else None
    since = request.position if request.recover else None
    return await peer.subscriptions.admit(request.channel, options, since, data, request.token)


def _check_filter(node: m.FilterNode, options: ChannelOptions, delta: str) -> None:
    if not options.tags_filter:
        raise BadRequest("filters by tags are off for this channel")
    if delta:
        raise BadRequest("a filter and delta exclude each other")
    try:
        filters.validate(node)
    except ValueError as error:
        raise BadRequest(str(error)) from None


async def _by_token(peer: Peer, request: m.Subscribe, options: ChannelOptions) -> Admission:
    verifier, insecure = peer.reception.verifier, peer.reception.insecure
    if verifier is None:
        raise PermissionDenied("this server does not take tokens")
    now = time.time()
    token = await verifier.verify_subscription(request.token, now)
    check_subscription(token, peer.grant.user, request.channel, peer.client)
    if not insecure and token.expire_at is not None and token.expire_at <= now:
        raise TokenExpired
    return Admission(
        overridden(options, token.override),
        info=token.info,
        data=token.data or b"",
        expires_at=None if insecure else token.expire_at,
        client_refreshes=True,
    )


# -- by the server


async def subscribe_all(
    peer: Peer, admitted: Admitted, asked: Mapping[str, m.Subscribe]
) -> dict[str, Joined]:
    """The server's subscriptions of a new connection, not live yet, with their results.

    A unidirectional client, which can send no command, also gets those that it asks for and may
    have. What the server unsubscribed again meanwhile is not among them.

    Raises:
        ClientError, BrokerError: one of the server's cannot be; none is left behind.
        Disconnect: 3501 for a wish that is no channel, or the connection was closed meanwhile.
    """
    joined: dict[str, Joined] = {}
    try:
        for name, server in admitted.subs.items():
            asked_for = asked.get(name) or m.Subscribe()
            request = asked_for._replace(channel=name, token="", delta="", tf=None, flag=0)
            try:
                joined[name] = await _join_by_server(peer, request, server, admitted.by_token)
            except GivenUp:
                peer.flow.check_open()
        for name, request in asked.items() if peer.bare else ():
            if name in joined:
                continue
            try:
                joined[name] = await _join_by_wish(peer, request._replace(channel=name))
            except UnknownChannel:
                raise Disconnect(3501, "bad request: unknown channel") from None
            except ClientError:
                peer.flow.check_open()  # what this client may not have is left out silently
    except BaseException:
        for subscription, _ in joined.values():
            peer.subscriptions.drop(subscription)
        raise
    return {name: one for name, one in joined.items() if peer.subscriptions.is_current(one[0])}


async def _join_by_wish(peer: Peer, request: m.Subscribe) -> Joined:
    async def admit(options: ChannelOptions) -> Admission:
        admission = await _asked(peer, request, options)
        admission.server_side = True
        return admission

    return await join(peer, request, admit)


async def _join_by_server(
    peer: Peer, request: m.Subscribe, server: ServerSubscription, from_token: bool
) -> Joined:
    async def admit(options: ChannelOptions) -> Admission:
        return by_server(options, server, from_token=from_token)

    return await join(peer, request, admit, counted=False)


async def subscribe_from_server(
    peer: Peer, name: str, server: ServerSubscription, since: Position | None
) -> None:
    """Subscribe a live connection and tell it by a push; recovered publications follow as pushes."""
    if name in peer.subscriptions:
        return
    request = m.Subscribe(name)
    if since is not None:
        server = server.resuming
        request = request._replace(recover=True, offset=since.offset, epoch=since.epoch)
    subscription, result = await _join_by_server(peer, request, server, from_token=False)
    peer.announce(
        m.SubscribePush(
            name,
            recoverable=result.recoverable,
            epoch=result.epoch,
            offset=result.offset,
            positioned=result.positioned,
            data=result.data,
        )
    )
    for sent in result.publications:
        peer.announce(m.PublicationPush(name, sent))
    subscription.go_live()
