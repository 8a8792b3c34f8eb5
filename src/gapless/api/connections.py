"""What a back end does to connections: disconnect, subscribe, unsubscribe, refresh."""

from __future__ import annotations

from typing import Any

from ..auth.claims import InvalidToken, Override, override_of
from ..errors import BadRequest
from ..hub import Hub
from .arguments import BadBody, Fields, channel_of, data_of, field, position_of


async def disconnect(hub: Hub, said: Fields) -> dict[str, Any]:
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
    hub.disconnect(
        user=user or None,
        client=client or None,
        session=session or None,
        keep=frozenset(keep),
        code=code,
        reason=reason,
    )
    return {}


async def subscribe(hub: Hub, said: Fields) -> dict[str, Any]:
    """Subscribe a user's connections. `override` changes options for these seats only."""
    channel = channel_of(hub, said)
    await hub.subscribe_client(
        channel,
        user=field(said, "user", str, ""),
        client=field(said, "client", str, "") or None,
        session=field(said, "session", str, "") or None,
        info=data_of(said, "info", "b64info"),
        data=data_of(said, "data", "b64data"),
        since=position_of(said, "recover_since"),
        expires_at=_time(said, "expire_at"),
        override=_override(said),
    )
    return {}


async def unsubscribe(hub: Hub, said: Fields) -> dict[str, Any]:
    """Unsubscribe a user's connections from one channel, or, without one, from all."""
    name = field(said, "channel", str, "")
    channel = channel_of(hub, said) if name else None
    hub.unsubscribe_client(
        channel,
        user=field(said, "user", str, ""),
        client=field(said, "client", str, "") or None,
        session=field(said, "session", str, "") or None,
    )
    return {}


async def refresh(hub: Hub, said: Fields) -> dict[str, Any]:
    """Let a user's connections expire now, or at another time (0: never)."""
    hub.refresh_client(
        user=field(said, "user", str, ""),
        client=field(said, "client", str, "") or None,
        session=field(said, "session", str, "") or None,
        expired=field(said, "expired", bool, False),
        expires_at=_time(said, "expire_at"),
        info=data_of(said, "info", ""),
    )
    return {}


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
