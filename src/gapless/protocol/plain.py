"""The plain protocol: JSON that people read. Frames out, commands in.

Written down in docs/reference/plain-protocol.md. Frames are assembled from bytes that are JSON
already, so a payload is passed on byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from ..errors import BadRequest
from ..model import History, Member, Position, Publication
from ..opaque import is_packed
from .strict import Bounds, Malformed, Raw, fields, loose_fields

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
    """A publication inside a history or batch frame; of one that is no JSON that it is missing."""
    if publication.offset and is_packed(publication.payload):
        return b'{"offset":%d,"gap":"binary"%b}' % (publication.offset, _beside(publication))
    return _item(publication)


def _item(publication: Publication) -> bytes:
    beside = _beside(publication)
    if publication.offset:
        return b'{"offset":%d,"data":%b%b}' % (publication.offset, publication.payload, beside)
    return b'{"data":%b%b}' % (publication.payload, beside)


def _beside(publication: Publication) -> bytes:
    beside = b""
    if publication.tags:
        beside += b',"tags":' + orjson.dumps(dict(publication.tags))
    if publication.info is not None:
        beside += b',"info":' + member(publication.info)
    return beside


def frame(channel: str, publication: Publication) -> bytes:
    """A publication as a live frame of its own; one that is no JSON is announced as a gap."""
    if is_packed(publication.payload):
        at = publication.offset or None
        return gap(channel, at, at, "binary", publication.epoch, int(at is None))
    return live(channel, _item(publication))


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


def present(channel: str, members: Mapping[str, Member], id: Any) -> bytes:  # noqa: A002
    """The reply to a presence command."""
    who = b",".join(b"%b:%b" % (_text(client), member(each)) for client, each in members.items())
    return _around({"type": "presence", "channel": channel}, b'"presence":{%b}' % who, id)


def page(channel: str, found: History, id: Any, *, more: bool = False) -> bytes:  # noqa: A002
    """The reply to a history command; `more`: it ends before what was asked for."""
    said: dict[str, Any] = {"type": "history", "channel": channel, "epoch": found.top.epoch}
    said |= {"oldest": found.oldest, "head": found.top.offset, "more": more}
    items = b",".join(map(item, found.publications))
    return _around(said, b'"publications":[%b]' % items, id)


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


def _around(said: dict[str, Any], embedded: bytes, id: Any) -> bytes:  # noqa: A002
    """An answer with a member that is JSON already."""
    return b"%b,%b}" % (_answer(said, id)[:-1], embedded)


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


@dataclass(frozen=True, slots=True)
class ReadPresence:
    """Who is in a channel?"""

    channel: str
    id: int | str | None = None


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """What does a channel keep? `limit` None: as much as one answer may hold."""

    channel: str
    since: Position | None = None
    limit: int | None = None
    reverse: bool = False
    id: int | str | None = None


Command = Ping | Subscribe | Unsubscribe | Publish | ReadPresence | ReadHistory


class BadCommand(BadRequest):
    """A frame that is none of the commands; knows the `id` and `channel` to answer to, if it had them."""

    def __init__(self, message: str, id: int | str | None = None, channel: str | None = None) -> None:  # noqa: A002
        self.id = id
        self.channel = channel
        super().__init__(message)


class _Unmeant(ValueError):
    """What is wrong with a command."""


COMMAND = Bounds(containers=8192)
"""What a command may hold where nobody says otherwise."""


def decode(text: str, bounds: Bounds = COMMAND) -> Command:
    """Read one text frame of a client.

    Raises:
        BadCommand: with what was wrong, for the error frame. Nothing else, whatever the text is.
    """
    if text == "ping":
        return Ping()
    try:
        said = fields(text, bounds)
    except Malformed as error:
        fault = f"a command is the word ping or a JSON object: {error}"
        raise BadCommand(fault, *_addressee(_told_apart(text, bounds))) from None
    try:
        return _command(said)
    except _Unmeant as error:
        raise BadCommand(str(error), *_addressee(said)) from None


def _told_apart(text: str, bounds: Bounds) -> Mapping[str, Raw]:
    """The members of what is not strict JSON, as far as there are any."""
    try:
        return loose_fields(text, bounds)
    except Malformed:
        return {}


def _addressee(said: Mapping[str, Raw]) -> tuple[int | str | None, str | None]:
    """The `id` and `channel` that an error is to name: those that can be named."""
    id = said["id"].value if "id" in said else None  # noqa: A001
    channel = said["channel"].value if "channel" in said else None
    return (
        cast("int | str", id) if _is_id(id) else None,
        channel if isinstance(channel, str) and _is_text(channel) else None,
    )


def _command(said: Mapping[str, Raw]) -> Command:
    id = _id(said)  # noqa: A001
    match _typed(said, "type", str):
        case "ping":
            return Ping(id)
        case "subscribe":
            return Subscribe(_channel(said), _count(said, "history"), _since(said), _flag(said, "joins"), id)
        case "unsubscribe":
            return Unsubscribe(_channel(said), id)
        case "publish":
            channel = _channel(said)
            if "data" not in said:
                raise _Unmeant("publish needs data")
            return Publish(channel, said["data"].raw, id)
        case "presence":
            return ReadPresence(_channel(said), id)
        case "history":
            since, limit, reverse = _since(said), _count(said, "limit"), _flag(said, "reverse")
            return ReadHistory(_channel(said), since, limit, reverse, id)
    raise _Unmeant("type is one of ping, subscribe, unsubscribe, publish, presence, history")


def _id(said: Mapping[str, Raw]) -> int | str | None:
    if "id" not in said:
        return None
    value = said["id"].value
    if not _is_id(value):
        raise _Unmeant("id is a whole number from 0 to 2^53, or a string of at most 64 characters")
    return cast("int | str", value)


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= 64 and _is_text(value)
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_text(value: str) -> bool:
    """Can it be sent back? Half of a surrogate pair cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _typed(said: Mapping[str, Raw], name: str, kind: type) -> Any:
    if name not in said:
        raise _Unmeant(f"{name} is missing")
    value = said[name].value
    if not isinstance(value, kind):
        raise _Unmeant(f"{name} is not a {'string' if kind is str else kind.__name__}")
    return value


def _channel(said: Mapping[str, Raw]) -> str:
    channel: str = _typed(said, "channel", str)
    return channel


def _count(said: Mapping[str, Raw], name: str) -> int | None:
    if name not in said:
        return None
    value = said[name].value
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _Unmeant(f"{name} is a whole number, 0 for none")
    return value


def _since(said: Mapping[str, Raw]) -> Position | None:
    if "since" not in said:
        return None
    try:
        return Position.parse(_typed(said, "since", str))
    except _Unmeant:
        raise
    except ValueError as error:
        raise _Unmeant(f"since: {error}") from None


def _flag(said: Mapping[str, Raw], name: str) -> bool:
    if name not in said:
        return False
    value = said[name].value
    if not isinstance(value, bool):
        raise _Unmeant(f"{name} is true or false")
    return value
