"""OTLP's log records, in its JSON mapping → log records as they are published. Pure: no clock, no I/O.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ..logging.opentelemetry import exception_fields
from ..logging.record import iso, record
from ..logging.severity import level_of_severity
from .rows import BadRow, TooLarge

DEPTH = 16
"""Of values inside values; deeper: null."""


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
