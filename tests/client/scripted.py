"""Hubs that do as they are told: one that answers HTTP, one that speaks the plain protocol."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ..support.streams import Streams

CUT = "cut"
"""Take the request, do it, and close the connection without an answer."""


@dataclass
class Publications:
    """An API that takes publications in order and knows idempotency keys.

    `script` says how to answer the next requests: a status, CUT, or None for as it should be. When
    it is empty, all goes well.
    """

    script: deque[int | str | None] = field(default_factory=deque)
    taken: list[Any] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Method and body of each."""
    headers: list[dict[str, str]] = field(default_factory=list)
    refuse: Callable[[Any], bool] = lambda data: False
    malformed: Callable[[Any], bool] = lambda data: False
    """Refused, and with it the whole batch that it is in."""
    busy: Callable[[Any], bool] = lambda data: False
    answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Requests are answered while this is set."""
    url: str = ""
    _keys: set[str] = field(default_factory=set)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The publications of all requests, repeats included."""
        return [one for method, body in self.requests for one in _publications(method, body)]

    def _call(self, method: str, body: dict[str, Any]) -> tuple[int, object]:
        if method == "publish":
            return 200, self._take(body)
        if method == "ingest":
            return self._ingest(body)
        if any(self.malformed(one["data"]) for one in _publications(method, body)):
            return 400, {}
        replies = [self._take(one) for one in _publications(method, body)]
        return 200, {
            "replies": [{"publish": reply["result"]} if "result" in reply else reply for reply in replies]
        }

    def _take(self, request: dict[str, Any]) -> dict[str, Any]:
        key = request["idempotency_key"]
        if self.refuse(request["data"]) or self.malformed(request["data"]):
            return {"error": {"code": 107, "message": "bad request: no"}}
        if self.busy(request["data"]):
            return {"error": {"code": 100, "message": "internal server error"}}
        if key not in self._keys:
            self._keys.add(key)
            self.taken.append(request["data"])
        return {"result": {"offset": len(self.taken), "epoch": "E"}}

    def _ingest(self, body: dict[str, Any]) -> tuple[int, object]:
        """Rows of one channel, all or none, and once for each key."""
        rows = body["rows"]
        for number, row in enumerate(rows, 1):
            if self.refuse(row) or self.malformed(row):
                return 422, {"error": {"code": 107, "message": "bad request: no"}, "row": number}
        if any(self.busy(row) for row in rows):
            return 503, {"error": {"code": 100, "message": "internal server error"}}
        if body["key"] not in self._keys:
            self._keys.add(body["key"])
            self.taken += rows
        last = len(self.taken)
        return 202, {"accepted": len(rows), "epoch": "E", "first": last - len(rows) + 1, "last": last}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            fields = {name.lower(): value for name, value in fields.items()}
            sent = await reader.readexactly(int(fields["content-length"]))
            method = head.split(" ", 2)[1].removeprefix("/api/")
            if method.startswith("/ingest/"):
                channel = unquote(method.removeprefix("/ingest/"))
                rows = [json.loads(line) for line in sent.split(b"\n") if line]
                body = {"channel": channel, "rows": rows, "key": fields.get("idempotency-key", object())}
                method = "ingest"
            else:
                body = json.loads(sent)
            self.requests.append((method, body))
            self.headers.append(fields)
            await self.answer.wait()
            step = self.script.popleft() if self.script else None
            if step == CUT:
                self._call(method, body)
                return
            status, reply = (step, {}) if isinstance(step, int) else self._call(method, body)
            text = json.dumps(reply).encode()
            writer.write(
                b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (status, len(text), text)
            )


def _publications(method: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    if method == "ingest":
        return [
            {"channel": body["channel"], "data": row, "idempotency_key": body["key"]} for row in body["rows"]
        ]
    return [body] if method == "publish" else [command["publish"] for command in body["commands"]]


@asynccontextmanager
async def publications(port: int = 0, **options: Any) -> AsyncIterator[Publications]:
    """The API on a port of the loopback, answering at once."""
    api = Publications(**options)
    api.answer.set()
    async with Streams(api.serve, port) as server:
        api.url = f"http://127.0.0.1:{server.port}"
        yield api


Talk = Callable[[ServerConnection], Any]


@dataclass
class Door:
    """`/ws`. Each connection plays the next scene, the last one again and again.

    A scene is a list of frames, then, as its last element, a close code or None to stay open.
    """

    scenes: list[list[str | int | None]]
    queries: list[list[tuple[str, str]]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    refusals: deque[int] = field(default_factory=deque)
    """Statuses with which the next handshakes are refused."""
    url: str = ""

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.queries.append(parse_qsl(urlsplit(request.path).query))
        self.keys.append(request.headers.get("X-API-Key"))
        if self.refusals:
            return Response(self.refusals.popleft(), "No", Headers(), b"")
        return None

    async def play(self, connection: ServerConnection) -> None:
        *frames, end = self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]
        for frame in frames:
            await connection.send(str(frame))
        if isinstance(end, int) and end == 1006:
            connection.transport.abort()
        elif isinstance(end, int):
            await connection.close(end, "so be it")
        else:
            await connection.wait_closed()


@asynccontextmanager
async def door(*scenes: list[str | int | None], refusals: tuple[int, ...] = ()) -> AsyncIterator[Door]:
    """A WebSocket server on a port of the loopback."""
    script = Door(list(scenes), refusals=deque(refusals))
    server: Server
    async with serve(script.play, "127.0.0.1", 0, process_request=script.admit) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        script.url = f"http://127.0.0.1:{port}"
        yield script
