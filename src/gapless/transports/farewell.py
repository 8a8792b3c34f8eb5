"""Saying goodbye in time: streams end when the process is asked to, not when the server gives up on them.

Servers wait for open responses before they end the application's lifespan, and an event stream
never ends by itself. So a hub listens for the signals too, closes its connections, and passes
each signal on to whoever had it before.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ..hub import Hub

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def farewell(hub: Hub) -> Iterator[None]:
    """While inside, SIGINT and SIGTERM also drain the hub. In the main thread only; elsewhere nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours: dict[int, Handler] = {}
    for number, handler in before.items():
        if callable(handler):
            ours[number] = _chain(hub, handler)
            signal.signal(number, ours[number])
    try:
        yield
    finally:
        for number, handler in before.items():
            # Somebody who came after us keeps the signal; ours then only drains a closed hub.
            if number in ours and signal.getsignal(number) is ours[number]:
                signal.signal(number, handler)


def _chain(hub: Hub, handler: Handler) -> Handler:
    def both(number: int, frame: FrameType | None) -> object:
        hub.drain_soon()
        return handler(number, frame)

    return both
