"""A hub elsewhere, to publish to and to read from, with asyncio or without."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import ConfigError, GaplessError, Missed
from ..model import Position
from . import reader
from .publisher import DEFAULT_URL, Publisher
from .reader import Arrived, Reader
from .receipt import Receipt
from .remote import Remote

if TYPE_CHECKING:
    from .subscriber import Away, Back

    Happened = list[reader.Happening | Away | Back]

AHEAD = 16
"""Frames that are read before the program asks for what is in them; then the hub waits."""

OnGap = Callable[[reader.Missed], None]


def connect(url: str | None = None, *, token: str | None = None) -> Connection:
    """A hub elsewhere. Nothing is opened until something is published or read.

        with gapless.connect("http://127.0.0.1:8765") as hub:
            hub.publish("logs", {"message": "hello"})
            for publication in hub.subscribe("logs", history=10):
                print(publication.offset, publication.data)

    `url` and `token` come from `GAPLESS_URL` and `GAPLESS_TOKEN` where they are not given. The same works
    with `async with` and `async for`.

    Raises:
        ConfigError: the address is none.
    """
    address = url or os.environ.get("GAPLESS_URL") or DEFAULT_URL
    return Connection(Remote.parse(address, token or os.environ.get("GAPLESS_TOKEN")))


class Connection:
    """What `connect` gives. Any thread may use it."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._publisher: Publisher | None = None
        self._lock = threading.Lock()
        self._feeds: set[Feed] = set()

    def publish(self, channel: str, data: Any) -> Receipt:
        """Publish after everything before it; as `Publisher.publish`, which waits when 16 MiB wait."""
        return self.publisher.publish(channel, data)

    @property
    def publisher(self) -> Publisher:
        """The one that sends, made on first use."""
        with self._lock:
            if self._publisher is None:
                self._publisher = Publisher(self._remote.url, token=self._remote.token)
            return self._publisher

    def subscribe(
        self,
        *channels: str,
        history: int | None = 0,
        since: Position | dict[str, Position] | None = None,
        on_gap: OnGap | None = None,
    ) -> Feed:
        """Read channels, each publication once and in order, through every reconnect: see `Feed`.

        `history` is how many of the newest come first, None for all that are kept; `since` goes on
        after a position instead, by channel where there are several.

        Raises:
            ConfigError: no channel, or one position for several.
        """
        if not channels:
            raise ConfigError('name a channel: subscribe("logs")')
        if isinstance(since, Position):
            if len(channels) > 1:
                raise ConfigError("with several channels, since is a position for each: {channel: position}")
            since = {channels[0]: since}
        feed = Feed(self._remote, channels, history, since or {}, on_gap)
        self._feeds.add(feed)
        return feed

    def close(self) -> None:
        """End what is read, and send what waits for a bounded time."""
        while self._feeds:
            self._feeds.pop().close()
        if self._publisher is not None:
            self._publisher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for feed in list(self._feeds):
            await feed.aclose()
        await asyncio.to_thread(self.close)


class Feed:
    """The publications of some channels, with `for` or with `async for`.

    It comes back by itself after every cut and goes on where it was. When continuity is broken,
    `on_gap` is called with what is missing, or, without one, `Missed` is raised in its place; iterating
    again goes on behind it. `positions` holds that of the last publication of each channel:
    resume there with `since`.

    Iterating raises Unreachable when the first connection fails, and Refused when the hub will not have
    this reader.
    """

    def __init__(
        self,
        remote: Remote,
        channels: Sequence[str],
        history: int | None,
        since: dict[str, Position],
        on_gap: OnGap | None,
    ) -> None:
        self.positions = dict(since)
        self._remote = remote
        self._reader = Reader(list(dict.fromkeys(channels)), history, since)
        self._on_gap = on_gap
        self._ready: deque[reader.Happening | Away | Back] = deque()
        self._frames: AsyncGenerator[Happened, None] | None = None
        self._thread: _Thread | None = None
        self._closed = False

    def __iter__(self) -> Iterator[Arrived]:
        return self

    def __next__(self) -> Arrived:
        while True:
            found = self._next_ready()
            if found is not None:
                return found
            if self._closed:
                raise StopIteration
            if self._thread is None:
                self._thread = _Thread(self._open)
            self._ready.extend(self._thread.next())

    def __aiter__(self) -> AsyncIterator[Arrived]:
        return self

    async def __anext__(self) -> Arrived:
        while True:
            found = self._next_ready()
            if found is not None:
                return found
            if self._closed:
                raise StopAsyncIteration
            if self._frames is None:
                self._frames = self._open()
            self._ready.extend(await anext(self._frames))

    def close(self) -> None:
        """Read no more, from whichever thread this is called; who iterates comes to the end."""
        self._closed = True
        if self._thread is not None:
            self._thread.close()

    async def aclose(self) -> None:
        """As `close`, on the loop that iterates."""
        self._closed = True
        if self._frames is not None:
            frames, self._frames = self._frames, None
            await frames.aclose()

    def _open(self) -> AsyncGenerator[Happened, None]:
        try:
            from .subscriber import Subscriber
        except ModuleNotFoundError as error:
            raise ConfigError(f'{error.name} is not installed; pip install "gapless[server]"') from None
        return Subscriber(self._remote, self._reader).frames()

    def _next_ready(self) -> Arrived | None:
        """The next publication of what was read. Raises Missed."""
        while self._ready and not self._closed:
            event = self._ready.popleft()
            if isinstance(event, Arrived):
                if event.offset:
                    self.positions[event.channel] = Position(event.offset, event.epoch)
                return event
            if isinstance(event, reader.Missed):
                if self._on_gap is None:
                    raise Missed(event.channel, event.first, event.last, event.reason, event.count or 0)
                self._on_gap(event)
        return None


class _Thread:
    """Reads on a loop in a thread of its own, a little ahead of who asks for it."""

    def __init__(self, open_: Callable[[], AsyncGenerator[Happened, None]]) -> None:
        self._open = open_
        self._read: queue.Queue[Happened | BaseException | None] = queue.Queue(AHEAD)
        self._ended = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="gapless-feed", daemon=True)
        self._thread.start()

    def next(self) -> Happened:
        """What came together; nothing at the end. Raises what ended it."""
        while True:
            try:
                found = self._read.get(timeout=0.2)
            except queue.Empty:
                if self._ended.is_set():
                    return []
                continue
            if isinstance(found, BaseException):
                raise found
            return found or []

    def close(self) -> None:
        self._ended.set()
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                pass  # it has ended already
        if threading.current_thread() is not self._thread:
            self._thread.join(2.0)

    def _run(self) -> None:
        try:
            asyncio.run(self._pump())
        except asyncio.CancelledError:
            pass
        except GaplessError as error:
            self._put(error)

    async def _pump(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        frames = self._open()
        try:
            async for happened in frames:
                # Waiting for whoever reads must not keep this loop from answering the hub.
                await asyncio.to_thread(self._put, happened)
        finally:
            await frames.aclose()

    def _put(self, found: Happened | BaseException) -> None:
        while not self._ended.is_set():
            try:
                self._read.put(found, timeout=0.2)
                return
            except queue.Full:
                continue
