"""How a publication and a member are written down in Redis, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ...errors import BrokerError
from ...model import Draft, Member, Publication


def about(draft: Draft) -> bytes:
    """What there is beside the payload, as JSON; nothing at all in most cases."""
    if draft.tags is None and draft.info is None and not draft.delta and draft.exclude is None:
        return b""
    return orjson.dumps(
        {
            "tags": draft.tags,
            "info": None if draft.info is None else _member(draft.info),
            "delta": draft.delta,
            "exclude": draft.exclude,
        }
    )


def _publication(payload: bytes, offset: int, epoch: str, millis: int, rest: bytes) -> Publication:
    if not rest:
        return Publication(payload, offset, epoch, time=millis / 1000)
    known = orjson.loads(rest)
    info = known["info"]
    return Publication(
        payload,
        offset,
        epoch,
        known["tags"],
        None if info is None else _read_member(info),
        millis / 1000,
        known["delta"],
        known["exclude"],
    )


def entry(found: Sequence[Any], epoch: str) -> Publication:
    """One entry of the stream: [id, [d, payload, t, milliseconds, m, about]]."""
    identity, (_, payload, _, millis, _, rest) = found
    return _publication(payload, int(identity.partition(b"-")[0]), epoch, int(millis), rest)


def notified(message: bytes) -> Publication:
    """`pOFFSET EPOCH MILLISECONDS LENGTH ABOUT PAYLOAD`, as `publish.lua` writes it."""
    offset, epoch, millis, length, rest = message[1:].split(b" ", 4)
    if length == b"0":
        return Publication(rest, int(offset), epoch.decode(), time=int(millis) / 1000)
    size = int(length)
    return _publication(rest[size:], int(offset), epoch.decode(), int(millis), rest[:size])


def write_member(member: Member) -> bytes:
    """As JSON, which `read_member` reads."""
    return orjson.dumps(_member(member))


def read_member(written: bytes) -> Member:
    """Raises BrokerError: something else is there."""
    try:
        return _read_member(orjson.loads(written))
    except (ValueError, TypeError) as error:
        raise BrokerError(f"what Redis holds of a member cannot be read: {error}") from error


def _member(member: Member) -> list[str | None]:
    return [member.client, member.user, _text(member.conn_info), _text(member.chan_info)]


def _read_member(written: list[Any]) -> Member:
    client, user, conn_info, chan_info = written
    return Member(client, user, _bytes(conn_info), _bytes(chan_info))


def _text(info: bytes | None) -> str | None:
    return None if info is None else info.decode()


def _bytes(info: str | None) -> bytes | None:
    return None if info is None else info.encode()
