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
    info, tags, delta, exclude = known["info"], known["tags"], known["delta"], known["exclude"]
    if not (tags is None or (isinstance(tags, dict) and all(isinstance(one, str) for one in tags.values()))):
        raise TypeError("tags that are no texts")
    if not (isinstance(delta, bool) and (exclude is None or isinstance(exclude, str))):
        raise TypeError("delta, or exclude, of another kind")
    return Publication(
        payload,
        offset,
        epoch,
        tags,
        None if info is None else _read_member(info),
        millis / 1000,
        delta,
        exclude,
    )


def entry(found: Sequence[Any], epoch: str) -> Publication:
    """One entry of the stream: [id, [d, payload, t, milliseconds, m, about]]. Raises BrokerError."""
    try:
        identity, (_, payload, _, millis, _, rest) = found
        return _publication(payload, int(identity.partition(b"-")[0]), epoch, int(millis), rest)
    except _NOT_OURS as error:
        raise _unreadable("a publication", error) from error


def notified(message: bytes) -> Publication:
    """`pOFFSET EPOCH MILLISECONDS LENGTH ABOUT PAYLOAD`, as `publish.lua` writes it.

    Raises BrokerError: something else was published there.
    """
    try:
        offset, epoch, millis, length, rest = message[1:].split(b" ", 4)
        size, number = int(length), int(offset)
        if not (0 <= size <= len(rest) and 0 <= number < 2**63):
            raise ValueError("a number that cannot be")
        return _publication(rest[size:], number, epoch.decode(), int(millis), rest[:size])
    except _NOT_OURS as error:
        raise _unreadable("a publication", error) from error


def write_member(member: Member) -> bytes:
    """As JSON, which `read_member` reads."""
    return orjson.dumps(_member(member))


def read_member(written: bytes) -> Member:
    """Raises BrokerError: something else is there."""
    try:
        return _read_member(orjson.loads(written))
    except _NOT_OURS as error:
        raise _unreadable("a member", error) from error


def _member(member: Member) -> list[str | None]:
    return [member.client, member.user, _text(member.conn_info), _text(member.chan_info)]


def _read_member(written: list[Any]) -> Member:
    client, user, conn_info, chan_info = written
    if not (isinstance(client, str) and isinstance(user, str)):
        raise TypeError("a client, or a user, that is no text")
    return Member(client, user, _bytes(conn_info), _bytes(chan_info))


def _text(info: bytes | None) -> str | None:
    return None if info is None else info.decode()


def _bytes(info: str | None) -> bytes | None:
    if info is None:
        return None
    orjson.loads(info)  # it is passed on as it stands, among JSON
    return info.encode()


_NOT_OURS = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What comes of reading what no node has written."""


def _unreadable(what: str, error: Exception) -> BrokerError:
    return BrokerError(f"what Redis holds of {what} cannot be read: {error}")
