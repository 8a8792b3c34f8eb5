"""`POST /v1/logs`: OpenTelemetry's log records over HTTP, in JSON or Protobuf."""

from __future__ import annotations

import time

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from ..options import Limits
from .ingest import PublishersDoor, answer
from .once import Progress
from .otlp_records import records
from .otlp_schema import request_from
from .request import JSON_TYPE, Refused, content_type
from .rows import PARTS, BadRow, check_parts, checked

PROTOBUF_TYPE = "application/x-protobuf"
CHANNEL = "logs"
"""The channel of a request that names none."""


class OtlpDoor(PublishersDoor):
    """Each record is one publication; the answer says success when the broker has them all."""

    kinds = (JSON_TYPE, PROTOBUF_TYPE)

    def _rows(self, kind: str, body: bytes) -> list[bytes]:
        limits = self._guard.hub.limits
        return checked(records(_read(kind, body, limits), time.time(), limits.ingest_rows), limits)

    def _channel(self, request: HttpRequest) -> str:
        return request.query_params.get("channel") or CHANNEL

    def _taken(self, request: HttpRequest, progress: Progress) -> Response:
        kind = content_type(request)
        return Response(b"", media_type=kind) if kind == PROTOBUF_TYPE else answer(200, {})

    def _refuse_row(self, bad: BadRow) -> Response:
        return answer(400, {"code": 3, "message": str(bad)})  # google.rpc.Status, INVALID_ARGUMENT


def _read(kind: str, body: bytes, limits: Limits) -> object:
    """Raises BadRow, TooLarge, Refused."""
    try:
        if kind == PROTOBUF_TYPE:
            return request_from(body, PARTS * limits.ingest_rows)
        check_parts(body, limits)
        return orjson.loads(body)
    except ModuleNotFoundError:
        raise Refused(415, 'send JSON, or install protobuf: pip install "gapless[protobuf]"') from None
    except ValueError as error:
        raise BadRow(1, str(error)) from None
