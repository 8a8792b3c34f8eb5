"""The Centrifuge client protocol in JSON: one message a line, payloads embedded as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import orjson

from ... import opaque
from ...errors import Disconnect
from ...model import Run
from ...options import Limits
from .. import strict
from ..encode import trimmed
from ..strict import Malformed, Raw
from .codec import Codec
from .messages import Command, Connect, EmulationRequest, Invalid, Push, Reply, Request, Sent, Subscribe
from .reading import DEFAULTS, PONG, Allowance, Unusable, bad_request, exact, request_field, unusable
from .schema import (
    CLIENT_INFO,
    CONNECT_REQUEST,
    ERROR_FIELD,
    PUBLICATION,
    RANGES,
    REPLY_FIELDS,
    REQUESTS,
    Kind,
    Many,
    Map,
    Scalar,
    Shape,
    Text,
    embeds,
    push_shape,
    wire_publication,
)

# A payload lies at least two objects deep, and may have the full depth itself, as in Protobuf.
_ENVELOPE = 2

_WITH_PAYLOAD = ("connect", "subscribe", "publish", "rpc")


KNOWN_LINES = 1000
"""Lines that are remembered; with more all are forgotten."""

KNOWN_CHARACTERS = 160
"""Of the longest line that is remembered."""


class JsonCodec(Codec):
    """See `Codec`. Frames are lines without raw newlines in them.

    A crowd that comes, or comes back, says the same word for word, and what it says is read once.
    """

    name = "json"
    text = True
    ping = b"{}"

    def __init__(self) -> None:
        self._known: dict[str, tuple[Limits, Command]] = {}
        """By their lines, with the limits that they were read within."""

    def _split(self, frame: str, limits: Limits) -> list[str]:
        if strict.holds_more(frame, limits.json_containers):
            raise Malformed(f"more than {limits.json_containers} objects and arrays in a frame")
        lines = frame.split("\n")
        if not lines[-1]:  # one newline may trail
            lines.pop()
        return lines

    def _command(self, message: str, allowance: Allowance) -> Command:
        if message == "{}":
            return PONG
        known = self._known.get(message)
        if known is not None and known[0] is allowance.limits:
            return known[1]
        try:
            members = _fields(message, allowance.limits)
        except Malformed as fault:
            return _blame_payload(message, fault, allowance)
        command = _read_command(members, allowance)
        if len(message) <= KNOWN_CHARACTERS and _is_common(command.request):
            if len(self._known) >= KNOWN_LINES:
                self._known.clear()
            self._known[message] = allowance.limits, command
        return command

    def decode_body(self, body: bytes, limits: Limits = DEFAULTS) -> list[Command]:
        return self.decode(_text(body), limits)

    def decode_emulation(self, body: bytes, limits: Limits = DEFAULTS) -> EmulationRequest:
        try:
            members = _fields(_text(body), limits)
            node, session, data = (_string(members.get(name)) for name in ("node", "session", "data"))
        except Malformed as fault:
            raise bad_request(fault) from None
        return EmulationRequest(node, session, data)

    def decode_connect(self, text: str | bytes, limits: Limits = DEFAULTS) -> Connect:
        """The ConnectRequest that opens a unidirectional connection; nothing, or null, is an empty one.

        Raises:
            Disconnect: 3501, also where a command would be `Invalid`: there is no reply.
        """
        text = _text(text) if isinstance(text, bytes) else text
        if text.strip() in ("", "null"):
            return Connect()
        try:
            found: Connect = _read_members(CONNECT_REQUEST, _fields(text, limits), Allowance(limits))
        except (Malformed, Unusable) as fault:
            raise bad_request(fault) from None
        return found

    def encode_reply(self, reply: Reply) -> bytes:
        name, shape = REPLY_FIELDS.get(type(reply.outcome), ERROR_FIELD)
        return orjson.dumps({"id": reply.id, name: _plain(shape, reply.outcome)})

    def encode_push(self, push: Push) -> bytes:
        return b'{"push":%b}' % self.encode_bare_push(push)

    def encode_bare_push(self, push: Push) -> bytes:
        name, shape = push_shape(push)
        channel = getattr(push, "channel", "")
        envelope = {"channel": channel} if channel else {}
        return orjson.dumps({**envelope, name: _plain(shape, push)})

    def encode_publication_push(self, channel: str, publication: Sent, *, bare: bool = False) -> bytes:
        head = b'{"channel":%b,"pub":%b}' if bare else b'{"push":{"channel":%b,"pub":%b}}'
        return head % (orjson.dumps(channel), _publication(publication))

    def join(self, frames: Iterable[bytes]) -> bytes:
        return b"\n".join(frames)


# -- reading ---------------------------------------------------------------------------------------


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise bad_request("not valid UTF-8") from None


def _fields(text: str, limits: Limits) -> Mapping[str, Raw]:
    return strict.fields(text, strict.Bounds.of(limits, limits.json_containers, around=_ENVELOPE))


def _string(raw: Raw | None) -> str:
    return "" if raw is None else _scalar(Scalar.STRING, raw.value)


def _is_common(request: Request) -> bool:
    """May many say the very same? Then it holds no secret, and no parts that are counted."""
    if isinstance(request, Connect):
        return not (request.token or request.data or request.subs or request.headers)
    return isinstance(request, Subscribe) and not (request.token or request.data or request.tf)


def _read_command(members: Mapping[str, Raw], allowance: Allowance) -> Command:
    present = {name: member for name, member in members.items() if member.value is not None}
    number = _scalar(Scalar.U32, present["id"].value) if "id" in present else 0
    name = request_field(number, present)
    if name is None:
        return PONG
    try:
        return Command(number, _read(REQUESTS[name], present[name], allowance))
    except Unusable as fault:
        return unusable(number, name, fault)


def _blame_payload(line: str, fault: Malformed, allowance: Allowance) -> Command:
    """The command, or the command as invalid, if its payload alone is at fault. Otherwise raises Malformed.

    A key that stands twice in an application's own data is no fault; a lone surrogate in a message
    should cost a chat user that message and not the connection.
    """
    for name, member in strict.loose_fields(line).items():
        if name in _WITH_PAYLOAD and (data := member.fields().get("data")) is not None:
            found = _read_command(_fields(data.replaced("null"), allowance.limits), allowance)
            if isinstance(found.request, REQUESTS[name].holder):
                return Command(found.id, _with_payload(name, found.request, data.raw, allowance.limits))
    raise fault


def _with_payload(name: str, request: Any, data: bytes, limits: Limits) -> Request:
    try:
        return request._replace(data=strict.payload(data, strict.Bounds.of(limits)))  # type: ignore[no-any-return]
    except Malformed as fault:
        return Invalid(name, f"data is not strict JSON: {fault}")


def _read(kind: Kind, raw: Raw, allowance: Allowance) -> Any:
    if kind is Scalar.BYTES:
        return raw.raw
    if not _holds_document(kind, raw.value):
        return _convert(kind, raw.value, allowance)
    members = raw.fields()
    if isinstance(kind, Map):
        allowance.take(len(members))
        return {key: _read(kind.of, member, allowance) for key, member in members.items()}
    return _read_members(cast("Shape", kind), members, allowance)


def _holds_document(kind: Kind, value: object) -> bool:
    """Is there a JSON document in this value whose source must be kept? Most commands have none."""
    if isinstance(kind, Shape) and type(value) is dict:
        return not kind.documents.isdisjoint(value)
    return embeds(kind)


def _read_members(shape: Shape, members: Mapping[str, Raw], allowance: Allowance) -> Any:
    found = {}
    for name, raw in members.items():
        kind = shape.fields.get(name)
        # As everywhere in Protobuf's JSON, null is a field that is not set; a payload may be null.
        if kind is not None and (raw.value is not None or kind is Scalar.BYTES):
            found[name] = _read(kind, raw, allowance)
    return shape.build(**found)


def _convert(kind: Kind, value: object, allowance: Allowance) -> Any:
    if isinstance(kind, Scalar):
        return _scalar(kind, value)
    if isinstance(kind, Many):
        parts = _typed(list, value)
        allowance.take(len(parts))
        return tuple(_convert(kind.of, part, allowance) for part in parts)
    members = _typed(dict, value)
    if isinstance(kind, Map):
        allowance.take(len(members))
        return {key: _convert(kind.of, part, allowance) for key, part in members.items()}
    known = {
        name: _convert(of, part, allowance)
        for name, part in members.items()
        if part is not None and (of := kind.fields.get(name)) is not None
    }
    return kind.build(**known)


def _scalar(kind: Scalar, value: object) -> Any:
    if kind is Scalar.STRING:
        return _typed(str, value)
    if kind is Scalar.BOOL:
        return _typed(bool, value)
    number: int = _typed(int, value)
    if number not in RANGES[kind]:
        raise Malformed("an integer out of range")
    return exact(number) if kind in (Scalar.U64, Scalar.I64) else number


_NAMES = {str: "a string", bool: "a boolean", int: "a whole number", list: "a list", dict: "an object"}


def _typed(expected: type[Any], value: object) -> Any:
    if type(value) is not expected:  # not isinstance: a boolean is no number
        raise Malformed(f"something else where {_NAMES[expected]} belongs")
    return value


# -- writing ---------------------------------------------------------------------------------------


def _plain(shape: Shape, message: object) -> dict[str, Any]:
    wire = message if shape.view is None else shape.view(message)
    plain = {}
    for name, kind in shape.fields.items():  # most of them are not set
        value = getattr(wire, name)
        if value or name in shape.always:
            plain[name] = _json(kind, value)
    return plain


def _publication(sent: Sent) -> bytes:
    # By hand what the table would do as well: this is made anew for every publication.
    data, info, offset, tags, delta = wire_publication(sent)
    readable = _readable(data)
    parts = [b'{"data":', orjson.dumps(data.decode()) if isinstance(data, Text) else readable]
    if info is not None:
        parts += b',"info":', orjson.dumps(_plain(CLIENT_INFO, info))
    if offset:
        parts.append(b',"offset":%d' % offset)
    if tags:
        parts += b',"tags":', orjson.dumps(dict(tags))
    parts.append(b',"delta":true}' if delta else b"}")
    return b"".join(parts)


def _readable(payload: bytes) -> bytes:
    """A payload as it may stand in a line. Raises Disconnect (3506) for what is no JSON."""
    if opaque.is_packed(payload):
        raise Disconnect(3506, "inappropriate protocol: the data is no JSON, and needs Protobuf")
    return strict.one_line(payload)


def _shared(kind: Many, run: Run[Any]) -> orjson.Fragment:
    encoded = run.encoded.get("json")
    if encoded is None:
        encoded = run.encoded["json"] = trimmed(orjson.dumps([_json(kind.of, part) for part in run]))
    return orjson.Fragment(encoded)


def _json(kind: Kind, value: Any) -> Any:
    if isinstance(kind, Scalar) and kind is not Scalar.BYTES:
        return value
    if kind is PUBLICATION:
        return orjson.Fragment(_publication(value))
    if isinstance(kind, Shape):
        return _plain(kind, value)
    if isinstance(kind, Many):
        return _shared(kind, value) if isinstance(value, Run) else [_json(kind.of, part) for part in value]
    if isinstance(kind, Map):
        return {key: _json(kind.of, part) for key, part in value.items()}
    readable = _readable(value)
    return value.decode() if isinstance(value, Text) else orjson.Fragment(readable)
