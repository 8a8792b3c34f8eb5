"""The server API as the tests call it: a method's result, or its error."""

from __future__ import annotations

import json
from typing import Any

from gapless import ChannelOptions, Hub
from gapless.api import call

CHANNELS = {
    "logs": ChannelOptions(history=100),
    "now": ChannelOptions(),
    "room": ChannelOptions(history=10, presence=True),
}


async def answer(hub: Hub, method: str, /, **said: Any) -> Any:
    """The decoded answer of a method that exists."""
    body = await call(hub, method, json.dumps(said).encode())
    assert body is not None
    return json.loads(body)


async def result(hub: Hub, method: str, /, **said: Any) -> Any:
    said = await answer(hub, method, **said)
    assert set(said) == {"result"}, said
    return said["result"]


async def error(hub: Hub, method: str, /, **said: Any) -> tuple[int, str]:
    said = await answer(hub, method, **said)
    assert set(said) == {"error"}, said
    assert set(said["error"]) == {"code", "message"}
    return said["error"]["code"], said["error"]["message"]
