"""`POST /loki/api/v1/push`: what promtail and its kind push, in JSON or Protobuf."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from ..feeds.lines import as_json, parse_rows, with_fields
from ..options import Limits
from .ingest import PublishersDoor
from .once import Progress
from .otlp import CHANNEL
from .request import JSON_TYPE
from .rows import PARTS, BadRow, TooLarge, checked
from .snappy import unsnap
from .wire_schema import PROTOBUF_TYPE, Table, check_fields, message_class, parsed, read_either

SNAPPY_BYTES = 4 * 1024 * 1024
"""Of a body in Protobuf, packed; promtail sends a quarter of it."""

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


class LokiDoor(PublishersDoor):
    """Each line is one publication; the answer is empty when the broker has them all."""

    kinds = (JSON_TYPE, PROTOBUF_TYPE)

    def _rows(self, kind: str, body: bytes) -> list[bytes]:
        limits = self._guard.hub.limits
        said = read_either(kind, body, limits, lambda body: _unpacked(body, limits))
        return checked(rows(said, limits.ingest_rows), limits)

    def _channel(self, request: HttpRequest) -> str:
        return request.query_params.get("channel") or CHANNEL

    def _taken(self, request: HttpRequest, progress: Progress) -> Response:
        return Response(status_code=204)

    def _refuse_row(self, bad: BadRow) -> Response:
        return Response(str(bad), 400, media_type="text/plain")


def _unpacked(body: bytes, limits: Limits) -> dict[str, Any]:
    """A request in Protobuf, which comes packed. Raises as `request_from`."""
    if len(body) > SNAPPY_BYTES:
        raise TooLarge(f"the body is larger than {SNAPPY_BYTES} bytes")
    return request_from(unsnap(body, limits.ingest_bytes), PARTS * limits.ingest_rows)


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
