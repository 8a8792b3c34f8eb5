"""Publishing on behalf of a client: what it may publish, and what of it the application lets pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..auth.permission import may
from ..errors import BrokerError, Internal, LimitExceeded, Overloaded, PermissionDenied, UnknownChannel
from ..hooks.registry import PublishEvent, Replace
from ..model import Draft, Position

if TYPE_CHECKING:
    from .session import Rules, Session


async def publish(session: Session, name: str, payload: bytes, data: Any) -> Position | None:
    """Publish `payload`, which is `data` as JSON. Raises ClientError or Disconnect."""
    grant, rules = session.grant, session.rules
    session.spend("publish")
    rules.check_channel(name)
    _check_size(payload, session.node.limits.client_payload_bytes)
    options = rules.declared(name)
    if options is None:
        raise UnknownChannel("unknown channel: no pattern of this hub matches it")
    guarded = rules.hooks.guards("publish", name)
    seat = session.subscriptions.get(name)
    if not guarded:
        if not may(grant, options, options.client_publish, options.anonymous_publish):
            raise PermissionDenied("clients may not publish to this channel")
        if seat is None and not (options.outside_publish or grant.operator):
            raise PermissionDenied("subscribe to the channel before publishing to it")
    info = session.member(seat.admission if seat is not None else None)
    draft = Draft(payload, info=info, delta=options.delta_publish)
    if guarded:
        event = PublishEvent(session.about, name, data)
        answer = await rules.hooks.ask_for(Replace, "publish", event, name)
        if answer is not None:
            draft = _replaced(draft, data, answer, rules)
            _check_size(draft.payload, session.node.limits.server_payload_bytes)
    try:
        return await rules.publish(name, draft)
    except (BrokerError, Overloaded) as error:
        raise Internal from error


def _replaced(draft: Draft, data: Any, answer: Replace, rules: Rules) -> Draft:
    # What the hook did not touch stays byte for byte what the client sent.
    return replace(
        draft,
        payload=draft.payload if answer.data is data else rules.encode(answer.data),
        tags=answer.tags,
        skip_history=answer.skip_history,
        idempotency_key=answer.idempotency_key,
        delta=draft.delta or answer.delta,
        version=answer.version,
        version_epoch=answer.version_epoch,
    )


def _check_size(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        raise LimitExceeded("bytes of a publication", limit, len(payload), code=107)
