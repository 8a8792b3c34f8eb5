"""Publish and broadcast."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import opaque
from ..errors import BadRequest, BrokerError, ClientError, Internal, LimitExceeded, Overloaded
from ..hub import Hub
from ..model import Draft, Position
from ..node.receipt import Receipt
from ..watch.sources import NAMING, named
from .arguments import BadBody, Fields, channel_of, data_of, field, known

REFUSALS = (ClientError, BrokerError, Overloaded)
"""What one call may end with; anything else is our own fault."""

Begun = Receipt | Exception
"""A publication that was handed over, or why it was not: one of `REFUSALS`."""


def error_shape(error: Exception) -> dict[str, Any]:
    """An error as the server API answers it."""
    if isinstance(error, ClientError):
        return {"code": error.code, "message": error.message}
    return {"code": Internal.code, "message": Internal.message}


def _draft(hub: Hub, said: Fields) -> Draft:
    payload = data_of(said, "data", "b64data", any_bytes=True)
    if payload is None:
        raise BadRequest("data is missing")
    check_size(hub, payload)
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


def check_size(hub: Hub, payload: bytes) -> None:
    """Raises LimitExceeded where it is larger than a publication of a server may be."""
    most = hub.limits.server_payload_bytes
    # As it is kept it is never shorter than what it stands for.
    if len(payload) > most and (size := opaque.size(payload)) > most:
        raise LimitExceeded("bytes of a publication", most, size, code=107)


def _version(said: Fields) -> int:
    version: int = field(said, "version", int, 0)
    if not 0 <= version < 2**64:
        raise BadBody("version is 0 to 2^64 - 1")
    return version


def position_shape(position: Position | None) -> dict[str, Any]:
    """A position as the server API answers it; nothing of one that has none."""
    return {} if position is None else {"offset": position.offset, "epoch": position.epoch}


def hand_over(hub: Hub, channel: str, draft: Draft) -> Receipt:
    """Hand it to the broker; who it says that it comes from is noted. Raises ClientError or Overloaded."""
    receipt = hub.node.intake.publish(channel, draft)
    if NAMING in draft.payload:
        named(hub, channel, draft.payload)
    return receipt


def begin_publish(hub: Hub, said: Fields) -> Receipt:
    """Hand it to the broker. Raises ClientError, BadBody or Overloaded."""
    if not field(said, "channel", str, ""):
        raise BadRequest("channel is missing")
    draft = _draft(hub, said)
    return hand_over(hub, channel_of(hub, said), draft)


async def publish(hub: Hub, said: Fields) -> dict[str, Any]:
    """Publish to one channel; answers with the position. Raises ClientError or BrokerError."""
    return position_shape(await begin_publish(hub, said))


def begin_broadcast(hub: Hub, said: Fields) -> list[Begun]:
    """Hand it to the broker for each channel; what one refuses stands in its place.

    Raises:
        ClientError, BadBody: none was.
    """
    channels = field(said, "channels", list, [])
    if not channels:
        raise BadRequest("channels is missing or empty")
    if not all(isinstance(channel, str) for channel in channels):
        raise BadBody("channels is a list of strings")
    limit = hub.limits.broadcast_channels
    if len(channels) > limit:
        raise LimitExceeded("channels of a broadcast", limit, len(channels), code=107)
    draft = _draft(hub, said)
    begun: list[Begun] = []
    for channel in channels:
        try:
            begun.append(hand_over(hub, known(hub, channel), draft))
        except REFUSALS as error:
            begun.append(error)
    return begun


async def broadcast(hub: Hub, said: Fields) -> dict[str, Any]:
    """Publish the same to many channels, each with an answer of its own. Raises ClientError."""
    begun = begin_broadcast(hub, said)
    await settled(begun)
    return {"responses": [reply("result", one) for one in begun]}


async def settled(begun: Iterable[Begun]) -> None:
    """Returns when the broker has answered all of them; how, is not told here."""
    for one in begun:
        if isinstance(one, Receipt):
            try:
                await one
            except REFUSALS:
                pass


def reply(name: str, begun: Begun) -> dict[str, Any]:
    """What became of one that is settled: its position under this name, or its error."""
    try:
        if not isinstance(begun, Receipt):
            raise begun
        return {name: position_shape(begun.result(0))}
    except REFUSALS as error:
        return {"error": error_shape(error)}
