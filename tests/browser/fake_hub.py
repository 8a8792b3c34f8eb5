"""A hub that does what a test says: it serves the page, speaks the plain protocol, misbehaves on request."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from gapless.doors.assets import assets

from ..support.until import DEADLINE

STATIC = Path(__file__).parents[2] / "src" / "gapless" / "dashboard" / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HISTORY_FRAME = 500
"""Publications in one history frame."""


@dataclass
class Stream:
    """One channel and what it keeps, as (offset, data)."""

    epoch: str = "first"
    head: int = 0
    kept: list[tuple[int, Any]] = field(default_factory=list)

    @property
    def oldest(self) -> int:
        return self.kept[0][0] if self.kept else self.head + 1


@dataclass(eq=False)
class Visit:
    """One WebSocket and what it asked for."""

    websocket: WebSocket
    query: dict[str, str]
    offered: list[str] = field(default_factory=list)
    """Subprotocols, a credential among them."""
    commands: list[dict[str, Any]] = field(default_factory=list)
    pings: int = 0
    subscribed: set[str] = field(default_factory=set)


class FakeHub:
    """Serves under `/live` on a free port while it is entered. Tests call it from their own thread."""

    def __init__(self) -> None:
        self.forget()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._assets = assets()
        how: dict[str, Any] = {"ws": "websockets-sansio", "lifespan": "off", "timeout_keep_alive": 120}
        config = uvicorn.Config(self._app(), log_config=None, **how)
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="fake hub", daemon=True)

    def __enter__(self) -> FakeHub:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(DEADLINE)

    def forget(self) -> None:
        """Begin anew, for the next test."""
        self.streams: dict[str, Stream] = {}
        self.unkept: set[str] = set()
        """Channels that keep no history."""
        self.refusals: dict[str, list[int]] = {}
        """Codes of the errors that the next subscriptions to a channel get."""
        self.visits: list[Visit] = []
        self.answers = True
        """Without, commands are only noted: the test answers them itself."""
        self.answers_pings = True
        self.holds_session = False
        """Without an answer to who the page is."""
        self.refuses = False
        self.token: str | None = None
        self.sign_in_status = 0
        self.api_status = 200
        """What calls of the API are answered with, when it is not 200."""
        self.searches = False
        """Is there an index of words?"""
        self.about: dict[str, Any] = {}
        """What `/api/session` says beside the role."""
        self.answers_api: dict[str, dict[str, Any]] = {}
        """What methods of the API are answered with, instead of what this hub would say."""
        self.calls: list[str] = []
        """Methods of the API that were called, in order."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/live/"

    @property
    def digest(self) -> str:
        """Of the files of the page, as it knows it."""
        return self._assets.digest

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve(sockets=[self._listener]))

    # -- what a test does

    def publish(self, channel: str, *data: Any) -> None:
        """Append and send: one as a live frame, several as a batch."""

        async def append() -> None:
            stream = self.streams.setdefault(channel, Stream())
            items = []
            for one in data:
                if channel in self.unkept:
                    items.append({"data": one})
                    continue
                stream.head += 1
                stream.kept.append((stream.head, one))
                items.append({"offset": stream.head, "data": one})
            if items:
                await self._send(channel, items[0] if len(items) == 1 else {"batch": items})

        self._do(append())

    def send(self, channel: str, frame: dict[str, Any]) -> None:
        """Any frame, to whoever is subscribed."""
        self._do(self._send(channel, frame))

    def send_text(self, channel: str, text: str) -> None:
        """A frame as it stands, to whoever is subscribed."""

        async def send() -> None:
            for visit in self.visits:
                if channel in visit.subscribed:
                    await visit.websocket.send_text(text)

        self._do(send())

    def trim(self, channel: str, oldest: int) -> None:
        stream = self.streams[channel]
        stream.kept = [(offset, data) for offset, data in stream.kept if offset >= oldest]

    def cut(self, code: int = 1012, reason: str = "") -> None:
        """End every connection."""

        async def close() -> None:
            for visit in self.visits:
                visit.subscribed.clear()
                await visit.websocket.close(code, reason)

        self._do(close())

    def wait_for(self, what: str, test: Callable[[], bool]) -> None:
        """Until a connection, a command or a ping makes it true."""
        with self._changed:
            assert self._changed.wait_for(test, DEADLINE), f"waited in vain for {what}"

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE)

    async def _send(self, channel: str, frame: dict[str, Any]) -> None:
        for visit in self.visits:
            if channel not in visit.subscribed:
                continue
            with contextlib.suppress(
                WebSocketDisconnect
            ):  # it is leaving; what is kept it gets when it is back
                await visit.websocket.send_json({"channel": channel, **frame})

    # -- what the page sees

    def _app(self) -> Starlette:
        doors = [
            Route("/", self._index),
            Route("/client.js", lambda request: FileResponse(STATIC / "client.js")),
            Mount("/client", StaticFiles(directory=STATIC / "client")),
            Route("/signin", self._sign_in, methods=["POST"]),
            Route("/signout", self._sign_out, methods=["POST"]),
            Route("/api/{method}", self._call, methods=["POST"]),
            WebSocketRoute("/ws", self._talk),
            Route("/static/{path:path}", self._static),
        ]
        return Starlette(routes=[Mount("/live", routes=doors)])

    def _signed_in(self, request: Request | WebSocket) -> bool:
        return self.token is None or request.cookies.get("session") == self.token

    async def _index(self, request: Request) -> Response:
        name = "index.html" if self._signed_in(request) else "signin.html"
        page = self._assets.page(name, request)
        page.headers["content-security-policy"] = POLICY
        return page

    async def _static(self, request: Request) -> Response:
        return self._assets.answer(request.path_params["path"], request) or Response(status_code=404)

    async def _sign_in(self, request: Request) -> Response:
        if self.sign_in_status:
            return Response(status_code=self.sign_in_status, headers={"retry-after": "30"})
        if (await request.json()) != {"token": self.token}:
            return Response(status_code=401)
        response = Response(status_code=204)
        response.set_cookie("session", self.token or "", path="/live/", httponly=True, samesite="strict")
        return response

    async def _sign_out(self, request: Request) -> Response:
        response = Response(status_code=204)
        response.delete_cookie("session", path="/live/")
        return response

    async def _call(self, request: Request) -> Response:
        method = request.path_params["method"]
        if method == "session":
            while self.holds_session:
                await asyncio.sleep(0.05)
            role = "operator" if self._signed_in(request) and self.api_status == 200 else "viewer"
            about = {"role": role, "sign_in": self.token is not None, "digest": ""}
            return JSONResponse({"result": about | self.about})
        self.calls.append(method)
        if not self._signed_in(request):
            return Response(status_code=401)
        if self.api_status != 200:
            return Response(status_code=self.api_status)
        said = await request.json()
        if method in self.answers_api:
            return JSONResponse({"result": self.answers_api[method]})
        if method == "channels":
            return JSONResponse({"result": {"channels": {name: {"num_clients": 0} for name in self.streams}}})
        if method == "history":
            return JSONResponse({"result": self._history(said)})
        if method == "search" and self.searches:
            return JSONResponse({"result": self._search(said)})
        return Response(status_code=404)

    def _history(self, said: dict[str, Any]) -> dict[str, Any]:
        stream, since, reverse = self.streams[said["channel"]], said["since"]["offset"], said.get("reverse")
        kept, limit = stream.kept, said["limit"]
        if reverse:
            end = bisect.bisect_left(kept, since, key=lambda entry: entry[0])
            chosen = kept[max(0, end - limit) : end][::-1]
        else:
            start = bisect.bisect_right(kept, since, key=lambda entry: entry[0])
            chosen = kept[start : start + limit]
        publications = [{"offset": offset, "data": data} for offset, data in chosen]
        return {"publications": publications, "epoch": stream.epoch, "offset": stream.head}

    def _search(self, said: dict[str, Any]) -> dict[str, Any]:
        stream, words = self.streams[said["channel"]], said["query"].replace("*", "").split()
        found = [
            {"offset": offset, "data": data, "time": 0}
            for offset, data in reversed(stream.kept)
            if offset < said["before"] and all(word in str(data) for word in words)
        ]
        limit = said["limit"]
        return {"publications": found[:limit], "epoch": stream.epoch, "more": len(found) > limit}

    async def _talk(self, websocket: WebSocket) -> None:
        if self.refuses or not self._signed_in(websocket):
            await websocket.close()
            return
        offered = websocket.scope["subprotocols"]
        await websocket.accept("gapless.bearer" if "gapless.bearer" in offered else None)
        visit = Visit(websocket, dict(websocket.query_params), offered)
        self._note(lambda: self.visits.append(visit))
        try:
            await self._subscribe(visit, _command(visit.query))
            async for text in websocket.iter_text():
                await self._obey(visit, text)
        except WebSocketDisconnect:
            pass  # while it was being answered
        finally:
            self._note(lambda: self._part_with(visit))

    async def _obey(self, visit: Visit, text: str) -> None:
        if text == "ping":
            if self.answers_pings:
                await visit.websocket.send_json({"type": "pong"})
            return self._note(lambda: setattr(visit, "pings", visit.pings + 1))
        command = json.loads(text)
        if not self.answers:
            return self._note(lambda: visit.commands.append(command))
        channel, answer = command["channel"], {"channel": command["channel"], "id": command["id"]}
        match command["type"]:
            case "subscribe":
                await self._subscribe(visit, command)
            case "unsubscribe":
                visit.subscribed.discard(channel)
                await visit.websocket.send_json({"type": "unsubscribed", **answer})
            case "publish" if channel in self.streams:
                position = {"epoch": self.streams[channel].epoch, "offset": self.streams[channel].head + 1}
                await visit.websocket.send_json({"type": "published", **answer, **position})
            case _:
                error = {"type": "error", "code": 102, "message": "unknown channel"}
                await visit.websocket.send_json({**error, **answer})
        return self._note(lambda: visit.commands.append(command))

    async def _subscribe(self, visit: Visit, command: dict[str, Any]) -> None:
        channel = command["channel"]
        said = {"channel": channel} | ({"id": command["id"]} if "id" in command else {})
        if self.refusals.get(channel):
            code = self.refusals[channel].pop(0)
            return await visit.websocket.send_json({"type": "error", "code": code, "message": "no", **said})
        if channel in self.unkept:
            visit.subscribed.add(channel)
            nothing = {"epoch": "", "oldest": 0, "head": 0, "history": [], "more": False}
            return await visit.websocket.send_json({**said, **nothing})
        stream = self.streams.setdefault(channel, Stream())
        start, resumed = _start(stream, command)
        items = [{"offset": offset, "data": data} for offset, data in stream.kept if offset > start]
        visit.subscribed.add(channel)
        where = {"epoch": stream.epoch, "oldest": stream.oldest, "head": stream.head}
        for at in range(0, max(len(items), 1), HISTORY_FRAME):
            page, more = items[at : at + HISTORY_FRAME], at + HISTORY_FRAME < len(items)
            await visit.websocket.send_json({**said, **where, **resumed, "history": page, "more": more})
            said, resumed = {"channel": channel}, {}
        return None

    def _part_with(self, visit: Visit) -> None:
        if visit in self.visits:  # else it was of a test that is over
            self.visits.remove(visit)

    def _note(self, change: Callable[[], Any]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()


def _command(query: dict[str, str]) -> dict[str, Any]:
    command: dict[str, Any] = {"channel": query["channel"]}
    if "history" in query:
        command["history"] = int(query["history"])
    if "since" in query:
        command["since"] = query["since"].removeprefix(f"{query['channel']}@")
    return command


def _start(stream: Stream, command: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The offset before the first to replay, and what to say about a resume."""
    if "since" not in command:
        wanted = command.get("history", len(stream.kept))
        return stream.head - min(wanted, len(stream.kept)), {}
    epoch, _, text = command["since"].partition(":")
    offset = int(text)
    if epoch != stream.epoch:
        return 0, {"recovered": False, "lost": {"from": offset + 1, "to": None}}
    if offset + 1 < stream.oldest:
        return 0, {"recovered": False, "lost": {"from": offset + 1, "to": stream.oldest - 1}}
    return offset, {"recovered": True}
