"""Calls that publish, answered at once where nothing has to be waited for.

The same checks in the same order as `call`, without a coroutine: with a broker that answers at once
a publication is stored when it was handed over. What is not a call, or not one of these, is None and
untouched: `call` says then what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

import orjson

from ..errors import BadRequest
from ..hub import Hub
from ..model import Draft
from ..node.receipt import Receipt
from ..protocol.strict import Bounds, Malformed
from ..protocol.strict import payload as document
from .arguments import BadBody, known, read
from .publishing import (
    REFUSALS,
    Begun,
    begin_broadcast,
    begin_publish,
    check_size,
    error_shape,
    hand_over,
    reply,
    settled,
)

TOGETHER = 100
"""Publications of a batch that are handed over in one turn; a longer one is not answered here."""

Said = bytes | Awaitable[bytes] | None
"""The body of an answer, now or later; None: it is for `call`."""

_ENVELOPE = re.compile(
    rb'[ \t\n\r]*\{[ \t\n\r]*"channel"[ \t\n\r]*:[ \t\n\r]*"([\x20\x21\x23-\x5b\x5d-\x7e]+)"'
    rb'[ \t\n\r]*,[ \t\n\r]*"data"[ \t\n\r]*:'
)
"""What stands before the data of a publication that has nothing else: a name in ASCII, without escapes."""

_BLANK = b" \t\n\r"


def publish(hub: Hub, body: bytes) -> Said:
    """`publish`."""
    try:
        receipt = _plain(hub, body) or begin_publish(hub, read(hub, body or b"{}"))
    except (BadBody, Malformed):
        return None
    except REFUSALS as error:
        return orjson.dumps({"error": error_shape(error)})
    relief = hub.node.intake.relieve(receipt.channel) if receipt.done else None
    if receipt.done and relief is None:  # nearly always: without a closure
        return orjson.dumps(reply("result", receipt))
    return _later(relief, [receipt], lambda: orjson.dumps(reply("result", receipt)))


def broadcast(hub: Hub, body: bytes) -> Said:
    """`broadcast`."""
    try:
        begun = begin_broadcast(hub, read(hub, body or b"{}"))
    except (BadBody, Malformed):
        return None
    except REFUSALS as error:
        return orjson.dumps({"error": error_shape(error)})
    return _when_done(hub, begun, lambda: _wrapped(begun))


def batch(hub: Hub, body: bytes) -> Said:
    """`batch`, where it only publishes."""
    try:
        said = read(hub, body or b"{}")
        commands = said["commands"]
        if (
            said.keys() != {"commands"}
            or not isinstance(commands.value, list)
            or not 0 < len(commands.value) <= min(TOGETHER, hub.limits.batch_commands)
        ):
            return None
        if not all(isinstance(item, dict) and item.keys() == {"publish"} for item in commands.value):
            return None
        drafts = [item.fields()["publish"] for item in commands.items()]
    except (BadBody, Malformed, KeyError):
        return None
    begun: list[Begun] = []
    for draft in drafts:
        try:
            said = draft.fields() if isinstance(draft.value, dict) else {}
            begun.append(begin_publish(hub, said))
        except (BadBody, Malformed) as error:
            begun.append(BadRequest(str(error)))
        except REFUSALS as error:
            begun.append(error)
    return _when_done(hub, begun, lambda: orjson.dumps({"replies": [reply("publish", one) for one in begun]}))


METHODS: dict[str, Callable[[Hub, bytes], Said]] = {
    "publish": publish,
    "broadcast": broadcast,
    "batch": batch,
}


def _plain(hub: Hub, body: bytes) -> Receipt | None:
    """A channel and data, and nothing else, as nearly every call is: read in a third of the time."""
    envelope = _ENVELOPE.match(body)
    if envelope is None:
        return None
    data = body[envelope.end() :].rstrip(_BLANK)
    if not data.endswith(b"}"):
        return None
    limits = hub.limits
    try:
        # What stands between is one document, so that nothing else can stand beside it.
        bounds = Bounds.of(limits, limits.body_containers - 1, around=-1)  # the call itself is one
        payload = document(data[:-1], bounds)
    except Malformed:
        return None
    check_size(hub, payload)
    return hand_over(hub, known(hub, envelope[1].decode()), Draft(payload))


def _wrapped(begun: list[Begun]) -> bytes:
    return orjson.dumps({"result": {"responses": [reply("result", one) for one in begun]}})


def _when_done(hub: Hub, begun: Sequence[Begun], tell: Callable[[], bytes]) -> Said:
    """Tell now, or when the broker has answered and readers that lag but move have come up."""
    for one in begun:
        if isinstance(one, Receipt):
            relief = hub.node.intake.relieve(one.channel) if one.done else None
            if relief is not None or not one.done:
                return _later(relief, begun, tell)
    return tell()


async def _later(relief: Awaitable[None] | None, begun: Sequence[Begun], tell: Callable[[], bytes]) -> bytes:
    if relief is not None:
        await relief
    await settled(begun)
    return tell()
