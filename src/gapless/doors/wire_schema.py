"""Messages of Protobuf out of a table, for forms of which little is read.

It needs the `protobuf` extra.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..options import Limits
from ..protocol import patient
from .request import Refused
from .rows import BadRow, TooLarge, check_parts

PROTOBUF_TYPE = "application/x-protobuf"

Table = Mapping[str, Sequence[tuple[str, int, str, bool]]]
"""By message: its fields by name, number, type or message, and whether they are repeated."""


def read_either(kind: str, body: bytes, limits: Limits, of_protobuf: Callable[[bytes], object]) -> object:
    """What a body says in JSON, or in Protobuf as `of_protobuf` reads it.

    Raises:
        BadRow: it is neither.
        TooLarge: it has more parts than there may be.
        Refused: Protobuf, without the `protobuf` extra (415).
    """
    try:
        if kind == PROTOBUF_TYPE:
            return of_protobuf(body)
        check_parts(body, limits)
        return patient.parse(body)
    except ModuleNotFoundError:
        raise Refused(415, 'send JSON, or install protobuf: pip install "gapless[protobuf]"') from None
    except ValueError as error:
        raise BadRow(1, str(error)) from None


def message_class(package: str, table: Table, name: str, unions: Collection[str] = ()) -> Any:
    """The class of one message of the table; of `unions` only one field is ever set.

    Raises:
        ModuleNotFoundError: without the `protobuf` extra.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for message, fields in table.items():
        described = file.message_type.add(name=message)
        if message in unions:
            described.oneof_decl.add(name="value")
        for field, number, kind, repeated in fields:
            added = described.field.add(name=field, number=number)
            added.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if kind in table:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                added.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
            if message in unions:
                added.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def check_fields(table: Table, name: str, body: bytes, most: int) -> None:
    """Raises TooLarge: a message has more than `most` fields, those of messages within it counted.

    Parsed, an empty message of two bytes costs a hundred. What is no message is for the parser to say.
    """
    inner = {
        message: {number: kind for _, number, kind, _ in fields if kind in table}
        for message, fields in table.items()
    }
    found, spans = 0, [(name, 0, len(body))]
    with contextlib.suppress(IndexError):
        while spans:
            message, at, end = spans.pop()
            while at < end:
                found += 1
                if found > most:
                    raise TooLarge(f"the body has more than {most} fields")
                tag, at = _varint(body, at)
                if tag & 7 == _VARINT:
                    _, at = _varint(body, at)
                elif tag & 7 == _BYTES:
                    size, at = _varint(body, at)
                    if (kind := inner[message].get(tag >> 3)) is not None:
                        spans.append((kind, at, min(at + size, end)))
                    at += size
                elif (size := _FIXED.get(tag & 7, 0)) > 0:
                    at += size
                else:
                    return


_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}
"""Kinds of fields on the wire, and the bytes of those that have always as many."""


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """The number that begins here, and where it ends."""
    byte = body[at]
    if byte < 0x80:
        return byte, at + 1
    value = shift = 0
    while byte >= 0x80 and shift < 70:
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        byte = body[at]
    return value | byte << shift, at + 1


def parsed(message: Any, body: bytes) -> Any:
    """Fill a message that was just made from a body, and give it back. Raises ValueError: it is none."""
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    return message
