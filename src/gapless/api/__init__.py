"""The server HTTP API: a JSON object in, a call of the hub, a JSON object out.

Shapes and codes are those of Centrifugo's server API, so that its clients work. A function from
request to reply: no server is needed to test it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from ..errors import BadRequest, Internal, LimitExceeded, MethodNotFound
from ..hub import Hub
from ..protocol.encode import encode
from ..protocol.strict import Malformed, Raw, fields
from .arguments import BadBody, Fields, data_of, field
from .connections import disconnect, refresh, subscribe, unsubscribe
from .publishing import broadcast, publish
from .reading import channels, history, history_remove, info, presence, presence_stats, search
from .shapes import REFUSALS, error_shape

__all__ = ["METHODS", "BadBody", "call"]

log = logging.getLogger("gapless")

Method = Callable[[Hub, Fields], Awaitable[dict[str, Any]]]


async def call(hub: Hub, method: str, body: bytes) -> bytes | None:
    """Answer one API call with the bytes of a JSON object; None: there is no such method.

    Raises:
        BadBody: the body is not a JSON object, or a field has the wrong type.
    """
    if method != "batch" and method not in METHODS:
        return None
    limits = hub.limits
    try:
        said = fields(
            body or b"{}", depth=limits.json_depth, members=limits.json_members, digits=limits.json_digits
        )
    except Malformed as error:
        raise BadBody(f"the body is a JSON object: {error}") from None
    try:
        if method == "batch":
            # The one answer that is not wrapped: each reply inside says how it went.
            return orjson.dumps(await batch(hub, said))
        return orjson.dumps({"result": await METHODS[method](hub, said)})
    except REFUSALS as error:
        return orjson.dumps({"error": error_shape(error)})


async def batch(hub: Hub, said: Fields) -> dict[str, Any]:
    """Several calls in one, in order unless `parallel`; each reply holds the method's bare result."""
    commands = field(said, "commands", list, [])
    limit = hub.limits.batch_commands
    if len(commands) > limit:
        raise LimitExceeded("commands of a batch", limit, len(commands), code=107)
    items = said["commands"].items() if commands else []
    if field(said, "parallel", bool, False):
        replies = await asyncio.gather(*(_one(hub, item) for item in items))
    else:
        replies = [await _one(hub, item) for item in items]
    return {"replies": list(replies)}


async def _one(hub: Hub, item: Raw) -> dict[str, Any]:
    try:
        if not isinstance(item.value, dict):
            raise BadRequest("a command is an object that names its method")
        for method, arguments in item.fields().items():
            if method in METHODS:
                said = arguments.fields() if isinstance(arguments.value, dict) else {}
                return {method: await METHODS[method](hub, said)}
        raise MethodNotFound("not found")
    except BadBody as error:
        return {"error": {"code": BadRequest.code, "message": str(error)}}
    except REFUSALS as error:
        return {"error": error_shape(error)}


async def rpc(hub: Hub, said: Fields) -> dict[str, Any]:
    """Call what the application registered with `hub.on_api_rpc`."""
    method = field(said, "method", str, "")
    if not method:
        raise BadRequest("method is missing")
    if not hub.hooks.guards("api_rpc", method):
        raise MethodNotFound("not found")
    raw = data_of(said, "params", "")
    answer = await hub.hooks.ask("api_rpc", orjson.loads(raw) if raw is not None else None, method)
    try:
        return {"data": orjson.Fragment(encode(answer))}
    except TypeError as error:
        hub.counters.hook_errors += 1
        log.exception("what the api_rpc hook for %r returned is no JSON", method)
        raise Internal from error


METHODS: dict[str, Method] = {
    "publish": publish,
    "broadcast": broadcast,
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "disconnect": disconnect,
    "refresh": refresh,
    "presence": presence,
    "presence_stats": presence_stats,
    "history": history,
    "history_remove": history_remove,
    "search": search,
    "info": info,
    "channels": channels,
    "rpc": rpc,
}
