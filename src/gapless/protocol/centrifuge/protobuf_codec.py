"""The Centrifuge client protocol in Protobuf: messages with their length before them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from ... import opaque
from ...model import Run
from ...options import Limits
from .. import strict
from ..strict import Malformed
from . import client_pb2
from .codec import Codec
from .messages import Command, EmulationRequest, PublicationPush, Push, Reply, Sent
from .reading import DEFAULTS, PONG, Allowance, Unusable, bad_request, exact, request_field, unusable
from .schema import ERROR_FIELD, REPLY_FIELDS, REQUESTS, Kind, Many, Map, Scalar, Shape, push_shape


class ProtobufCodec(Codec):
    """See `Codec`. Payloads are any bytes; what is no JSON is packed while it is in the hub."""

    name = "protobuf"
    text = False
    ping = b"\x00"

    def _split(self, frame: bytes, limits: Limits) -> list[bytes]:
        return list(_messages(frame))

    def _command(self, message: bytes, allowance: Allowance) -> Command:
        return _command(message, allowance) if message else PONG

    def decode_body(self, body: bytes, limits: Limits = DEFAULTS) -> list[Command]:
        return self.decode(body, limits)

    def decode_emulation(self, body: bytes, limits: Limits = DEFAULTS) -> EmulationRequest:
        try:
            request = client_pb2.EmulationRequest.FromString(body)
        except DecodeError:
            raise bad_request("not a Protobuf message") from None
        return EmulationRequest(request.node, request.session, request.data)

    def encode_reply(self, reply: Reply) -> bytes:
        name, shape = REPLY_FIELDS.get(type(reply.outcome), ERROR_FIELD)
        encoded = client_pb2.Reply(id=reply.id)
        _fill_field(encoded, name, shape, reply.outcome)
        return _framed(encoded)

    def encode_push(self, push: Push) -> bytes:
        encoded = client_pb2.Reply()
        _fill_push(encoded.push, push)
        return _framed(encoded)

    def encode_bare_push(self, push: Push) -> bytes:
        encoded = client_pb2.Push()
        _fill_push(encoded, push)
        return _framed(encoded)

    def encode_publication_push(self, channel: str, publication: Sent, *, bare: bool = False) -> bytes:
        push = PublicationPush(channel, publication)
        return self.encode_bare_push(push) if bare else self.encode_push(push)

    def join(self, frames: Iterable[bytes]) -> bytes:
        return b"".join(frames)


# -- framing ---------------------------------------------------------------------------------------


def _messages(frame: bytes) -> Iterator[bytes]:
    """The messages of a frame. Raises Malformed."""
    at = 0
    while at < len(frame):
        size, at = _length(frame, at)
        if size > len(frame) - at:
            raise Malformed("a message longer than its frame")
        yield frame[at : at + size]
        at += size


def _length(frame: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, and where it ends. Raises Malformed."""
    size = shift = 0
    for end in range(at, min(at + 5, len(frame))):
        size |= (frame[end] & 0x7F) << shift
        shift += 7
        if frame[end] < 0x80:
            return size, end + 1
    raise Malformed("a length that does not end")


class _Encodable(Protocol):
    def SerializeToString(self) -> bytes: ...  # noqa: N802


def _framed(encoded: _Encodable) -> bytes:
    body = encoded.SerializeToString()
    size, prefix = len(body), bytearray()
    while size >= 0x80:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + body


# -- reading ---------------------------------------------------------------------------------------


def _command(encoded: bytes, allowance: Allowance) -> Command:
    try:
        found = client_pb2.Command.FromString(encoded)
    except DecodeError:
        raise Malformed("not a Protobuf message") from None

    name = request_field(found.id, {field.name for field, _ in found.ListFields()})
    if name is None:
        return PONG
    try:
        return Command(found.id, _read(REQUESTS[name], getattr(found, name), allowance))
    except Unusable as fault:
        return unusable(found.id, name, fault)


def _read(kind: Kind, value: Any, allowance: Allowance) -> Any:
    if isinstance(kind, Shape):
        known = [(field.name, part) for field, part in value.ListFields() if field.name in kind.fields]
        return kind.build(**{name: _read(kind.fields[name], part, allowance) for name, part in known})
    if isinstance(kind, Many):
        allowance.take(len(value))
        return tuple(_read(kind.of, part, allowance) for part in value)
    if isinstance(kind, Map):
        allowance.take(len(value))
        return {key: _read(kind.of, part, allowance) for key, part in value.items()}
    if kind is Scalar.BYTES:
        return _payload(value, allowance.limits)
    return exact(value) if kind in (Scalar.U64, Scalar.I64) else value


def _payload(raw: bytes, limits: Limits) -> bytes:
    if not raw:
        return b""
    try:
        return strict.payload(raw, strict.Bounds.of(limits, limits.json_containers))
    except Malformed:
        return opaque.packed(raw)


# -- writing ---------------------------------------------------------------------------------------


def _fill_push(encoded: client_pb2.Push, push: Push) -> None:
    name, shape = push_shape(push)
    encoded.channel = getattr(push, "channel", "")
    _fill_field(encoded, name, shape, push)


def _fill(encoded: Any, shape: Shape, message: object) -> None:
    wire = message if shape.view is None else shape.view(message)
    for name, kind in shape.fields.items():
        value = getattr(wire, name)
        if value:
            _fill_field(encoded, name, kind, value)


def _fill_field(encoded: Any, name: str, kind: Kind, value: Any) -> None:
    if isinstance(kind, Scalar):
        setattr(encoded, name, opaque.unpacked(value) if kind is Scalar.BYTES else value)
        return
    target = getattr(encoded, name)
    if isinstance(kind, Shape):
        target.SetInParent()  # an empty result is there all the same
        _fill(target, kind, value)
    elif not isinstance(kind.of, Shape):
        target.update(value) if isinstance(kind, Map) else target.extend(value)
    elif isinstance(kind, Map):
        for key, part in value.items():
            _fill(target[key], kind.of, part)
    elif isinstance(value, Run):
        # Parsing what was encoded before takes a fraction of filling it in again.
        encoded.MergeFromString(_shared(type(encoded), name, kind.of, value))
    else:
        for part in value:
            _fill(target.add(), kind.of, part)


def _shared(message: type[Any], name: str, kind: Shape, run: Run[Any]) -> bytes:
    """A message that holds nothing but this field, as bytes."""

    def make(_: Run[Any]) -> bytes:
        alone = message()
        for part in run:
            _fill(getattr(alone, name).add(), kind, part)
        encoded: bytes = alone.SerializeToString()
        return encoded

    return run.once(("protobuf", message.__name__, name), make)
