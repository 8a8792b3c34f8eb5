"""A session as a transport knows it, and how a transport attends to one from its start to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from ..core.counters import Counters
from ..core.outbox import Outlet
from ..errors import Disconnect
from ..sessions.views import Framing
from .writer import Writer, log_lost


class Drain(Protocol):
    """What a session writes with."""

    @property
    def closed(self) -> Disconnect | None:
        """How it ended; None while it goes on."""

    def on_room(self) -> None:
        """The socket has drained."""


class AnySession(Protocol):
    """One client, whatever it speaks."""

    @property
    def flow(self) -> Drain:
        """Whether it has ended, and what is told when the socket has drained."""

    def open(self) -> None:
        """It is there: counted from here on."""

    def close(self, disconnect: Disconnect) -> None:
        """Say goodbye with a code, and leave."""

    def end(self, disconnect: Disconnect) -> None:
        """It is over, and there is nobody to say so to. Idempotent."""


Pings = tuple[float, float | None]
"""Seconds between two pings of the transport, and how long an answer may take; None: nobody waits for it."""


class DuplexSession(AnySession, Protocol):
    """One that is spoken to over the connection that it writes to."""

    @property
    def frame_pings(self) -> Pings | None:
        """How its transport is to ping, where it can; None: as the server does anyway."""

    async def begin(self) -> None:
        """What happens before the first message. Raises Disconnect."""

    async def handle(self, message: str | bytes) -> None:
        """One message of the client, in order. Raises Disconnect."""


MakeSession = Callable[[Outlet, Framing], DuplexSession]


@asynccontextmanager
async def attended(session: AnySession, writer: Writer, counters: Counters) -> AsyncIterator[None]:
    """A session that writes by this writer is open in here, and both are over behind it.

    A Disconnect in here is said to the client, any other exception is its end as well and goes on.
    """

    def lost(error: Exception) -> None:
        log_lost(error, counters)
        session.end(Disconnect(3000))

    writer.on_room, writer.on_lost = session.flow.on_room, lost
    session.open()
    try:
        yield
    except Disconnect as disconnect:
        session.close(disconnect)
    except Exception:
        counters.session_errors += 1
        session.close(Disconnect(3004))
        raise
    finally:
        session.end(Disconnect(3000))
        await writer.finish()
