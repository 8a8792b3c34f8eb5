"""Messages of one client that arrive by callback or by request: handled one after the other."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from ..errors import Disconnect
from ..node.node import Node
from .session import DuplexSession


class Phase(Enum):
    """How far the messages of a client are read."""

    HELD = "messages wait: the beginning is not over"
    IDLE = "there is none"
    BUSY = "a task handles what is there, and ends with it"


class Inbox:
    """Keeps the order; holds a task only while there is something to handle.

    It begins held, until `release`. `on_empty` is called when all that was there has been handled.
    """

    __slots__ = ("_node", "_on_empty", "_phase", "_session", "_waiting")

    def __init__(
        self, node: Node, session: DuplexSession, on_empty: Callable[[], None] | None = None
    ) -> None:
        self._node = node
        self._session = session
        self._on_empty = on_empty
        self._waiting: list[str | bytes] | None = None
        self._phase = Phase.HELD

    def __len__(self) -> int:
        return len(self._waiting) if self._waiting is not None else 0

    def put(self, message: str | bytes) -> None:
        if self._session.closed is not None:
            return
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(message)
        if self._phase is Phase.IDLE:
            self._work()

    def release(self) -> None:
        """The beginning is over: what waits is handled now, and what comes at once."""
        self._phase = Phase.IDLE
        if self._waiting:
            self._work()

    def forsake(self) -> None:
        """Nobody wants to know any more when it is empty; whoever did may go."""
        self._on_empty = None

    def _work(self) -> None:
        self._phase = Phase.BUSY
        self._node.tasks.spawn(self._handle())

    async def _handle(self) -> None:
        session = self._session
        try:
            while self._waiting and session.closed is None:
                await session.handle(self._waiting.pop(0))
        except Disconnect as disconnect:
            session.close(disconnect)
        except Exception:
            session.close(Disconnect(3004))
            raise
        finally:
            self._phase = Phase.IDLE
            self._waiting = None
            if self._on_empty is not None:
                self._on_empty()


def check_size(message: str | bytes, limit: int) -> None:
    """Raises Disconnect (1009) for a message of more bytes than `limit`."""
    size = len(message)
    if isinstance(message, str) and size * 4 > limit >= size:
        size = len(message.encode("utf-8", "replace"))
    if size > limit:
        raise Disconnect(1009, "a message is larger than this server takes")
