"""Clients of the stream doors: a response body that goes on, read message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from gapless.protocol.centrifuge import client_pb2
from gapless.protocol.centrifuge.codecs import JSON, Codec

from ..serving import Doors
from ..until import DEADLINE
from .wire import decode, encode

TYPES = {"json": "application/json", "protobuf": "application/octet-stream"}


class Stream:
    """The messages of one response. `events` are server-sent events, else lines, or lengths and bytes."""

    def __init__(
        self, response: httpx.Response, doors: Doors, codec: Codec, *, events: bool, bare: bool
    ) -> None:
        self.response = response
        self.session = self.node = ""
        self._doors = doors
        self._codec = codec
        self._events = events
        self._bare = bare
        self._chunks = response.aiter_raw()
        self._rest = b""
        self._waiting: list[Any] = []

    async def next(self) -> Any:
        """The next message; None at the end of the stream."""
        while not self._waiting:
            async with asyncio.timeout(DEADLINE):
                try:
                    self._rest += await anext(self._chunks)
                except StopAsyncIteration:
                    assert not self._rest, f"the end came in the middle of {self._rest!r}"
                    return None
            self._split()
        return self._waiting.pop(0)

    async def take(self, count: int) -> list[Any]:
        return [await self.next() for _ in range(count)]

    async def to_the_end(self) -> list[Any]:
        """All that is still to come; the stream must end."""
        found: list[Any] = []
        while (message := await self.next()) is not None:
            found.append(message)
        return found

    def _split(self) -> None:
        if self._events:
            self._rest = self._rest.removeprefix(b"\r\n")
            *events, self._rest = self._rest.split(b"\n\n")
            assert all(event.startswith(b"data: ") for event in events), events
            self._waiting += [orjson.loads(event[6:]) for event in events]
        elif self._codec.text:
            *lines, self._rest = self._rest.split(b"\n")
            self._waiting += map(orjson.loads, lines)
        else:
            self._waiting += self._whole()

    def _whole(self) -> list[Any]:
        end = at = 0
        while at < len(self._rest):
            size = shift = 0
            while at < len(self._rest):
                byte = self._rest[at]
                size |= (byte & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if byte < 0x80:
                    break
            at += size
            if at <= len(self._rest) and byte < 0x80:
                end = at
        whole, self._rest = self._rest[:end], self._rest[end:]
        return decode(self._codec, whole, bare=self._bare)

    # -- up

    async def connected(self) -> Any:
        """The connect reply, or push."""
        said = await self.next()
        result = said["connect"]
        self.session, self.node = result.get("session", ""), result.get("node", "")
        return result

    async def post(self, *commands: dict[str, Any], **changes: Any) -> httpx.Response:
        """Send commands by way of `/emulation`; `changes` replace fields of the request."""
        fields = {
            "session": self.session,
            "node": self.node,
            "data": encode(self._codec, *commands),
            **changes,
        }
        if self._codec.text:
            body = orjson.dumps(fields)
        else:
            body = client_pb2.EmulationRequest(**fields).SerializeToString()
        headers = {"content-type": TYPES[self._codec.name]}
        return await self._doors.http.post("/emulation", content=body, headers=headers)

    async def say(self, *commands: dict[str, Any]) -> None:
        answer = await self.post(*commands)
        assert (answer.status_code, answer.content) == (204, b""), answer.text


@asynccontextmanager
async def stream(
    doors: Doors,
    transport: str,
    first: Any = None,
    *,
    codec: Codec = JSON,
    get: bool = False,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Stream]:
    """Open a stream door. `first` are commands, or for unidirectional ones the connect request."""
    bare, events = transport.startswith("uni"), transport.endswith("sse")
    if bare:
        body: str | bytes = "" if first is None else orjson.dumps(first).decode()
    else:
        body = encode(codec, *(first or [{"id": 1, "connect": {}}]))
    url, how = f"/connection/{transport}", dict(headers or {})
    if get:
        params = {"cf_connect": body} if body else {}
        request = doors.http.stream("GET", url, params=params, headers=how)
    else:
        how["content-type"] = TYPES[codec.name]
        request = doors.http.stream("POST", url, content=body, headers=how)
    async with request as response:
        yield Stream(response, doors, codec, events=events, bare=bare)
