"""The way through a store: what one process tells, the audiences of all hear, in one order.

Everything goes through one channel of a hub, in the process that tells it too. What is kept has an
offset there, so a process that comes later, or again, reads it back.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, NamedTuple

from starlette.websockets import WebSocket

from ..core.cursor import Lost
from ..errors import BrokerError, GaplessError, Overloaded
from ..hub import Hub
from ..isolation.outgoing import Outgoing
from ..model import Position, Publication
from ..node.receipt import Receipt
from ..options import ChannelOptions, Limits, MiB
from .audience import Audience, Sent

log = logging.getLogger("gapless")

READ_AT_ONCE = 1000
"""Kept messages that are read in one page when a process comes."""


class _Told(NamedTuple):
    """One message that was told before the store was open, or is on its way to it."""

    number: int
    key: Hashable
    outgoing: Outgoing
    keep: bool


def way_of(
    store: str | None,
    audience: Audience,
    limits: Limits,
    *,
    everybody: Hashable,
    size: int,
    history_bytes: int,
) -> Audience | Relay:
    """How somebody is told something: by a relay where there is a store, else at once. Raises ConfigError."""
    if store is None:
        return audience
    return Relay(store, audience, limits, everybody=everybody, size=size, history_bytes=history_bytes)


class Relay:
    """Between whoever tells an audience something and that audience, by way of a store.

    `store` is a URL as `Hub` takes it; what stands behind a `#` names the audience, and others of
    another name in the same store are none of its concern. `everybody` is the key that needs no name.
    At most `size` messages and `history_bytes` are kept. It begins with the first who comes, or is
    told something on a loop, and ends with that loop.
    """

    def __init__(
        self,
        store: str,
        audience: Audience,
        limits: Limits,
        *,
        everybody: Hashable,
        size: int,
        history_bytes: int,
    ) -> None:
        self._url, _, name = store.partition("#")
        self._channel = f"gapless:told:{name or 'all'}"
        self._audience = audience
        self._everybody = everybody
        self._limits = limits
        self._options = ChannelOptions(history=size, history_bytes=history_bytes if size else None)
        self._uid = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._number = 0
        self._heard = 0
        """The number of the last of our own messages that came back, or is known not to."""
        self._early: deque[_Told] = deque()
        self._early_bytes = 0
        self._behind: deque[tuple[int, Callable[[], object]]] = deque()
        self._receipt: Receipt | None = None
        self._hub: Hub | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._read = Position(0, "")

    # -- telling

    def tell(self, key: Hashable, outgoing: Outgoing, *, keep: bool = False) -> Sent:
        """Have the audiences of all processes told. Awaiting it waits until our own was.

        Raises:
            TypeError: a key that is neither text nor a whole number.
            Overloaded: `in_flight_bytes` were told before the store was open.
        """
        _plain(key, self._everybody)
        self._begin_if_possible()
        with self._lock:
            told = _Told(self._number + 1, key, outgoing, keep)
            receipt = self._receipt = self._pass_on(told)
            self._number += 1
        return Sent(lambda: self._until_heard(told.number, receipt))

    def tell_one(self, websocket: WebSocket, outgoing: Outgoing) -> Sent:
        """Tell one WebSocket of this process, behind everything that was told here before."""
        with self._lock:
            number, receipt = self._number, self._receipt
            if self._heard < number:
                self._behind.append((number, lambda: self._audience.tell_one(websocket, outgoing)))
                return Sent(lambda: self._until_heard(number, receipt))
        return self._audience.tell_one(websocket, outgoing)

    def _pass_on(self, told: _Told) -> Receipt | None:
        """To the store; None while it is not open. Raises Overloaded."""
        if self._hub is not None:
            return self._publish(self._hub, told)
        bound = self._limits.in_flight_bytes
        if self._early_bytes + told.outgoing.size > bound:
            raise Overloaded(self._early_bytes, bound)
        self._early.append(told)
        self._early_bytes += told.outgoing.size
        return None

    def _publish(self, hub: Hub, told: _Told) -> Receipt:
        data = told.outgoing.data
        message: dict[str, Any] = {"from": self._uid, "n": told.number}
        if told.key is not self._everybody:
            message["key"] = told.key
        if isinstance(data, str):
            message["text"] = data
        else:
            message["bytes"] = base64.b64encode(data).decode()
        return hub.publish(self._channel, message, skip_history=not told.keep)

    async def _until_heard(self, number: int, receipt: Receipt | None) -> None:
        """Raises BrokerError: the store did not take it, or cannot be opened."""
        if receipt is None:
            await self.ready()
        else:
            try:
                await receipt
            except BrokerError:
                self._hear_of(number)  # it will not come: nothing waits for it
                raise
        await self._come_back(number)

    async def _come_back(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        back = loop.create_future()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop of who waited is closed
                loop.call_soon_threadsafe(_resolve, back)

        with self._lock:
            if self._heard >= number:
                return
            self._behind.append((number, wake))
        await back

    # -- hearing

    def _hear(self, publication: Publication) -> None:
        message = publication.data
        try:
            key = message.get("key", self._everybody)
            data = message["text"] if "text" in message else base64.b64decode(message["bytes"], validate=True)
            own = message["n"] if message["from"] == self._uid else None
        except (AttributeError, KeyError, TypeError, ValueError):
            log.warning("%s holds what no audience was told", self._channel)
            return
        outgoing = Outgoing(data)
        self._audience.tell(key, outgoing, keep=bool(publication.offset))
        if own is not None:
            self._hear_of(own)

    def _hear_of(self, number: int) -> None:
        """Go on with what waited for this message of ours."""
        with self._lock:
            self._heard = max(self._heard, number)
            due: list[Callable[[], object]] = []
            while self._behind and self._behind[0][0] <= self._heard:
                due.append(self._behind.popleft()[1])
        for go_on in due:
            go_on()

    # -- its life

    async def ready(self) -> None:
        """What is kept has been read back, and what is told is heard. Raises BrokerError."""
        self._begin_if_possible()
        ready = self._ready
        if ready is not None and ready.get_loop() is asyncio.get_running_loop():
            await asyncio.shield(ready)

    def _begin_if_possible(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # sync code, another thread: whoever connects begins
        with self._lock:
            task = self._task
            if task is not None and not task.done() and not task.get_loop().is_closed():
                return
            self._ready = loop.create_future()
            self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
            self._task = loop.create_task(self._run(self._ready))

    async def _run(self, ready: asyncio.Future[None]) -> None:
        limits = Limits(
            server_payload_bytes=2 * self._limits.server_payload_bytes + MiB,
            in_flight_bytes=max(self._limits.in_flight_bytes, 2 * self._limits.server_payload_bytes + MiB),
        )
        hub = Hub(self._url, channels={self._channel: self._options}, limits=limits)
        try:
            async with hub:
                await self._read_back(hub)
                async with hub.subscribe(self._channel, since=self._read, on_gap=_say_gap) as feed:
                    self._open(hub)
                    ready.set_result(None)
                    async for publication in feed:
                        self._hear(publication)
                        self._read = feed.position
        except GaplessError as error:
            log.error("nothing can be told through %s: %s", self._url.partition(":")[0], error)
            if not ready.done():
                ready.set_exception(error)
        finally:
            with self._lock:
                self._hub = None
            self._hear_of(self._number)

    async def _read_back(self, hub: Hub) -> None:
        """What is kept; after a loop that ended, what came since."""
        while True:
            page = await hub.history(self._channel, since=self._read, limit=READ_AT_ONCE)
            for publication in page.publications:
                self._hear(publication)
            if page.publications:
                self._read = Position(page.publications[-1].offset, page.top.epoch)
            if len(page.publications) < READ_AT_ONCE:
                self._read = page.top
                return

    def _open(self, hub: Hub) -> None:
        with self._lock:
            while self._early:
                told = self._early.popleft()
                self._early_bytes -= told.outgoing.size
                self._receipt = self._publish(hub, told)
            self._hub = hub


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _say_gap(lost: Lost) -> None:
    log.warning("what was told through the store has a gap: %s", lost)


def _plain(key: Hashable, everybody: Hashable) -> None:
    if key is not everybody and (not isinstance(key, (str, int)) or isinstance(key, bool)):
        raise TypeError(
            f"with a store a key is text or a whole number, for other processes to know it, not {key!r}"
        )
