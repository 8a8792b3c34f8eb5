"""What is kept, and who is there: history, presence, info."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from ..errors import BadRequest, NotAvailable, Unrecoverable
from ..hub import Hub
from ..model import Member, Publication
from ..node.history import POSITION, Range
from ..opaque import is_packed, unpacked
from .arguments import Fields, channel_of, field, position_of

SEARCH_LIMIT = 1_000
"""Publications in one answer of a search; the rest are found `before` the last."""


async def history(hub: Hub, said: Fields, *, share: int = 1) -> dict[str, Any]:
    """A page of what a channel keeps, one of `share` that share the bound of an answer's bytes.

    What does not fit is another page, `since` the last offset of this one. With `times` each publication
    says when the broker took it, in Unix seconds.

    Raises:
        ClientError, BrokerError: refused, or the broker failed.
    """
    channel = channel_of(hub, said)
    limit = field(said, "limit", int, 0)
    since = position_of(said, "since")
    reverse = field(said, "reverse", bool, False)
    if not hub.node.registry.options(channel).history:
        raise NotAvailable("no history is kept in this channel")
    if reverse and since is not None and since.offset == 0:
        raise BadRequest("reverse needs since.offset above 0")
    page = await hub.history(
        channel,
        since=since,
        limit=None if limit < 0 else limit,
        reverse=reverse,
        max_bytes=hub.limits.answer_bytes // share,
    )
    if since is not None and since.epoch and since.epoch != page.top.epoch:
        raise Unrecoverable
    shape = timed_shape if field(said, "times", bool, False) else publication_shape
    answer: dict[str, Any] = {
        "publications": [shape(publication) for publication in page.publications],
        "epoch": page.top.epoch,
        "offset": page.top.offset,
    }
    if page.is_cut(None if limit < 0 else limit, reverse=reverse):
        answer["more"] = True
    return answer


async def search(hub: Hub, said: Fields) -> dict[str, Any]:
    """What a channel keeps with certain words, the newest first. Raises ClientError or BrokerError."""
    channel = channel_of(hub, said)
    limit = field(said, "limit", int, 100)
    if not 1 <= limit <= SEARCH_LIMIT:
        raise BadRequest(f"limit is 1 to {SEARCH_LIMIT}")
    matches = await hub.search(
        channel,
        field(said, "query", str, ""),
        before=field(said, "before", int, None),
        limit=limit,
        since=field(said, "since", float, None),
        until=field(said, "until", float, None),
        level=field(said, "level", str, None),
    )
    return {
        "publications": [timed_shape(found) for found in matches.publications],
        "epoch": matches.top.epoch,
        "offset": matches.top.offset,
        "more": matches.more,
    }


async def seek(hub: Hub, said: Fields) -> dict[str, Any]:
    """The position behind which a channel's history goes on at a time, in Unix seconds.

    `since` it, the first publication is the oldest one kept that the hub took at that time or later. Raises
    ClientError or BrokerError.
    """
    channel = channel_of(hub, said)
    time: float | None = field(said, "time", float, None)
    if time is None:
        raise BadRequest("time is missing: Unix seconds")
    if not hub.node.registry.options(channel).history:
        raise NotAvailable("no history is kept in this channel")
    page = await hub.node.pages.read(channel, POSITION)
    before, behind = page.oldest - 1, page.top.offset
    while before < behind:  # what is wanted is the last one up to `before`, or one between the two
        middle = (before + behind) // 2
        found = (await hub.node.pages.read(channel, Range(middle, limit=1))).publications
        if not found or found[0].time >= time:
            behind = middle
        else:
            before = found[0].offset  # which is beyond the middle where that was trimmed meanwhile
    return {"offset": behind, "epoch": page.top.epoch}


async def history_remove(hub: Hub, said: Fields) -> dict[str, Any]:
    """Drop what a channel keeps. Raises ClientError or BrokerError."""
    channel = channel_of(hub, said)
    if not hub.node.registry.options(channel).history:
        raise NotAvailable("no history is kept in this channel")
    await hub.remove_history(channel)
    return {}


async def presence(hub: Hub, said: Fields) -> dict[str, Any]:
    """Who is in a channel, by client id. Raises ClientError or BrokerError."""
    channel = _present(hub, said)
    members = await hub.presence(channel)
    return {"presence": {client: member_shape(member) for client, member in members.items()}}


async def presence_stats(hub: Hub, said: Fields) -> dict[str, Any]:
    """How many clients and users are in a channel. Raises ClientError or BrokerError."""
    clients, users = await hub.presence_stats(_present(hub, said))
    return {"num_clients": clients, "num_users": users}


def _present(hub: Hub, said: Fields) -> str:
    channel = channel_of(hub, said)
    if not hub.node.registry.options(channel).presence:
        raise NotAvailable("presence is off in this channel")
    return channel


async def info(hub: Hub, said: Fields) -> dict[str, Any]:
    """How things stand on every node. Raises BrokerError."""
    return {"nodes": await hub.nodes()}


def publication_shape(publication: Publication) -> dict[str, Any]:
    """A publication as the server API answers it."""
    payload = publication.payload
    shown: dict[str, Any]
    if is_packed(payload):
        shown = {"b64data": base64.b64encode(unpacked(payload)).decode(), "offset": publication.offset}
    else:
        shown = {"data": orjson.Fragment(payload), "offset": publication.offset}
    if publication.tags:
        shown["tags"] = dict(publication.tags)
    if publication.info is not None:
        shown["info"] = member_shape(publication.info)
    return shown


def timed_shape(publication: Publication) -> dict[str, Any]:
    """The same, and when the broker took it, in Unix seconds."""
    return {**publication_shape(publication), "time": publication.time}


def member_shape(member: Member) -> dict[str, Any]:
    """A member as the server API answers it."""
    shown: dict[str, Any] = {"user": member.user, "client": member.client}
    if member.conn_info is not None:
        shown["conn_info"] = orjson.Fragment(member.conn_info)
    if member.chan_info is not None:
        shown["chan_info"] = orjson.Fragment(member.chan_info)
    return shown
