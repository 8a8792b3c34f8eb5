"""The shortcut of usual publications through ASGI: past the router, to who answers directly.

The servers that do not know of direct requests, and the applications that mount a hub, have it
this way: headers that were admitted once are known, and a body is read and answered without a
request object, a route and a response.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from starlette.types import Message, Receive, Scope, Send

from ..isolation.server import Begun
from ..server.direct import Admit, Answer, Answerer, Place
from ..server.usual import LENGTH_DIGITS, UsualHead

T = TypeVar("T")

KNOWN = 1000
"""Requests that are remembered by path, headers and place; with more all are forgotten."""


class Shortcut:
    """`admit` decides by path and headers alone, and always alike."""

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._known: dict[Any, Answerer] = {}

    def find(self, scope: Scope, path: str) -> Answerer | None:
        """Who answers this request to `path`, below where the hub is mounted. None: its door does."""
        if scope["method"] != "POST" or scope["query_string"]:
            return None
        server, headers = scope.get("server"), scope["headers"]
        try:
            key = (path, server, scope.get("scheme"), tuple(headers))
            found = self._known.get(key)
        except TypeError:
            return None  # a server that has lists where others have tuples
        if found is None:
            head = _usual(path, headers)
            place = Place(server, scope.get("scheme", "http"))
            found = self._admit(head, place) if head is not None else None
            if head is not None and found is not None and head.comes_again:
                if len(self._known) >= KNOWN:
                    self._known.clear()
                self._known[key] = found
        return found

    async def answer(self, answerer: Answerer, receive: Receive, send: Send) -> Receive | None:
        """Answer it. Not None: it is for the door after all, which receives by this."""
        arrived = Eager(_receive(receive, answerer.length))
        try:
            if arrived.done:
                messages = await arrived
            else:
                async with asyncio.timeout(answerer.seconds):
                    messages = await arrived
        except TimeoutError:
            await _send(send, answerer.late())
            return None
        body = b"".join([message.get("body", b"") for message in messages])
        if len(body) != answerer.length:
            return _again(messages, receive)  # the client left, or the server counts otherwise
        answer: Answer | Awaitable[Answer] | None = answerer.answer(body)
        if answer is None:
            return _again(messages, receive)
        await _send(send, answer if isinstance(answer, Answer) else await answer)
        return None


async def _receive(receive: Receive, length: int) -> list[Message]:
    """What is sent of a body, no more than one message beyond its length."""
    messages: list[Message] = []
    size, more = 0, True
    while more and size <= length:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return messages


def _usual(path: str, headers: Any) -> UsualHead | None:
    known = dict(headers)
    length = known.get(b"content-length", b"")
    if len(known) != len(headers) or b"transfer-encoding" in known or not path.isascii():
        return None
    if not known.get(b"host") or not length.isdigit() or len(length) > LENGTH_DIGITS:
        return None
    return UsualHead(path.encode(), known, int(length))


def _again(messages: list[Message], receive: Receive) -> Receive:
    """What was received already, and then what comes."""
    messages.reverse()

    async def received() -> Message:
        return messages.pop() if messages else await receive()

    return received


async def _send(send: Send, answer: Answer) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    headers = [length, *answer.headers.pairs]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


class Eager(Generic[T]):
    """A coroutine that has taken its first step, in the task that will await it: mostly it needs no more.

    Awaiting this goes on from there, or gives at once what is there already. Raises what the coroutine
    raises, when it is awaited. A deadline costs more than the rest of reading a body that has arrived,
    as nearly every one has; what is `done` needs none.
    """

    __slots__ = ("_coroutine", "_error", "_first", "_result", "done")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._error: Exception | None = None
        self._result: T | None = None
        self.done = False
        """Did it come to its end without waiting?"""
        try:
            self._first = coroutine.send(None)
        except StopIteration as end:
            self._result, self.done = end.value, True
        except Exception as error:
            self._error, self.done = error, True

    def __await__(self) -> Generator[Any, Any, T]:
        if self._error is not None:
            raise self._error
        if self.done:
            return self._result  # type: ignore[return-value] # it is there
        return (yield from Begun(self._coroutine, self._first))
