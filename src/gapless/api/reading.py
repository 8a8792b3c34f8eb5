"""What is kept, and who is there: history, presence, channels, info."""

from __future__ import annotations

from typing import Any

from ..errors import BadRequest, NotAvailable, Unrecoverable
from ..hub import Hub
from ..version import __version__
from .arguments import Fields, channel_of, field, position_of
from .glob import glob
from .shapes import member_shape, publication_shape


async def history(hub: Hub, said: Fields) -> dict[str, Any]:
    """A page of what a channel keeps. Raises ClientError or BrokerError."""
    channel = channel_of(hub, said)
    limit = field(said, "limit", int, 0)
    since = position_of(said, "since")
    reverse = field(said, "reverse", bool, False)
    if not hub.node.registry.options(channel).history:
        raise NotAvailable("no history is kept in this channel")
    if reverse and since is not None and since.offset == 0:
        raise BadRequest("reverse needs since.offset above 0")
    page = await hub.history(channel, since=since, limit=None if limit < 0 else limit, reverse=reverse)
    if since is not None and since.epoch and since.epoch != page.top.epoch:
        raise Unrecoverable
    return {
        "publications": [publication_shape(publication) for publication in page.publications],
        "epoch": page.top.epoch,
        "offset": page.top.offset,
    }


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


async def channels(hub: Hub, said: Fields) -> dict[str, Any]:
    """Channels with subscribers, by wish those that match a pattern. Raises BadRequest."""
    matches = glob(field(said, "pattern", str, ""))
    found = hub.channels(all=field(said, "all", bool, False))
    return {"channels": {name: {"num_clients": n} for name, n in found.items() if matches(name)}}


async def info(hub: Hub, said: Fields) -> dict[str, Any]:
    """How things stand on this node."""
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
