"""OTLP's messages for logs in Protobuf, as much of them as is read. It needs the `protobuf` extra.

https://github.com/open-telemetry/opentelemetry-proto, opentelemetry/proto/logs/v1/logs.proto
"""

from __future__ import annotations

import base64
import sys
from functools import cache
from typing import Any

from .wire_schema import Table, check_fields, message_class, parsed

PACKAGE = "gapless.otlp"

_FIELDS: Table = {
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


def request_from(body: bytes, most: int = sys.maxsize) -> dict[str, Any]:
    """An export request in OTLP's JSON mapping.

    Raises:
        ValueError: it is none.
        TooLarge: it has more than `most` fields.
        ModuleNotFoundError: without the `protobuf` extra.
    """
    from google.protobuf.json_format import MessageToDict

    check_fields(_FIELDS, "ExportLogsServiceRequest", body, most)
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
    return message_class(PACKAGE, _FIELDS, "ExportLogsServiceRequest", ("AnyValue",))
