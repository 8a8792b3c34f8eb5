"""The server HTTP API: a JSON object in, a call of the hub, a JSON object out.

Shapes and codes are those of Centrifugo's server API, so that its clients work. A function from
request to reply: no server is needed to test it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from .errors import (
    BadRequest,
    BrokerError,
    ClientError,
    Internal,
    LimitExceeded,
    NotAvailable,
    UnknownChannel,
    Unrecoverable,
)
from .hub import Hub
from .model import Draft, Member, Position, Publication
from .options import ChannelOptions
from .protocol.strict import Malformed, Raw, fields
from .version import __version__

Method = Callable[[Hub, Mapping[str, Raw]], Awaitable[dict[str, Any]]]


class BadBody(ValueError):
    """Not a JSON object, or a field of the wrong type: HTTP 400."""


async def call(hub: Hub, method: str, body: bytes) -> bytes | None:
    """Answer one API call with the bytes of a JSON object; None: there is no such method.

    Raises:
        BadBody: the body is not a JSON object, or a field has the wrong type.
    """
    handler = METHODS.get(method)
    if handler is None:
        return None
    limits = hub.limits
    try:
        said = fields(
            body or b"{}", depth=limits.json_depth, members=limits.json_members, digits=limits.json_digits
        )
    except Malformed as error:
        raise BadBody(f"the body is a JSON object: {error}") from None
    try:
        return _dump({"result": await handler(hub, said)})
    except (ClientError, BrokerError) as error:
        return _dump({"error": _error(error)})


def _dump(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value)


def _error(error: Exception) -> dict[str, Any]:
    if isinstance(error, ClientError):
        return {"code": error.code, "message": error.message}
    return {"code": Internal.code, "message": Internal.message}


# -- fields


def _field(said: Mapping[str, Raw], name: str, kind: type, default: Any) -> Any:
    if name not in said:
        return default
    value = said[name].value
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadBody(f"{name} is {_KINDS[kind]}")
    return value


_KINDS = {str: "a string", int: "a whole number", bool: "true or false", dict: "an object", list: "a list"}


def _channel(hub: Hub, said: Mapping[str, Raw]) -> str:
    channel: str = _field(said, "channel", str, "")
    return _known(hub, channel)


def _known(hub: Hub, channel: str) -> str:
    if not channel:
        raise BadRequest("channel is missing")
    hub.check_channel(channel)
    if hub.declared(channel) is None:
        raise UnknownChannel
    return channel


def _options(hub: Hub, channel: str) -> ChannelOptions:
    return hub.options(channel)


# -- methods


def _draft(hub: Hub, said: Mapping[str, Raw]) -> Draft:
    if "data" not in said:
        raise BadRequest("data is missing")
    payload = said["data"].raw
    if len(payload) > hub.limits.server_payload_bytes:
        raise LimitExceeded("bytes of a publication", hub.limits.server_payload_bytes, len(payload), code=107)
    tags = _field(said, "tags", dict, None)
    if tags is not None and not all(isinstance(value, str) for value in tags.values()):
        raise BadBody("tags is an object of strings")
    return Draft(
        payload,
        tags=tags or None,
        skip_history=_field(said, "skip_history", bool, False),
        idempotency_key=_field(said, "idempotency_key", str, None) or None,
    )


def _position(position: Position | None) -> dict[str, Any]:
    return {} if position is None else {"offset": position.offset, "epoch": position.epoch}


async def publish(hub: Hub, said: Mapping[str, Raw]) -> dict[str, Any]:
    if not _field(said, "channel", str, ""):
        raise BadRequest("channel is missing")
    draft = _draft(hub, said)
    return _position(await hub.publish_draft(_channel(hub, said), draft))


async def broadcast(hub: Hub, said: Mapping[str, Raw]) -> dict[str, Any]:
    channels = _field(said, "channels", list, [])
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
            receipts.append(hub.publish_draft(_known(hub, channel), draft))
        except ClientError as error:
            receipts.append(error)
    responses: list[dict[str, Any]] = []
    for receipt in receipts:
        try:
            if isinstance(receipt, ClientError):
                raise receipt
            responses.append({"result": _position(await receipt)})
        except (ClientError, BrokerError) as error:
            responses.append({"error": _error(error)})
    return {"responses": responses}


def _since(said: Mapping[str, Raw]) -> Position | None:
    since = _field(said, "since", dict, None)
    if since is None:
        return None
    offset, epoch = since.get("offset", 0), since.get("epoch", "")
    if not isinstance(offset, int) or isinstance(offset, bool) or not isinstance(epoch, str):
        raise BadBody('since is {"offset": whole number, "epoch": string}')
    if not 0 <= offset < 2**63:
        raise BadBody("since.offset is 0 to 2^63 - 1")
    return Position(offset, epoch)


async def history(hub: Hub, said: Mapping[str, Raw]) -> dict[str, Any]:
    channel = _channel(hub, said)
    limit = _field(said, "limit", int, 0)
    since = _since(said)
    reverse = _field(said, "reverse", bool, False)
    if not _options(hub, channel).history:
        raise NotAvailable("no history is kept in this channel")
    if reverse and since is not None and since.offset == 0:
        raise BadRequest("reverse needs since.offset above 0")
    page = await hub.history(channel, since=since, limit=None if limit < 0 else limit, reverse=reverse)
    if since is not None and since.epoch and since.epoch != page.top.epoch:
        raise Unrecoverable
    return {
        "publications": [_publication(publication) for publication in page.publications],
        "epoch": page.top.epoch,
        "offset": page.top.offset,
    }


def _publication(publication: Publication) -> dict[str, Any]:
    shown: dict[str, Any] = {"data": orjson.Fragment(publication.payload), "offset": publication.offset}
    if publication.tags:
        shown["tags"] = dict(publication.tags)
    if publication.info is not None:
        shown["info"] = _member(publication.info)
    return shown


def _member(member: Member) -> dict[str, Any]:
    shown: dict[str, Any] = {"user": member.user, "client": member.client}
    if member.conn_info is not None:
        shown["conn_info"] = orjson.Fragment(member.conn_info)
    if member.chan_info is not None:
        shown["chan_info"] = orjson.Fragment(member.chan_info)
    return shown


async def presence(hub: Hub, said: Mapping[str, Raw]) -> dict[str, Any]:
    channel = _present(hub, said)
    members = await hub.presence(channel)
    return {"presence": {client: _member(member) for client, member in members.items()}}


async def presence_stats(hub: Hub, said: Mapping[str, Raw]) -> dict[str, Any]:
    clients, users = await hub.presence_stats(_present(hub, said))
    return {"num_clients": clients, "num_users": users}


def _present(hub: Hub, said: Mapping[str, Raw]) -> str:
    channel = _channel(hub, said)
    if not _options(hub, channel).presence:
        raise NotAvailable("presence is off in this channel")
    return channel


async def channels(hub: Hub, said: Mapping[str, Raw]) -> dict[str, Any]:
    matches = glob(_field(said, "pattern", str, ""))
    found = hub.channels(all=_field(said, "all", bool, False))
    return {"channels": {name: {"num_clients": n} for name, n in found.items() if matches(name)}}


def glob(pattern: str) -> Callable[[str], bool]:
    """`*`, `?`, `[a-z]` and `{a,b}`; an empty pattern matches everything.

    Raises:
        BadRequest: a brace that is not closed, or too many alternatives.
    """
    if not pattern:
        return lambda name: True
    # The standard library's translation does not backtrack across stars, whatever the pattern.
    expressions = [re.compile(fnmatch.translate(plain)) for plain in _alternatives(pattern)]
    return lambda name: any(expression.match(name) for expression in expressions)


def _alternatives(pattern: str) -> list[str]:
    """The patterns without braces that one with braces stands for."""
    open_at = pattern.rfind("{")
    if open_at < 0:
        return [pattern]
    close_at = pattern.find("}", open_at)
    if close_at < 0:
        raise BadRequest("pattern: a { is not closed")
    before, inside, after = pattern[:open_at], pattern[open_at + 1 : close_at], pattern[close_at + 1 :]
    choices = inside.split(",")
    if len(choices) * pattern.count("{") > _MAX_ALTERNATIVES:
        raise BadRequest(f"pattern: more than {_MAX_ALTERNATIVES} alternatives")
    # The innermost group first: what is left of it has one group less.
    found = [plain for choice in choices for plain in _alternatives(before + choice + after)]
    if len(found) > _MAX_ALTERNATIVES:
        raise BadRequest(f"pattern: more than {_MAX_ALTERNATIVES} alternatives")
    return found


_MAX_ALTERNATIVES = 64


async def info(hub: Hub, said: Mapping[str, Raw]) -> dict[str, Any]:
    stats = hub.stats()
    node = {
        "uid": hub.uid,
        "name": hub.name,
        "version": __version__,
        "num_clients": stats.clients,
        "num_users": stats.users,
        "num_channels": stats.channels,
        "num_subs": stats.subscriptions,
        "uptime": int(stats.uptime_seconds),
        "metrics": {"items": {name: float(n) for name, n in stats.counters.items()}},
        "process": {"rss": _resident_bytes()},
    }
    return {"nodes": [node]}


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return 0  # not Linux; the field is optional


async def disconnect(hub: Hub, said: Mapping[str, Raw]) -> dict[str, Any]:
    user = _field(said, "user", str, "")
    client = _field(said, "client", str, "")
    keep = _field(said, "whitelist", list, [])
    how = _field(said, "disconnect", dict, {})
    code, reason = how.get("code", 3503), how.get("reason") or None
    if not user and not client:
        raise BadRequest("user or client is missing")
    if not all(isinstance(name, str) for name in keep):
        raise BadBody("whitelist is a list of client ids")
    if not isinstance(code, int) or isinstance(code, bool) or not 3000 <= code <= 4999:
        raise BadRequest("disconnect.code is 3000 to 4999")
    if reason is not None and (not isinstance(reason, str) or len(reason.encode()) > 123):
        raise BadRequest("disconnect.reason is a string of at most 123 bytes")
    hub.disconnect(user=user or None, client=client or None, keep=frozenset(keep), code=code, reason=reason)
    return {}


METHODS: dict[str, Method] = {
    "publish": publish,
    "broadcast": broadcast,
    "history": history,
    "presence": presence,
    "presence_stats": presence_stats,
    "channels": channels,
    "info": info,
    "disconnect": disconnect,
}
