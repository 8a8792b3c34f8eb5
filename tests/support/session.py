"""The fake session: what a transport did to it, and what it does where the test wants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gapless import Disconnect
from gapless.core.outbox import Outlet
from gapless.sessions.views import Framing


class FakeSession:
    """Answers nothing by itself. `on_begin` and `on_message` are awaited where a session begins and hears."""

    def __init__(self, outlet: Outlet | None = None, framing: Framing | None = None) -> None:
        self.outlet = outlet
        self.framing = framing
        self.closed: Disconnect | None = None
        self.ended: list[int] = []
        self.heard: list[Any] = []
        self.opened = 0
        self.rooms = 0
        self.on_begin: Callable[[], Awaitable[None]] = _nothing
        self.on_message: Callable[[str | bytes], Awaitable[None]] = _ignore

    @property
    def frame_pings(self) -> None:
        return None

    def open(self) -> None:
        self.opened += 1

    async def begin(self) -> None:
        await self.on_begin()

    async def handle(self, message: str | bytes) -> None:
        self.heard.append(message)
        await self.on_message(message)

    @property
    def flow(self) -> FakeSession:
        return self

    def on_room(self) -> None:
        self.rooms += 1

    def say(self, text: str) -> None:
        assert self.outlet is not None
        assert self.framing is not None
        self.outlet.reply(self.framing.wrap(text.encode()))

    def close(self, disconnect: Disconnect) -> None:
        if self.closed is None:
            self.end(disconnect)
            if self.outlet is not None:
                self.outlet.close(disconnect.code, disconnect.reason)

    def end(self, disconnect: Disconnect) -> None:
        if self.closed is None:
            self.closed = disconnect
            self.ended.append(disconnect.code)


async def _nothing() -> None: ...


async def _ignore(message: str | bytes) -> None: ...
