"""The plain protocol: JSON that people read. Frames out, commands in.

Written down in docs/reference/plain-protocol.md. Frames are assembled from bytes that are JSON
already, so a payload is passed on byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from ..errors import BadRequest
from ..model import Member, Position, Publication
from ..opaque import is_packed
from .strict import Malformed, Raw, fields

PONG = b'{"type":"pong"}'


def _text(value: str) -> bytes:
    return orjson.dumps(value)


def member(who: Member) -> bytes:
    """Who did something: `{"user","client"}` and what they say of themselves."""
    said = b'{"user":%b,"client":%b' % (_text(who.user), _text(who.client))
    if who.conn_info is not None:
        said += b',"conn_info":' + who.conn_info
    if who.chan_info is not None:
        said += b',"chan_info":' + who.chan_info
    return said + b"}"


def item(publication: Publication) -> bytes:
    """A publication inside a history or batch frame."""
    beside = b""
    if publication.tags:
        beside += b',"tags":' + orjson.dumps(dict(publication.tags))
    if publication.info is not None:
        beside += b',"info":' + member(publication.info)
    if publication.offset and is_packed(publication.payload):
        return b'{"offset":%d,"gap":"binary"%b}' % (publication.offset, beside)
    if publication.offset:
        return b'{"offset":%d,"data":%b%b}' % (publication.offset, publication.payload, beside)
    return b'{"data":%b%b}' % (publication.payload, beside)


def live(channel: str, piece: bytes) -> bytes:
    """A live frame from an item."""
    return b'{"channel":%b,%b' % (_text(channel), piece[1:])


def batch(channel: str, items: list[bytes]) -> bytes:
    """Several live publications in one frame."""
    return b'{"channel":%b,"batch":[%b]}' % (_text(channel), b",".join(items))


def history(
    channel: str,
    position: Position,
    oldest: int,
    items: bytes,
    *,
    more: bool,
    recovered: bool | None = None,
    lost: tuple[int | None, int | None] | None = None,
    id: Any = None,  # noqa: A002 - the wire's word
) -> bytes:
    """A history frame around items with commas between them.

    `recovered`, `lost` and `id` stand in the first one only.
    """
    head = b'{"channel":%b,"epoch":%b,"oldest":%d,"head":%d' % (
        _text(channel),
        _text(position.epoch),
        oldest,
        position.offset,
    )
    if id is not None:
        head += b',"id":' + orjson.dumps(id)
    if recovered is not None:
        head += b',"recovered":true' if recovered else b',"recovered":false'
    if lost is not None:
        head += b',"lost":' + orjson.dumps({"from": lost[0], "to": lost[1]})
    return b'%b,"history":[%b],"more":%b}' % (head, items, b"true" if more else b"false")


def gap(channel: str, first: int | None, last: int | None, reason: str, epoch: str, missed: int) -> bytes:
    """Continuity is broken here."""
    said: dict[str, Any] = {"from": first, "to": last, "reason": reason, "epoch": epoch}
    if missed:
        said["count"] = missed
    return orjson.dumps({"channel": channel, "gap": said})


def joined(channel: str, who: Member) -> bytes:
    """Somebody joined."""
    return b'{"channel":%b,"join":%b}' % (_text(channel), member(who))


def left(channel: str, who: Member) -> bytes:
    """Somebody left."""
    return b'{"channel":%b,"leave":%b}' % (_text(channel), member(who))


def published(channel: str, position: Position | None, id: Any) -> bytes:  # noqa: A002
    """The reply to a publish command."""
    said: dict[str, Any] = {"type": "published", "channel": channel}
    if position is not None:
        said |= {"epoch": position.epoch, "offset": position.offset}
    return _answer(said, id)


def unsubscribed(
    channel: str,
    id: Any = None,  # noqa: A002
    code: int | None = None,
    reason: str | None = None,
) -> bytes:
    """The reply to an unsubscribe command, or word that the server did it."""
    said: dict[str, Any] = {"type": "unsubscribed", "channel": channel}
    if code is not None:
        said |= {"code": code, "reason": reason}
    return _answer(said, id)


def error(code: int, message: str, id: Any = None, channel: str | None = None) -> bytes:  # noqa: A002
    """A refused command, or a frame that was none."""
    said: dict[str, Any] = {"type": "error", "code": code, "message": message}
    if channel is not None:
        said["channel"] = channel
    return _answer(said, id)


def pong(id: Any = None) -> bytes:  # noqa: A002
    """The reply to a ping."""
    return PONG if id is None else _answer({"type": "pong"}, id)


def _answer(said: dict[str, Any], id: Any) -> bytes:  # noqa: A002
    if id is not None:
        said["id"] = id
    return orjson.dumps(said)


# -- in


@dataclass(frozen=True, slots=True)
class Ping:
    """`{"type":"ping"}`, or the bare word."""

    id: int | str | None = None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`history`: how many of the newest first, None for all; `since` resumes instead."""

    channel: str
    history: int | None = None
    since: Position | None = None
    joins: bool = False
    id: int | str | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Leave a channel."""

    channel: str
    id: int | str | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish to a channel."""

    channel: str
    payload: bytes
    id: int | str | None = None


