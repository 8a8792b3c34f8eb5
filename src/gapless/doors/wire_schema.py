"""Messages of Protobuf out of a table, for forms of which little is read. It needs the `protobuf` extra."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Table = Mapping[str, Sequence[tuple[str, int, str, bool]]]
"""By message: its fields by name, number, type or message, and whether they are repeated."""


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


def parsed(message: Any, body: bytes) -> Any:
    """Fill a message that was just made from a body, and give it back. Raises ValueError: it is none."""
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    return message
