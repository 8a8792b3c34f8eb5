"""A reader of event streams, by the HTML Living Standard, 9.2.6: what EventSource would see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from .serving import Doors
from .until import DEADLINE


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `id` is the last event id after it, as EventSource keeps it."""

    id: str
    name: str
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)


class EventStream:
    """What comes on one stream; `comments` counts the comment lines so far."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id = ""
        self.comments = 0
        self._events = self._read(response.aiter_lines())

    async def next(self) -> Event:
        async with asyncio.timeout(DEADLINE):
            return await anext(self._events)

    async def take(self, count: int) -> list[Event]:
        return [await self.next() for _ in range(count)]

    async def ended(self) -> None:
        """The server ends the stream, and properly; nothing more comes."""
        async with asyncio.timeout(DEADLINE):
            async for event in self._events:
                raise AssertionError(f"there was another event: {event}")

    async def _read(self, lines: AsyncIterator[str]) -> AsyncIterator[Event]:
        name, data = "", list[str]()
        async for line in lines:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "" if line:
                    self.comments += 1
                case "":
                    if data:
                        yield Event(self.last_id, name or "message", "\n".join(data))
                    name, data = "", []
                case "id":
                    self.last_id = value
                case "event":
                    name = value
                case "data":
                    data.append(value)


@asynccontextmanager
async def streaming(
    browser: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None
) -> AsyncIterator[EventStream]:
    """Open an event stream."""
    async with browser.stream("GET", path, headers=headers) as response:
        yield EventStream(response)


def sse(
    opened: Doors, query: str, last_id: str | None = None, **headers: str
) -> AbstractAsyncContextManager[EventStream]:
    """A stream of `/sse`, resumed behind an event id as EventSource does it."""
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    return streaming(opened.http, f"/sse?{query}", headers)