Command = Ping | Subscribe | Unsubscribe | Publish


class BadCommand(BadRequest):
    """A frame that is none of the commands; knows the `id` to answer to, if it had one."""

    def __init__(self, message: str, id: int | str | None = None, channel: str | None = None) -> None:  # noqa: A002
        self.id = id
        self.channel = channel
        super().__init__(message)


def decode(text: str, *, depth: int = 64, members: int = 1000, digits: int = 20) -> Command:
    """Read one text frame of a client.

    Raises:
        BadCommand: with what was wrong, for the error frame. Nothing else, whatever the text is.
    """
    if text == "ping":
        return Ping()
    try:
        said = fields(text, depth=depth, members=members, digits=digits)
    except Malformed as error:
        raise BadCommand(f"a command is the word ping or a JSON object: {error}") from None
    id = _id(said)  # noqa: A001
    match _typed(said, "type", str, id):
        case "ping":
            return Ping(id)
        case "subscribe":
            return Subscribe(_channel(said, id), _history(said, id), _since(said, id), _joins(said, id), id)
        case "unsubscribe":
            return Unsubscribe(_channel(said, id), id)
        case "publish":
            channel = _channel(said, id)
            if "data" not in said:
                raise BadCommand("publish needs data", id, channel)
            return Publish(channel, said["data"].raw, id)
    raise BadCommand("type is one of ping, subscribe, unsubscribe, publish", id)


def _id(said: dict[str, Raw]) -> int | str | None:
    if "id" not in said:
        return None
    value = said["id"].value
    if isinstance(value, str) and len(value) <= 64:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
        return value
    raise BadCommand("id is a whole number from 0 to 2^53, or a string of at most 64 characters")


def _typed(said: dict[str, Raw], name: str, kind: type, id: int | str | None) -> Any:  # noqa: A002
    if name not in said:
        raise BadCommand(f"{name} is missing", id)
    value = said[name].value
    if not isinstance(value, kind):
        raise BadCommand(f"{name} is not a {'string' if kind is str else kind.__name__}", id)
    return value


def _channel(said: dict[str, Raw], id: int | str | None) -> str:  # noqa: A002
    channel: str = _typed(said, "channel", str, id)
    return channel


def _history(said: dict[str, Raw], id: int | str | None) -> int | None:  # noqa: A002
    if "history" not in said:
        return None
    value = said["history"].value
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadCommand("history is a whole number, 0 for none", id)
    return value


def _since(said: dict[str, Raw], id: int | str | None) -> Position | None:  # noqa: A002
    if "since" not in said:
        return None
    try:
        return Position.parse(_typed(said, "since", str, id))
    except ValueError as error:
        raise BadCommand(f"since: {error}", id) from None


def _joins(said: dict[str, Raw], id: int | str | None) -> bool:  # noqa: A002
    if "joins" not in said:
        return False
    value = said["joins"].value
    if not isinstance(value, bool):
        raise BadCommand("joins is true or false", id)
    return value
