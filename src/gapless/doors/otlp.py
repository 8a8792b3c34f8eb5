"""`POST /v1/logs`: OpenTelemetry's log records over HTTP, in JSON or Protobuf."""

from __future__ import annotations

import time

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..api.shapes import REFUSALS
from .guard import Guard
from .ingest import Ingest, answer, failure, read_packed, refusal
from .otlp_records import records
from .otlp_schema import request_from
from .request import JSON_TYPE, Refused, Request, content_type
from .rows import BadRow

PROTOBUF_TYPE = "application/x-protobuf"
CHANNEL = "logs"
"""The channel of a request that names none."""


class OtlpDoor:
    """Each record is one publication; the answer says success when the broker has them all."""

    def __init__(self, guard: Guard, ingest: Ingest) -> None:
        self._guard = guard
        self._ingest = ingest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(HttpRequest(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: HttpRequest) -> Response:
        hub = self._guard.hub
        try:
            self._guard.admit_operator(request.scope, Request.of(request.scope))
            if not hub.running:
                raise Refused(503, "the hub is not running")
            body = await read_packed(request, hub, (JSON_TYPE, PROTOBUF_TYPE))
            kind = content_type(request)
            rows = records(_read(kind, body), time.time())
            channel = request.query_params.get("channel") or CHANNEL
            await self._ingest.take(channel, rows, request.headers.get("idempotency-key") or None)
        except BadRow as bad:
            return answer(400, {"code": 3, "message": str(bad)})  # google.rpc.Status, INVALID_ARGUMENT
        except Refused as refused:
            return refusal(refused)
        except REFUSALS as error:
            return failure(error)
        return Response(b"", media_type=kind) if kind == PROTOBUF_TYPE else answer(200, {})


def _read(kind: str, body: bytes) -> object:
    try:
        return request_from(body) if kind == PROTOBUF_TYPE else orjson.loads(body)
    except ModuleNotFoundError:
        raise Refused(415, 'send JSON, or install protobuf: pip install "gapless[protobuf]"') from None
    except ValueError as error:
        raise BadRow(1, str(error)) from None
