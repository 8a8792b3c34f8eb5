"""Loki's streams of lines → rows as they are published. Pure: no clock, no I/O.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ..feeds.lines import as_json, parse_rows, with_fields
from .rows import BadRow, TooLarge
from .wire_schema import Table, check_fields, message_class, parsed

_LABEL = re.compile(r'[\s,{]*([A-Za-z_][\w:.]*)="((?:[^"\\]|\\.)*)"')
_SOURCES = ("service_name", "job", "app")
"""Labels that say who logs, the best first."""

_MESSAGES: Table = {
    "PushRequest": [("streams", 1, "Stream", True)],
    "Stream": [("labels", 1, "string", False), ("entries", 2, "Entry", True)],
    "Entry": [
        ("timestamp", 1, "Timestamp", False),
        ("line", 2, "string", False),
        ("structured_metadata", 3, "Label", True),
    ],
    "Timestamp": [("seconds", 1, "int64", False), ("nanos", 2, "int32", False)],
    "Label": [("name", 1, "string", False), ("value", 2, "string", False)],
}


def rows(said: object, most: int = sys.maxsize) -> list[bytes]:
    """The lines of a request in Loki's JSON form, read as `gapless pipe` reads them.

    Labels become `fields`; one that says who logs is the `source`.

    Raises:
        BadRow: it is no such request.
        TooLarge: it has more than `most` lines.
    """
    found: list[bytes] = []
    left = most
    try:
        for stream in said["streams"]:  # type: ignore[index] # what it is, is to be seen
            labels = {str(name): str(value) for name, value in (stream.get("stream") or {}).items()}
            for entry in stream["values"]:
                left -= 1
                if left < 0:
                    raise TooLarge(f"the body has more than {most} lines")
                more = entry[2] if len(entry) > 2 else {}
                found += _of_line(int(entry[0]), entry[1], {**labels, **more})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise BadRow(len(found) + 1, f"no entry of a Loki stream: {error!r}") from None
    return found


def request_from(body: bytes, most: int = sys.maxsize) -> dict[str, Any]:
    """A request in Protobuf as one in JSON.

    Raises:
        ValueError: it is none.
        TooLarge: it has more than `most` fields.
        ModuleNotFoundError: without the `protobuf` extra.
    """
    check_fields(_MESSAGES, "PushRequest", body, most)
    message = parsed(_request_class()(), body)
    return {
        "streams": [
            {"stream": dict(_labels(stream.labels)), "values": [_entry(one) for one in stream.entries]}
            for stream in message.streams
        ]
    }


@cache
def _request_class() -> Any:
    return message_class("gapless.loki", _MESSAGES, "PushRequest")


def _entry(entry: Any) -> list[Any]:
    nanoseconds = entry.timestamp.seconds * 10**9 + entry.timestamp.nanos
    return [str(nanoseconds), entry.line, {one.name: one.value for one in entry.structured_metadata}]


def _labels(text: str) -> Iterator[tuple[str, str]]:
    """Those of `{job="a", host="b"}`."""
    at = 0
    while found := _LABEL.match(text, at):  # from where the last ended: a search would look at all again
        at = found.end()
        name, value = found.groups()
        try:
            yield name, json.loads(f'"{value}"')
        except ValueError:
            yield name, value  # an escape of Go that JSON does not have


def _of_line(nanoseconds: int, line: str, labels: Mapping[str, object]) -> list[bytes]:
    if not line.strip():
        return []
    now = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    more: dict[str, object] = {"time": now.isoformat(timespec="microseconds")}
    fields = {name: str(value) for name, value in labels.items()}
    source = next((fields.pop(name) for name in _SOURCES if name in fields), None)
    if source is not None:
        more["source"] = source
    if fields:
        more["fields"] = fields
    return [as_json(with_fields(row, more)) for row in parse_rows(line, now)]
