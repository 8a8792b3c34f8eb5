"""Publish and broadcast."""

from __future__ import annotations

from typing import Any

from .. import opaque
from ..errors import BadRequest, LimitExceeded
from ..hub import Hub
from ..model import Draft, Position
from .arguments import BadBody, Fields, channel_of, data_of, field, known
from .shapes import REFUSALS, error_shape


def _draft(hub: Hub, said: Fields) -> Draft:
    payload = data_of(said, "data", "b64data", any_bytes=True)
    if payload is None:
        raise BadRequest("data is missing")
    size = opaque.size(payload)
    if size > hub.limits.server_payload_bytes:
        raise LimitExceeded("bytes of a publication", hub.limits.server_payload_bytes, size, code=107)
    tags = field(said, "tags", dict, None)
    if tags is not None and not all(isinstance(value, str) for value in tags.values()):
        raise BadBody("tags is an object of strings")
    return Draft(
        payload,
        tags=tags or None,
        skip_history=field(said, "skip_history", bool, False),
        idempotency_key=field(said, "idempotency_key", str, None) or None,
        delta=field(said, "delta", bool, False),
        version=_version(said),
        version_epoch=field(said, "version_epoch", str, ""),
    )


def _version(said: Fields) -> int:
    version: int = field(said, "version", int, 0)
    if not 0 <= version < 2**64:
        raise BadBody("version is 0 to 2^64 - 1")
    return version


def _position(position: Position | None) -> dict[str, Any]:
    return {} if position is None else {"offset": position.offset, "epoch": position.epoch}


async def publish(hub: Hub, said: Fields) -> dict[str, Any]:
    """Publish to one channel; answers with the position. Raises ClientError or BrokerError."""
    if not field(said, "channel", str, ""):
        raise BadRequest("channel is missing")
    draft = _draft(hub, said)
    return _position(await hub.node.intake.publish(channel_of(hub, said), draft))


async def broadcast(hub: Hub, said: Fields) -> dict[str, Any]:
    """Publish the same to many channels, each with an answer of its own. Raises ClientError."""
    channels = field(said, "channels", list, [])
    if not channels:
        raise BadRequest("channels is missing or empty")
    if not all(isinstance(channel, str) for channel in channels):
        raise BadBody("channels is a list of strings")
    limit = hub.limits.broadcast_channels
    if len(channels) > limit:
        raise LimitExceeded("channels of a broadcast", limit, len(channels), code=107)
    draft = _draft(hub, said)
    # All are handed to the broker before the first is awaited; each element fails alone.
    receipts: list[Any] = []
    for channel in channels:
        try:
            receipts.append(hub.node.intake.publish(known(hub, channel), draft))
        except REFUSALS as error:
            receipts.append(error)
    responses: list[dict[str, Any]] = []
    for receipt in receipts:
        try:
            if isinstance(receipt, REFUSALS):
                raise receipt
            responses.append({"result": _position(await receipt)})
        except REFUSALS as error:
            responses.append({"error": error_shape(error)})
    return {"responses": responses}
