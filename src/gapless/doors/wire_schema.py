"""Messages of Protobuf out of a table, for forms of which little is read: OTLP's log records here.

It needs the `protobuf` extra.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

Table = Mapping[str, Sequence[tuple[str, int, str, bool]]]
"""By message: its fields by name, number, type or message, and whether they are repeated."""

_OTLP: Table = {
    "ExportLogsServiceRequest": [("resource_logs", 1, "ResourceLogs", True)],
    "ResourceLogs": [("resource", 1, "Resource", False), ("scope_logs", 2, "ScopeLogs", True)],
    "Resource": [("attributes", 1, "KeyValue", True)],
    "ScopeLogs": [("scope", 1, "Scope", False), ("log_records", 2, "LogRecord", True)],
    "Scope": [("name", 1, "string", False)],
    "LogRecord": [
        ("time_unix_nano", 1, "fixed64", False),
        ("severity_number", 2, "int32", False),
        ("severity_text", 3, "string", False),
        ("body", 5, "AnyValue", False),
        ("attributes", 6, "KeyValue", True),
        ("trace_id", 9, "bytes", False),
        ("span_id", 10, "bytes", False),
        ("observed_time_unix_nano", 11, "fixed64", False),
        ("event_name", 12, "string", False),
    ],
    "KeyValue": [("key", 1, "string", False), ("value", 2, "AnyValue", False)],
    "ArrayValue": [("values", 1, "AnyValue", True)],
    "KeyValueList": [("values", 1, "KeyValue", True)],
    "AnyValue": [
        ("string_value", 1, "string", False),
        ("bool_value", 2, "bool", False),
        ("int_value", 3, "int64", False),
        ("double_value", 4, "double", False),
        ("array_value", 5, "ArrayValue", False),
        ("kvlist_value", 6, "KeyValueList", False),
        ("bytes_value", 7, "bytes", False),
    ],
}


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


def request_from(body: bytes) -> dict[str, Any]:
    """An export request in OTLP's JSON mapping.

    Raises:
        ValueError: it is none.
        ModuleNotFoundError: without the `protobuf` extra.
    """
    from google.protobuf.json_format import MessageToDict

    message = parsed(_request_class()(), body)
    found: dict[str, Any] = MessageToDict(message)
    for resource in found.get("resourceLogs", ()):
        for scope in resource.get("scopeLogs", ()):
            for record in scope.get("logRecords", ()):
                for name in ("traceId", "spanId"):  # in this mapping they are hexadecimal, unlike other bytes
                    if name in record:
                        record[name] = base64.b64decode(record[name]).hex()
    return found


@cache
def _request_class() -> Any:
    return message_class("gapless.otlp", _OTLP, "ExportLogsServiceRequest", ("AnyValue",))
