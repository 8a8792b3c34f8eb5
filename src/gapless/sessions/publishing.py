"""What a client publishes: may it, what a hook makes of it, and on to the broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import opaque
from ..auth.permission import may
from ..errors import BrokerError, Internal, LimitExceeded, Overloaded, PermissionDenied, UnknownChannel
from ..hooks.events import PublishEvent, Replace
from ..model import Draft, Position
from .session import Session


async def publish(session: Session, name: str, payload: bytes, data: Any) -> Position | None:
    """Publish `payload`, which is `data` as JSON, for the client. Raises ClientError or Disconnect."""
    node, grant = session.node, session.grant
    session.rates.spend("publish")
    node.registry.check(name)
    _check_size(payload, node.limits.client_payload_bytes)
    options = node.registry.declared(name)
    if options is None:
        raise UnknownChannel("unknown channel: no pattern of this hub matches it")
    subscription = session.subscriptions.get(name)
    info = session.member(subscription.admission if subscription is not None else None)
    draft = Draft(payload, info=info, delta=options.delta_publish)
    if node.hooks.guards("publish", name):
        event = PublishEvent(session.about, name, data)
        answer = await node.hooks.ask_for(Replace, "publish", event, name)
        if answer is not None:
            draft = _replaced(draft, data, answer, node.hooks.encode)
            _check_size(draft.payload, node.limits.server_payload_bytes)
    elif not may(grant, options, options.client_publish, options.anonymous_publish):
        raise PermissionDenied("clients may not publish to this channel")
    elif subscription is None and not (options.outside_publish or grant.operator):
        raise PermissionDenied("subscribe to the channel before publishing to it")
    try:
        return await node.intake.publish(name, draft)
    except (BrokerError, Overloaded) as error:
        raise Internal from error


def _replaced(draft: Draft, data: Any, answer: Replace, encode: Callable[[Any], bytes]) -> Draft:
    # What the hook did not touch stays byte for byte what the client sent.
    return draft._replace(
        payload=draft.payload if answer.data is data else _payload(answer.data, encode),
        tags=answer.tags,
        skip_history=answer.skip_history,
        idempotency_key=answer.idempotency_key,
        delta=draft.delta or answer.delta,
        version=answer.version,
        version_epoch=answer.version_epoch,
    )


def _payload(data: Any, encode: Callable[[Any], bytes]) -> bytes:
    return opaque.packed(data) if isinstance(data, bytes) else encode(data)


def _check_size(payload: bytes, limit: int) -> None:
    size = opaque.size(payload)
    if size > limit:
        raise LimitExceeded("bytes of a publication", limit, size, code=107)
