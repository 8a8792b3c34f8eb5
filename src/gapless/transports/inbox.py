"""Messages of one client that arrive by callback or by request: handled one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from ..core.rate import spend
from ..errors import Disconnect
from ..node.node import Node
from .session import DuplexSession

WAITING_MESSAGES = 64
"""Messages of a client that wait for the one being handled; with more, reading stops."""

MESSAGE_BYTES = 100
"""What it costs to keep a message, beside its text."""

GRAIN_BYTES = 1024
"""Less than so many more or fewer are not worth telling: most messages are short, and handled at once."""

SMALL_BYTES = 512
"""A message of so many is cheap to read, whatever is in it."""


class Phase(Enum):
    """How far the messages of a client are read."""

    HELD = "messages wait: the beginning is not over"
    IDLE = "there is none"
    BUSY = "a task handles what is there, and ends with it"


class Inbox:
    """Keeps the order, and holds a task only while there is something to handle.

    It begins held, until `release`. `pause` is called with True when so much waits that nothing further
    should be read, and with False when all of that has been handled.
    """

    __slots__ = ("_bytes", "_crowded", "_node", "_paid", "_pause", "_phase", "_session", "_told", "_waiting")

    def __init__(
        self, node: Node, session: DuplexSession, pause: Callable[[bool], None] | None = None
    ) -> None:
        self._node = node
        self._session = session
        self._pause = pause
        self._crowded = False
        self._waiting: list[str | bytes] | None = None
        self._phase = Phase.HELD
        self._bytes = 0
        self._told = 0
        """Bytes that it is known to hold."""
        self._paid = 0.0

    @property
    def is_full(self) -> bool:
        """Does more wait than one who cannot be made to wait may leave here?"""
        limits = self._node.limits
        return len(self) >= limits.commands_per_frame or self._bytes >= limits.inbound_bytes

    def give_up(self) -> None:
        """As a `Holder`: end this connection."""
        self._session.close(Disconnect(3013))
        self._forget()

    def __len__(self) -> int:
        return len(self._waiting) if self._waiting is not None else 0

    def put(self, message: str | bytes) -> None:
        """One message more; one that is too large closes the session."""
        if self._session.flow.closed is not None:
            return
        try:
            check_size(self._node, message)
        except Disconnect as disconnect:
            self._session.close(disconnect)
            return
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(message)
        self._hold(len(message) + MESSAGE_BYTES)
        if self._phase is Phase.IDLE and self._waiting is not None:
            self._work()
        if not self._crowded and self._is_crowded():
            self._crowd(True)

    def release(self) -> None:
        """The beginning is over: what waits is handled now, and what comes at once."""
        self._phase = Phase.IDLE
        if self._waiting:
            self._work()

    def forsake(self) -> None:
        """Nobody reads any more, and nobody need be told to."""
        self._pause = None
        if self._session.flow.closed is not None:
            self._forget()

    def _work(self) -> None:
        self._phase = Phase.BUSY
        self._node.tasks.spawn(self._handle())

    async def _handle(self) -> None:
        session, turns = self._session, self._node.inbound.turns
        try:
            while self._waiting and session.flow.closed is None:
                if not turns.has_time():
                    await turns.wait()
                if (message := self._take()) is None:
                    break
                self._paid, wait = paid_for(self._node, self._paid, message)
                if wait:
                    await asyncio.sleep(wait)
                    if self._is_over():
                        break
                await session.handle(message)
        except Disconnect as disconnect:
            session.close(disconnect)
        except Exception:
            session.close(Disconnect(3004))
            raise
        finally:
            self._phase = Phase.IDLE
            self._forget()
            if self._crowded:
                self._crowd(False)

    def _take(self) -> str | bytes | None:
        """The next message; None: the session was closed meanwhile, and nothing is handled any more."""
        if not self._waiting or self._is_over():
            return None
        message = self._waiting.pop(0)
        self._hold(-len(message) - MESSAGE_BYTES)
        return message

    def _is_over(self) -> bool:
        return self._session.flow.closed is not None

    def _is_crowded(self) -> bool:
        return len(self) >= WAITING_MESSAGES or self._bytes >= self._node.limits.inbound_bytes

    def _crowd(self, crowded: bool) -> None:
        self._crowded = crowded
        if self._pause is not None:
            self._node.counters.inbound_waits += crowded
            self._pause(crowded)

    def _hold(self, size: int) -> None:
        self._bytes += size
        if abs(self._bytes - self._told) >= GRAIN_BYTES or (self._told and not self._bytes):
            self._told = self._bytes
            self._node.inbound.hold(self, self._bytes)

    def _forget(self) -> None:
        self._waiting = None
        if self._bytes:
            self._hold(-self._bytes)


def paid_for(node: Node, paid: float, message: str | bytes) -> tuple[float, float]:
    """What a message costs of its client's bytes a second: until when is paid for, and how long to wait.

    Brackets count as many bytes each, for what is nested costs many times its length to read.
    """
    limits, now = node.limits, asyncio.get_running_loop().time()
    cost = len(message)
    if cost > SMALL_BYTES:
        opening = (message.count("[") + message.count("{")) if isinstance(message, str) else 0
        cost += limits.nesting_bytes * opening
    paid = spend(paid, now, cost=cost, per_second=limits.inbound_rate)
    wait = paid - now - limits.inbound_burst / limits.inbound_rate
    if wait <= 0.0:
        return paid, 0.0
    node.counters.inbound_waits += 1
    return paid, wait


def check_size(node: Node, message: str | bytes) -> None:
    """Raises Disconnect (1009), and counts it, for a message of more than `Limits.message_bytes`."""
    size, limit = len(message), node.limits.message_bytes
    if isinstance(message, str) and size * 4 > limit >= size:
        size = len(message.encode("utf-8", "replace"))
    if size > limit:
        node.counters.oversized += 1
        raise Disconnect(1009, "a message is larger than this server takes")
