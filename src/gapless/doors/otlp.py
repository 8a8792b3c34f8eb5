"""`POST /v1/logs`: OpenTelemetry's log records over HTTP, in JSON or Protobuf."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from ..logging.opentelemetry import exception_fields
from ..logging.record import iso, level_of_severity, record
from .ingest import PublishersDoor, answer
from .once import Progress
from .request import JSON_TYPE, content_type
from .rows import PARTS, BadRow, TooLarge, checked
from .wire_schema import PROTOBUF_TYPE, Table, check_fields, message_class, parsed, read_either

CHANNEL = "logs"
"""The channel of a request that names none."""

DEPTH = 16
"""Of values inside values; deeper: null."""

_MESSAGES: Table = {
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


class OtlpDoor(PublishersDoor):
    """Each record is one publication; the answer says success when the broker has them all."""

    kinds = (JSON_TYPE, PROTOBUF_TYPE)

    def _rows(self, kind: str, body: bytes) -> list[bytes]:
        limits = self._guard.hub.limits
        most = PARTS * limits.ingest_rows
        said = read_either(kind, body, limits, lambda body: request_from(body, most))
        return checked(records(said, time.time(), limits.ingest_rows), limits)

    def _channel(self, request: HttpRequest) -> str:
        return request.query_params.get("channel") or CHANNEL

    def _taken(self, request: HttpRequest, progress: Progress) -> Response:
        kind = content_type(request)
        return Response(b"", media_type=kind) if kind == PROTOBUF_TYPE else answer(200, {})

    def _refuse_row(self, bad: BadRow) -> Response:
        return answer(400, {"code": 3, "message": str(bad)})  # google.rpc.Status, INVALID_ARGUMENT


def request_from(body: bytes, most: int = sys.maxsize) -> dict[str, Any]:
    """An export request in OTLP's JSON mapping.

    Raises:
        ValueError: it is none.
        TooLarge: it has more than `most` fields.
        ModuleNotFoundError: without the `protobuf` extra.
    """
    from google.protobuf.json_format import MessageToDict

    check_fields(_MESSAGES, "ExportLogsServiceRequest", body, most)
    message = parsed(_request_class()(), body)
    found: dict[str, Any] = MessageToDict(message)
    for resource in found.get("resourceLogs", ()):
        for scope in resource.get("scopeLogs", ()):
            for one in scope.get("logRecords", ()):
                for name in ("traceId", "spanId"):  # in this mapping they are hexadecimal, unlike other bytes
                    if name in one:
                        one[name] = base64.b64decode(one[name]).hex()
    return found


@cache
def _request_class() -> Any:
    return message_class("gapless.otlp", _MESSAGES, "ExportLogsServiceRequest", ("AnyValue",))


def records(said: object, now: float, most: int = sys.maxsize) -> list[bytes]:
    """The log records of an export request. `now` (Unix seconds) is the time of those that have none.

    Raises:
        BadRow: it is no such request.
        TooLarge: it has more than `most`.
    """
    found: list[bytes] = []
    try:
        for resource in _all(said, "resourceLogs"):
            about = _attributes(resource.get("resource") or {})
            source = str(about.get("service.name", ""))
            for scope in _all(resource, "scopeLogs"):
                logger = str((scope.get("scope") or {}).get("name", ""))
                for one in _all(scope, "logRecords"):
                    if len(found) >= most:
                        raise TooLarge(f"the body has more than {most} records")
                    found.append(_record(one, logger, source, now))
    except (AttributeError, TypeError, ValueError, OverflowError, OSError) as error:
        raise BadRow(len(found) + 1, f"no OTLP log record: {error}") from None
    return found


def _all(said: Any, name: str) -> Iterator[Mapping[str, Any]]:
    yield from said.get(name) or ()


def _record(said: Mapping[str, Any], logger: str, source: str, now: float) -> bytes:
    fields = _attributes(said)
    for name, field in (("traceId", "trace_id"), ("spanId", "span_id"), ("eventName", "event_name")):
        if said.get(name):
            fields[field] = said[name]
    nanoseconds = int(said.get("timeUnixNano") or 0) or int(said.get("observedTimeUnixNano") or 0)
    body = _value(said.get("body") or {})
    exception = exception_fields(fields)
    if not isinstance(body, str):
        fields["body"] = body
    return record(
        iso(nanoseconds / 1e9 if nanoseconds else now),
        level_of_severity(int(said.get("severityNumber") or 0), said.get("severityText") or None),
        logger,
        body if isinstance(body, str) else str(fields.get("event_name", "")),
        source,
        fields,
        exception,
    )


def _attributes(said: Mapping[str, Any]) -> dict[str, Any]:
    return {str(one["key"]): _value(one.get("value") or {}) for one in said.get("attributes") or ()}


def _value(said: Mapping[str, Any], depth: int = DEPTH) -> Any:
    """An AnyValue. Whole numbers travel as strings in this mapping."""
    if depth == 0:
        return None
    match said:
        case {"stringValue": value} | {"boolValue": value} | {"doubleValue": value} | {"bytesValue": value}:
            return value
        case {"intValue": value}:
            return int(value)
        case {"arrayValue": values}:
            return [_value(one, depth - 1) for one in values.get("values") or ()]
        case {"kvlistValue": values}:
            return {
                str(one["key"]): _value(one.get("value") or {}, depth - 1)
                for one in values.get("values") or ()
            }
        case _:
            return None
