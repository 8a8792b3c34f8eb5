"""One way to come through each door: who comes presents this, asks for that, and tells what became of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF, Codec

from .centrifuge.streams import stream
from .centrifuge.wire import decode, encode
from .events import streaming
from .serving import Doors
from .until import until


@dataclass
class Wish:
    """What a client presents and asks for. `since` is EPOCH:OFFSET, "" for from the very beginning."""

    token: str = ""
    channel: str | None = None
    since: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Visit:
    """What became of it so far.

    `refusal` is a word that is the same on all doors, None while the client is let in; `ended` the code
    that the connection was closed with, or the error code of its one channel. `seen` are data by channel.
    """

    def __init__(self) -> None:
        self.refusal: str | None = None
        self.ended: int | None = None
        self.open = False
        self.entered: set[str] = set()
        self.errors: list[int] = []
        self.seen: dict[str, list[Any]] = {}
        self.recovered: dict[str, bool] = {}

    @property
    def settled(self) -> bool:
        """Is it known whether the client was let in?"""
        return self.open or self.refusal is not None

    def publication(self, channel: str, data: Any) -> None:
        self.seen.setdefault(channel, []).append(data)

    def close(self, code: int) -> None:
        """A close code, or the like: before anything was open it is a refusal."""
        self.ended = code
        if not self.open:
            self.refusal = CODES.get(code, str(code))

    def answered(self, status: int) -> None:
        self.refusal = STATUSES.get(status, str(status))


CODES = {
    109: "expired",
    110: "expired",
    3005: "expired",
    3500: "unauthorized",
    3501: "unauthorized",
    3504: "too many",
    3505: "too many",
    3507: "forbidden",
    4500: "forbidden",
}
"""What close codes and errors of connecting come to."""

STATUSES = {401: "unauthorized", 403: "forbidden", 429: "too many", 503: "full"}


class Come(Protocol):
    """Comes through one door of these, and stays for as long as the block lasts."""

    def __call__(self, here: Doors, wish: Wish) -> AbstractAsyncContextManager[Visit]: ...


@asynccontextmanager
async def _attended(work: Callable[[Visit], Any]) -> AsyncIterator[Visit]:
    """`work` reads in a task of its own; the block begins when it is known how the client was met."""
    visit = Visit()
    reading = asyncio.create_task(work(visit))
    try:
        await until(lambda: visit.settled or reading.done(), "an answer")
        if reading.done():
            reading.result()
        assert visit.settled
        yield visit
        if reading.done():
            reading.result()
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


# -- the plain doors


def _query(wish: Wish, by: str) -> str:
    found: list[tuple[str, str]] = []
    if wish.channel is not None:
        found.append(("channel", wish.channel))
        if wish.since is not None:
            found.append(("since", f"{wish.channel}@{wish.since or ':0'}"))
    if wish.token and by == "query":
        found.append(("token", wish.token))
    return f"?{urlencode(found)}" if found else ""


def _headers(wish: Wish, by: str) -> dict[str, str]:
    bearer = {"Authorization": f"Bearer {wish.token}"} if wish.token and by == "header" else {}
    return bearer | wish.headers


def _plain(said: dict[str, Any], visit: Visit) -> None:
    channel = said.get("channel", "")
    if "history" in said:
        visit.entered.add(channel)
        for item in said["history"]:
            visit.publication(channel, item["data"])
        if "recovered" in said:
            visit.recovered[channel] = said["recovered"]
    elif "data" in said:
        visit.publication(channel, said["data"])
    elif said.get("type") == "error":
        visit.errors.append(said["code"])
    elif said.get("type") == "unsubscribed":
        visit.entered.discard(channel)
        visit.errors.append(said["code"])


def plain_websocket(by: str) -> Come:
    """`/ws`, with the token by `header`, `query` or `subprotocol`."""

    @asynccontextmanager
    async def come(here: Doors, wish: Wish) -> AsyncIterator[Visit]:
        async def work(visit: Visit) -> None:
            offered = [Subprotocol("gapless.bearer"), Subprotocol(wish.token)]
            try:
                async with connect(
                    here.address.ws(f"/ws{_query(wish, by)}"),
                    additional_headers=_headers(wish, by),
                    subprotocols=offered if wish.token and by == "subprotocol" else None,
                    compression=None,
                    ping_interval=None,
                    proxy=None,
                ) as connection:
                    if wish.token and by == "subprotocol":
                        assert connection.subprotocol == "gapless.bearer"
                    await connection.send("ping")
                    while True:
                        said = orjson.loads(await connection.recv())
                        visit.open = True
                        _plain(said, visit)
            except InvalidStatus as error:
                visit.answered(error.response.status_code)
            except ConnectionClosed as error:
                assert error.rcvd is not None
                visit.close(error.rcvd.code)

        async with _attended(work) as visit:
            yield visit

    return come


def plain_events(by: str, *, commands: bool = False) -> Come:
    """`/sse`, with the token by `header` or `query`; with `commands` it carries the frames of `/ws`."""

    @asynccontextmanager
    async def come(here: Doors, wish: Wish) -> AsyncIterator[Visit]:
        asked = wish if wish.channel is not None else Wish(wish.token, "other", None, wish.headers)

        async def work(visit: Visit) -> None:
            url = f"/sse{_query(asked, by)}" + ("&commands=1" if commands else "")
            async with streaming(here.http, url, _headers(wish, by)) as events:
                if events.response.status_code != 200:
                    visit.answered(events.response.status_code)
                    return
                visit.open = True
                try:
                    while True:
                        event = await events.next()
                        if event.name == "gap":
                            visit.recovered[event.data["channel"]] = False
                        else:
                            _plain(event.data, visit)
                except StopAsyncIteration:
                    visit.ended = 0

        async with _attended(work) as visit:
            yield visit

    return come


# -- the Centrifuge doors


def _connect(wish: Wish, *, bare: bool) -> dict[str, Any]:
    request: dict[str, Any] = {"token": wish.token} if wish.token else {}
    if bare and wish.channel is not None:
        request["subs"] = {wish.channel: _position(wish)}
    return request


def _position(wish: Wish) -> dict[str, Any]:
    if wish.since is None:
        return {}
    epoch, _, offset = (wish.since or ":0").rpartition(":")
    return {"recover": True, "epoch": epoch, "offset": int(offset)}


def _commands(wish: Wish) -> list[dict[str, Any]]:
    commands: list[dict[str, Any]] = [{"id": 1, "connect": _connect(wish, bare=False)}]
    if wish.channel is not None:
        commands.append({"id": 2, "subscribe": {"channel": wish.channel, **_position(wish)}})
    return commands


def _subscribed(channel: str, result: dict[str, Any], visit: Visit) -> None:
    visit.entered.add(channel)
    if result.get("was_recovering"):
        visit.recovered[channel] = bool(result.get("recovered"))
    for publication in result.get("publications", ()):
        visit.publication(channel, publication["data"])


def _centrifuge(said: dict[str, Any], wish: Wish, visit: Visit) -> None:
    """One reply, or one bare push."""
    push = said.get("push", said)
    channel = push.get("channel", "")
    if "error" in said:
        code = said["error"]["code"]
        if said.get("id") == 1:
            visit.close(code)
        else:
            visit.errors.append(code)
    elif "connect" in said:
        visit.open = True
        for name, result in (said["connect"].get("subs") or {}).items():
            _subscribed(name, result, visit)
    elif "subscribe" in said and wish.channel is not None:
        _subscribed(wish.channel, said["subscribe"], visit)
    elif "pub" in push:
        visit.publication(channel, push["pub"]["data"])
    elif "unsubscribe" in push:
        visit.entered.discard(channel)
        visit.errors.append(push["unsubscribe"]["code"])
    elif "disconnect" in push:
        visit.close(push["disconnect"]["code"])


def centrifuge_websocket(codec: Codec) -> Come:
    """`/connection/websocket`."""

    @asynccontextmanager
    async def come(here: Doors, wish: Wish) -> AsyncIterator[Visit]:
        async def work(visit: Visit) -> None:
            offered = None if codec.text else [Subprotocol("centrifuge-protobuf")]
            await _converse(
                here, "/connection/websocket", wish, visit, codec, encode(codec, *_commands(wish)), offered
            )

        async with _attended(work) as visit:
            yield visit

    return come


@asynccontextmanager
async def uni_websocket(here: Doors, wish: Wish) -> AsyncIterator[Visit]:
    """`/connection/uni_websocket`."""

    async def work(visit: Visit) -> None:
        first = orjson.dumps(_connect(wish, bare=True)).decode()
        await _converse(here, "/connection/uni_websocket", wish, visit, JSON, first, None)

    async with _attended(work) as visit:
        yield visit


async def _converse(
    here: Doors,
    path: str,
    wish: Wish,
    visit: Visit,
    codec: Codec,
    first: str | bytes,
    offered: list[Subprotocol] | None,
) -> None:
    try:
        async with connect(
            here.address.ws(path),
            additional_headers=wish.headers,
            subprotocols=offered,
            compression=None,
            ping_interval=None,
            proxy=None,
        ) as connection:
            await connection.send(first)
            while True:
                frame = await connection.recv()
                for said in decode(codec, frame.encode() if isinstance(frame, str) else frame):
                    _centrifuge(said, wish, visit)
    except InvalidStatus as error:
        visit.answered(error.response.status_code)
    except ConnectionClosed as error:
        assert error.rcvd is not None
        visit.close(error.rcvd.code)


def centrifuge_stream(transport: str, codec: Codec = JSON, *, get: bool = False) -> Come:
    """`/connection/http_stream` and its kin."""

    @asynccontextmanager
    async def come(here: Doors, wish: Wish) -> AsyncIterator[Visit]:
        bare = transport.startswith("uni")
        first: Any = _connect(wish, bare=True) if bare else _commands(wish)

        async def work(visit: Visit) -> None:
            async with stream(here, transport, first, codec=codec, get=get, headers=wish.headers) as down:
                if down.response.status_code != 200:
                    visit.answered(down.response.status_code)
                    return
                while (said := await down.next()) is not None:
                    _centrifuge(said, wish, visit)

        async with _attended(work) as visit:
            yield visit

    return come


def ways() -> dict[str, tuple[str, Come]]:
    """Every way in that there is, by name, with the path of its door."""
    assert PROTOBUF is not None
    return {
        "ws-header": ("/ws", plain_websocket("header")),
        "ws-query": ("/ws", plain_websocket("query")),
        "ws-subprotocol": ("/ws", plain_websocket("subprotocol")),
        "sse-header": ("/sse", plain_events("header")),
        "sse-query": ("/sse", plain_events("query")),
        "sse-commands": ("/sse", plain_events("header", commands=True)),
        "centrifuge-json": ("/connection/websocket", centrifuge_websocket(JSON)),
        "centrifuge-protobuf": ("/connection/websocket", centrifuge_websocket(PROTOBUF)),
        "http_stream-json": ("/connection/http_stream", centrifuge_stream("http_stream")),
        "http_stream-protobuf": ("/connection/http_stream", centrifuge_stream("http_stream", PROTOBUF)),
        "sse-emulated": ("/connection/sse", centrifuge_stream("sse", get=True)),
        "uni_websocket": ("/connection/uni_websocket", uni_websocket),
        "uni_http_stream": ("/connection/uni_http_stream", centrifuge_stream("uni_http_stream")),
        "uni_sse": ("/connection/uni_sse", centrifuge_stream("uni_sse", get=True)),
    }


__all__ = ["Come", "Visit", "Wish", "ways"]
