"""What clients write and read: commands and messages as plain dictionaries, in both encodings.

The keys are those of the wire. Payloads are values; in Protobuf they are JSON all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gapless.protocol.centrifuge import client_pb2
from gapless.protocol.centrifuge.codecs import Codec


def encode(codec: Codec, *commands: dict[str, Any]) -> str | bytes:
    """One frame of a client."""
    if codec.text:
        return b"\n".join(map(orjson.dumps, commands)).decode()
    return b"".join(framed(_filled(client_pb2.Command(), command)) for command in commands)


def decode(codec: Codec, frame: bytes, *, bare: bool = False, delta: bool = False) -> list[dict[str, Any]]:
    """The messages of a server's frame. With `delta` payloads in Protobuf are texts, as in JSON."""
    if codec.text:
        return [orjson.loads(line) for line in frame.split(b"\n")]
    kind = client_pb2.Push if bare else client_pb2.Reply
    return [_plain(kind.FromString(message), delta) for message in messages(frame)]


def framed(message: Message) -> bytes:
    """A message with its length before it."""
    body = message.SerializeToString()
    size, prefix = len(body), bytearray()
    while size >= 0x80:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*prefix, size)) + body


def messages(frame: bytes) -> Iterator[bytes]:
    """The messages of a Protobuf frame."""
    at = 0
    while at < len(frame):
        size = shift = 0
        while True:
            byte = frame[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        yield frame[at : at + size]
        at += size


def _filled(message: Any, fields: dict[str, Any]) -> Any:
    for name, value in fields.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        target = getattr(message, name)
        if field.type == FieldDescriptor.TYPE_BYTES:
            setattr(message, name, orjson.dumps(value))
        elif isinstance(value, dict) and field.message_type.GetOptions().map_entry:
            for key, part in value.items():
                if isinstance(part, dict):
                    _filled(target[key], part)
                else:
                    target[key] = part
        elif isinstance(value, dict):
            target.SetInParent()
            _filled(target, value)
        elif isinstance(value, list):
            for part in value:
                if isinstance(part, dict):
                    _filled(target.add(), part)
                else:
                    target.append(part)
        else:
            setattr(message, name, value)
    return message


def _plain(message: Any, delta: bool) -> dict[str, Any]:
    return {field.name: _value(field, value, delta) for field, value in message.ListFields()}


def _value(field: Any, value: Any, delta: bool) -> Any:
    if isinstance(value, bytes):
        return value.decode() if delta else orjson.loads(value)
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return list(value) if field.is_repeated else value
    if field.message_type.GetOptions().map_entry:
        parts = {key: value[key] for key in value}
        return {
            key: _plain(part, delta) if isinstance(part, Message) else part for key, part in parts.items()
        }
    return [_plain(part, delta) for part in value] if field.is_repeated else _plain(value, delta)
