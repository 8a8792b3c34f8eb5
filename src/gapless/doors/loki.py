"""`POST /loki/api/v1/push`: what promtail and its kind push, in JSON or Protobuf."""

from __future__ import annotations

import asyncio

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from .ingest import PublishersDoor
from .loki_records import request_from, rows
from .otlp import CHANNEL, PROTOBUF_TYPE
from .request import JSON_TYPE, Refused, content_type
from .rows import BadRow, TooLarge
from .snappy import unsnap

SNAPPY_BYTES = 4 * 1024 * 1024
"""Of a body in Protobuf, packed; promtail sends a quarter of it."""


class LokiDoor(PublishersDoor):
    """Each line is one publication; the answer is empty when the broker has them all."""

    kinds = (JSON_TYPE, PROTOBUF_TYPE)

    async def _take(self, request: HttpRequest, body: bytes) -> Response:
        limit = self._guard.hub.limits.ingest_bytes
        kind = content_type(request)
        # In a thread: what is packed well takes long, and others have their turns meanwhile.
        said = await asyncio.to_thread(_read, kind, body, limit)
        await self._publish(request.query_params.get("channel") or CHANNEL, rows(said), request)
        return Response(status_code=204)

    def _refuse_row(self, bad: BadRow) -> Response:
        return Response(str(bad), 400, media_type="text/plain")


def _read(kind: str, body: bytes, limit: int) -> object:
    try:
        if kind != PROTOBUF_TYPE:
            return orjson.loads(body)
        if len(body) > SNAPPY_BYTES:
            raise TooLarge(f"the body is larger than {SNAPPY_BYTES} bytes")
        return request_from(unsnap(body, limit))
    except TooLarge as error:
        raise Refused(413, str(error)) from None
    except ModuleNotFoundError:
        raise Refused(415, 'send JSON, or install protobuf: pip install "gapless[protobuf]"') from None
    except ValueError as error:
        raise BadRow(1, str(error)) from None
