"""What a back end does to connections: disconnect, subscribe, unsubscribe, refresh."""

from __future__ import annotations

from typing import Any

from ..auth.claims import InvalidToken, override_of
from ..errors import BadRequest
from ..hub import Hub
from ..model import Override, ServerSubscription
from ..node.connections import Connections
from .arguments import BadBody, Fields, channel_of, data_of, field, position_of


async def disconnect(hub: Hub, said: Fields) -> dict[str, Any]:
    """Close the connections of a user, a client or a session. Raises BadRequest or BadBody."""
    user = field(said, "user", str, "")
    client = field(said, "client", str, "")
    session = field(said, "session", str, "")
    keep = field(said, "whitelist", list, [])
    how = field(said, "disconnect", dict, {})
    code, reason = how.get("code", 3503), how.get("reason") or None
    if not user and not client and not session:
        raise BadRequest("user, client or session is missing")
    if not all(isinstance(name, str) for name in keep):
        raise BadBody("whitelist is a list of client ids")
    if not isinstance(code, int) or isinstance(code, bool) or not 3000 <= code <= 4999:
        raise BadRequest("disconnect.code is 3000 to 4999")
    if reason is not None and (not isinstance(reason, str) or len(reason.encode()) > 123):
        raise BadRequest("disconnect.reason is a string of at most 123 bytes")
    found = hub.connections(user=user or None, client=client or None, session=session or None)
    found.but(frozenset(keep)).close(code, reason)
    return {}


async def subscribe(hub: Hub, said: Fields) -> dict[str, Any]:
    """Subscribe a user's connections. `override` changes options for these subscriptions only."""
    channel = channel_of(hub, said)
    server = ServerSubscription(
        info=data_of(said, "info", "b64info"),
        data=data_of(said, "data", "b64data"),
        override=_override(said),
        expires_at=_time(said, "expire_at"),
    )
    await _addressed(hub, said).subscribe(channel, server, since=position_of(said, "recover_since"))
    return {}


async def unsubscribe(hub: Hub, said: Fields) -> dict[str, Any]:
    """Unsubscribe a user's connections from one channel, or, without one, from all."""
    name = field(said, "channel", str, "")
    _addressed(hub, said).unsubscribe(channel_of(hub, said) if name else None)
    return {}


async def refresh(hub: Hub, said: Fields) -> dict[str, Any]:
    """Let a user's connections expire now, or at another time (0: never)."""
    found = _addressed(hub, said)
    info, expires_at = data_of(said, "info", ""), _time(said, "expire_at")
    if field(said, "expired", bool, False):
        found.close(3005)
    else:
        found.refresh(expires_at, info)
    return {}


def _addressed(hub: Hub, said: Fields) -> Connections:
    """Those of a user, by wish only one client or session of it; an empty user has those without one."""
    return hub.connections(
        user=field(said, "user", str, ""),
        client=field(said, "client", str, "") or None,
        session=field(said, "session", str, "") or None,
    )


def _override(said: Fields) -> Override:
    try:
        return override_of({"override": field(said, "override", dict, {})})
    except InvalidToken:
        raise BadBody('override is {"presence": {"value": true or false}, …}') from None


def _time(said: Fields, name: str) -> float | None:
    value = field(said, name, int, 0)
    if value < 0:
        raise BadBody(f"{name} is Unix seconds")
    return float(value) or None
