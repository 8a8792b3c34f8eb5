"""Reading the fields of an API call, each with its type."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Mapping
from typing import Any

from ..errors import BadRequest, UnknownChannel
from ..hub import Hub
from ..model import Position
from ..opaque import packed
from ..protocol.strict import Bounds, Malformed, Raw, fields, holds_more, payload

Fields = Mapping[str, Raw]


PAYLOADS = frozenset(("data", "info", "params", "commands"))
"""Members that hold what an application publishes, in which a key may stand twice."""


CONTAINERS = 8192
"""Objects and arrays in what is given in base64, and so is read on the loop."""


class BadBody(ValueError):
    """Not a JSON object, or a field of the wrong type: HTTP 400."""


def read(hub: Hub, body: bytes) -> Fields:
    """The members of a call. Raises Malformed."""
    return fields(body, Bounds.of(hub.limits, hub.limits.body_containers), payloads=PAYLOADS)


def read_deeply(hub: Hub, body: bytes) -> Fields:
    """As `read`, with the commands of a batch told apart as well. Raises Malformed."""
    said = read(hub, body)
    if "commands" in said and isinstance(said["commands"].value, list):
        for command in said["commands"].items():
            with contextlib.suppress(Malformed):  # which that command is answered with
                for arguments in command.fields().values():
                    arguments.fields()
    return said


def field(said: Fields, name: str, kind: type, default: Any) -> Any:
    """A field of the request, or its default. Raises BadBody when it is of another kind."""
    if name not in said:
        return default
    value = said[name].value
    if value is None:
        return default
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or (kind in (int, float) and isinstance(value, bool)):
        raise BadBody(f"{name} is {_KINDS[kind]}")
    return value


_KINDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def channel_of(hub: Hub, said: Fields) -> str:
    """The channel that the request names. Raises BadRequest, LimitExceeded or UnknownChannel."""
    channel: str = field(said, "channel", str, "")
    return known(hub, channel)


def known(hub: Hub, channel: str) -> str:
    """The same name, if clients may know it. Raises BadRequest, LimitExceeded or UnknownChannel."""
    if not channel:
        raise BadRequest("channel is missing")
    hub.node.registry.check(channel)
    if hub.node.registry.declared(channel) is None:
        raise UnknownChannel
    return channel


def position_of(said: Fields, name: str) -> Position | None:
    """A position in the request, None without one. Raises BadBody when it is none."""
    since = field(said, name, dict, None)
    if since is None:
        return None
    offset, epoch = since.get("offset", 0), since.get("epoch", "")
    if not isinstance(offset, int) or isinstance(offset, bool) or not isinstance(epoch, str):
        raise BadBody(f'{name} is {{"offset": whole number, "epoch": string}}')
    if not 0 <= offset < 2**63:
        raise BadBody(f"{name}.offset is 0 to 2^63 - 1")
    return Position(offset, epoch)


def data_of(said: Fields, name: str, base64_name: str, *, any_bytes: bool = False) -> bytes | None:
    """A payload as one line of JSON: from base64 where that is given, else as it stands; None: neither.

    With `any_bytes`, base64 may hold what is no JSON.

    Raises:
        BadRequest: not base64, or what it holds is not strict JSON, or too much of it.
    """
    encoded = field(said, base64_name, str, "") if base64_name else ""
    if not encoded:
        return said[name].raw if name in said else None
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"{base64_name} is not base64") from None
    if raw.lstrip()[:1] in (b"[", b"{") and holds_more(raw, CONTAINERS):  # else it is no JSON, and soon seen
        raise BadRequest(f"{base64_name} holds more than {CONTAINERS} objects and arrays")
    try:
        return payload(raw)
    except Malformed as error:
        if any_bytes:
            return packed(raw)
        raise BadRequest(f"{base64_name} holds no JSON: {error}") from None
