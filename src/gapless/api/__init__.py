"""The server HTTP API: a JSON object in, a call of the hub, a JSON object out.

Shapes and codes are those of Centrifugo's server API, so that its clients work. A function from
request to reply: no server is needed to test it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any

import orjson

from ..errors import BadRequest, Internal, LimitExceeded, MethodNotFound, Overloaded
from ..hub import Hub
from ..protocol.strict import Malformed, Raw
from .arguments import BadBody, Fields, data_of, field, read, read_deeply
from .connections import disconnect, refresh, subscribe, unsubscribe
from .publishing import REFUSALS, broadcast, error_shape, publish
from .reading import history, history_remove, info, presence, presence_stats, search, seek
from .watching import channels, clients, sources

__all__ = ["LONG", "METHODS", "Aside", "BadBody", "call", "call_lines", "is_long"]

log = logging.getLogger("gapless")

PUBLISHED_TOGETHER = 100
"""Publications of a batch that are under way at the same time; then the flush has its turn."""

Method = Callable[[Hub, Fields], Awaitable[dict[str, Any]]]


Aside = Callable[[int, Callable[[], Fields]], Awaitable[Fields]]
"""Does the work of reading so many bytes beside the loop. Raises Overloaded."""

LONG = 64 * 1024
"""A body of more bytes is read beside the loop: it takes a millisecond or two."""

MANY = 2048
"""So is one with more opening brackets."""


def is_long(body: bytes) -> bool:
    """Is a body better read beside the loop?"""
    return len(body) > LONG or (len(body) > MANY and body.count(b"{") + body.count(b"[") > MANY)


async def _read(hub: Hub, body: bytes, aside: Aside | None) -> Fields:
    """Raises Malformed or Overloaded."""
    if aside is None or not is_long(body):
        return read(hub, body)
    return await aside(len(body), partial(read_deeply, hub, body))


async def call(hub: Hub, method: str, body: bytes, aside: Aside | None = None) -> bytes | None:
    """Answer one API call with the bytes of a JSON object; None: there is no such method.

    Raises:
        BadBody: the body is not a JSON object, or a field has the wrong type.
    """
    if method != "batch" and method not in METHODS:
        return None
    try:
        said = await _read(hub, body or b"{}", aside)
        if method == "batch":
            # The one answer that is not wrapped: each reply inside says how it went.
            return orjson.dumps(await batch(hub, said))
        return orjson.dumps({"result": await METHODS[method](hub, said)})
    except Malformed as error:
        raise BadBody(f"the body is a JSON object: {error}") from None
    except REFUSALS as error:
        return orjson.dumps({"error": error_shape(error)})


async def call_lines(hub: Hub, body: bytes, aside: Aside | None = None) -> bytes:
    """Calls as older clients send them, `{"id", "method", "params"}` on a line each; a line for each answer.

    Raises:
        BadBody: a line is not such an object, or there are too many.
    """
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not 0 < len(lines) <= hub.limits.batch_commands:
        raise BadBody(f"1 to {hub.limits.batch_commands} calls, each on a line of its own")
    answers: list[bytes] = []
    for line in lines:
        try:
            said = await _read(hub, line, aside)
        except Overloaded as error:
            answers.append(orjson.dumps({"error": error_shape(error)}))
            continue
        except Malformed as error:
            raise BadBody(f"a line is a JSON object: {error}") from None
        method: str = field(said, "method", str, "")
        params = said["params"].raw if "params" in said else b"{}"
        answer = await call(hub, method, params, aside) or orjson.dumps(
            {"error": error_shape(MethodNotFound())}
        )
        number: int = field(said, "id", int, 0)
        answers.append(b'{"id":%d,%b' % (number, answer[1:]) if number else answer)
    return b"\n".join(answers) + b"\n"


async def batch(hub: Hub, said: Fields) -> dict[str, Any]:
    """Several calls in one, in order unless `parallel`; each reply holds the method's bare result."""
    commands = field(said, "commands", list, [])
    limit = hub.limits.batch_commands
    if len(commands) > limit:
        raise LimitExceeded("commands of a batch", limit, len(commands), code=107)
    items = said["commands"].items() if commands else []
    if field(said, "parallel", bool, False):
        replies = await asyncio.gather(*(_one(hub, item, len(commands)) for item in items))
    else:
        replies = [reply for run in _runs(items) for reply in await _together(hub, run, len(commands))]
    return {"replies": list(replies)}


def _runs(items: Iterable[Raw]) -> Iterator[list[Raw]]:
    """Commands that follow each other, and may be under way at the same time without losing their order."""
    run: list[Raw] = []
    for item in items:
        named = item.value if isinstance(item.value, dict) else {}
        if run and (len(run) >= PUBLISHED_TOGETHER or not named.keys() <= {"publish"}):
            yield run
            run = []
        run.append(item)
        if not named.keys() <= {"publish"}:
            yield run
            run = []
    if run:
        yield run


async def _together(hub: Hub, run: list[Raw], share: int) -> list[dict[str, Any]]:
    # Tasks begin in their order, and a publication is handed to the broker before its first wait:
    # what is committed to a store is committed together.
    return await asyncio.gather(*(_one(hub, item, share) for item in run))


async def _one(hub: Hub, item: Raw, share: int) -> dict[str, Any]:
    try:
        if not isinstance(item.value, dict):
            raise BadRequest("a command is an object that names its method")
        for method, arguments in item.fields().items():
            if method in METHODS:
                said = arguments.fields() if isinstance(arguments.value, dict) else {}
                if method == "history":
                    return {method: await history(hub, said, share=share)}
                return {method: await METHODS[method](hub, said)}
        raise MethodNotFound("not found")
    except (BadBody, Malformed) as error:
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
        return {"data": orjson.Fragment(hub.hooks.encode(answer))}
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
    "seek": seek,
    "info": info,
    "channels": channels,
    "clients": clients,
    "sources": sources,
    "rpc": rpc,
}
