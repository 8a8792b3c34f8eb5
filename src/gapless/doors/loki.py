"""`POST /loki/api/v1/push`: what promtail and its kind push, in JSON or Protobuf."""

from __future__ import annotations

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from ..options import Limits
from .ingest import PublishersDoor
from .loki_records import request_from, rows
from .once import Progress
from .otlp import CHANNEL, PROTOBUF_TYPE
from .request import JSON_TYPE, Refused
from .rows import PARTS, BadRow, TooLarge, check_parts, checked
from .snappy import unsnap

SNAPPY_BYTES = 4 * 1024 * 1024
"""Of a body in Protobuf, packed; promtail sends a quarter of it."""


class LokiDoor(PublishersDoor):
    """Each line is one publication; the answer is empty when the broker has them all."""

    kinds = (JSON_TYPE, PROTOBUF_TYPE)

    def _rows(self, kind: str, body: bytes) -> list[bytes]:
        limits = self._guard.hub.limits
        return checked(rows(_read(kind, body, limits), limits.ingest_rows), limits)

    def _channel(self, request: HttpRequest) -> str:
        return request.query_params.get("channel") or CHANNEL

    def _taken(self, request: HttpRequest, progress: Progress) -> Response:
        return Response(status_code=204)

    def _refuse_row(self, bad: BadRow) -> Response:
        return Response(str(bad), 400, media_type="text/plain")


def _read(kind: str, body: bytes, limits: Limits) -> object:
    """Raises BadRow, TooLarge, Refused."""
    try:
        if kind != PROTOBUF_TYPE:
            check_parts(body, limits)
            return orjson.loads(body)
        if len(body) > SNAPPY_BYTES:
            raise TooLarge(f"the body is larger than {SNAPPY_BYTES} bytes")
        return request_from(unsnap(body, limits.ingest_bytes), PARTS * limits.ingest_rows)
    except ModuleNotFoundError:
        raise Refused(415, 'send JSON, or install protobuf: pip install "gapless[protobuf]"') from None
    except ValueError as error:
        raise BadRow(1, str(error)) from None
