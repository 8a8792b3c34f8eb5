"""`POST /v1/logs`: OpenTelemetry's log records over HTTP, in JSON or Protobuf."""

from __future__ import annotations

import time

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from .ingest import PublishersDoor, answer
from .otlp_records import records
from .otlp_schema import request_from
from .request import JSON_TYPE, Refused, content_type
from .rows import BadRow

PROTOBUF_TYPE = "application/x-protobuf"
CHANNEL = "logs"
"""The channel of a request that names none."""


class OtlpDoor(PublishersDoor):
    """Each record is one publication; the answer says success when the broker has them all."""

    kinds = (JSON_TYPE, PROTOBUF_TYPE)

    async def _take(self, request: HttpRequest, body: bytes) -> Response:
        kind = content_type(request)
        rows = records(_read(kind, body), time.time())
        await self._publish(request.query_params.get("channel") or CHANNEL, rows, request)
        return Response(b"", media_type=kind) if kind == PROTOBUF_TYPE else answer(200, {})

    def _refuse_row(self, bad: BadRow) -> Response:
        return answer(400, {"code": 3, "message": str(bad)})  # google.rpc.Status, INVALID_ARGUMENT


def _read(kind: str, body: bytes) -> object:
    try:
        return request_from(body) if kind == PROTOBUF_TYPE else orjson.loads(body)
    except ModuleNotFoundError:
        raise Refused(415, 'send JSON, or install protobuf: pip install "gapless[protobuf]"') from None
    except ValueError as error:
        raise BadRow(1, str(error)) from None
