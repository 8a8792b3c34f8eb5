"""What a subscriber of the Centrifuge doors missed, and where it goes on: the heart of a subscribe reply."""

from __future__ import annotations

import time

from ...auth.permission import Admission, may_see_past
from ...errors import Unrecoverable
from ...model import BEFORE_EVERYTHING, Position, Publication, shown
from ...options import ChannelOptions
from ...protocol.centrifuge import filters
from ...protocol.centrifuge import messages as m
from ...protocol.centrifuge.codecs import delta_forms
from ..catchup import Catchup
from ..subscription import GivenUp, Subscription
from .peer import Peer

FLAG_REFUSE_UNRECOVERABLE = 2

SOMEWHERE = Position(1, "_")
"""A place in a stream, whichever: may clients go on from one at all?"""

FILTER_LOOK_BACK = 300
"""Newest publications among which cache recovery looks for one that a filter lets through."""


async def recover(
    peer: Peer, subscription: Subscription, admission: Admission, request: m.Subscribe
) -> m.SubscribeResult:
    """Where the subscription stands, and what was missed. The cursor is set, but not in the ring yet.

    Raises:
        Unrecoverable: it was asked to be refused in that case.
        BrokerError: the history cannot be read.
        GivenUp: the server ended it meanwhile.
    """
    options = admission.options
    positioned = bool(options.history) and options.recovery != "off"
    recoverable = may_see_past(peer.grant, options, SOMEWHERE)
    since = request.position
    publications: list[Publication] = []
    recovered, was_recovering = False, request.recover
    position, offset = Position(0, ""), 0
    if options.history:
        if options.recovery == "cache" and recoverable:
            was_recovering = was_recovering or options.auto_cache_recover
            position, publications, recovered = await _newest(subscription, request, was_recovering)
            offset = position.offset
        elif (
            request.recover
            and recoverable
            and (since != BEFORE_EVERYTHING or may_see_past(peer.grant, options, since))
        ):
            position, publications, recovered = await _missed(peer, subscription, since)
            offset = request.offset if recovered else position.offset
        else:
            position, _ = await _catchup(subscription).place(None, history=0)
            offset = position.offset
    if was_recovering and not recovered and request.flag & FLAG_REFUSE_UNRECOVERABLE:
        raise Unrecoverable
    delta = request.delta == "fossil" and options.delta
    view = peer.view(joins=_announces(options, request), delta=delta, tags=request.tf)
    # The first push is whole also after a recovery: the ring's entry before it need not be what the
    # client had last.
    subscription.view = view.restarted if delta else view
    if request.tf is not None:
        publications = [p for p in publications if filters.matches(request.tf, p.tags)]
    expires, ttl = ttl_of(admission)
    return m.SubscribeResult(
        expires=expires,
        ttl=ttl,
        recoverable=recoverable,
        epoch=position.epoch,
        publications=delta_forms(publications) if delta else publications,
        recovered=recovered,
        offset=offset,
        positioned=positioned,
        data=admission.data,
        was_recovering=was_recovering,
        delta=delta,
    )


async def _missed(
    peer: Peer, subscription: Subscription, since: Position
) -> tuple[Position, list[Publication], bool]:
    """Stream mode: everything after `since`, or nothing.

    Up to `Limits.recovery_bytes` go into the reply; the rest follows as pushes right behind.
    """
    catchup = _catchup(subscription, peer.node.limits.recovery_bytes)
    if since.offset and not since.epoch:
        # It does not say in which life of the stream: as in Centrifugo that is taken to be this one.
        top, _ = await catchup.place(None, history=0)
        since = since._replace(epoch=top.epoch)
    page, fresh, lost = await catchup.begin(since, None)
    if lost is None:
        return page.top, shown(fresh, peer.client), True
    catchup.at_top(page)
    return page.top, [], False


async def _newest(
    subscription: Subscription, request: m.Subscribe, wanted: bool
) -> tuple[Position, list[Publication], bool]:
    """Cache mode: the newest publication, unless the client has it."""
    look_back = FILTER_LOOK_BACK if request.tf is not None else 1
    page = await _catchup(subscription).newest(look_back)
    if not wanted:
        return page.top, [], False
    tags = request.tf
    found = next((p for p in page.publications if tags is None or filters.matches(tags, p.tags)), None)
    if found is None:
        return page.top, [], request.recover and request.position == page.top
    has_it = request.recover and request.position == found.position
    return page.top, [] if has_it else [found], True


def _catchup(subscription: Subscription, max_bytes: int | None = None) -> Catchup:
    channel = subscription.channel
    if channel is None:
        raise GivenUp
    return Catchup(subscription.session.node, channel, subscription.cursor, max_bytes=max_bytes)


def _announces(options: ChannelOptions, request: m.Subscribe) -> bool:
    return options.join_leave and (request.join_leave or options.force_push_join_leave)


def ttl_of(admission: Admission) -> tuple[bool, int]:
    """Whether the client must refresh its subscription, and within how many seconds."""
    if admission.expires_at is None or not admission.client_refreshes:
        return False, 0
    return True, max(1, int(admission.expires_at - time.time()))
