"""Saying goodbye in time: streams end when the process is asked to, not when the server gives up on them.

Servers wait for open responses before they end the application's lifespan, and an event stream
never ends by itself. So a hub that was entered listens for the signals too, closes its connections,
and passes each signal on to whoever had it before.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


class Signals:
    """Between `begin` and `end`, SIGINT and SIGTERM call `drain` before they do what they did.

    In the main thread only, as Python allows it nowhere else; and only where somebody handles the
    signal already: what would end the process at once still does.
    """

    __slots__ = ("_before", "_drain")

    def __init__(self, drain: Callable[[], None]) -> None:
        self._drain = drain
        self._before: dict[int, tuple[Handler, Handler]] = {}

    def begin(self) -> None:
        """Listen. Once is enough: again does nothing."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):
                ours = self._chain(handler)
                self._before[number] = handler, ours
                signal.signal(number, ours)

    def end(self) -> None:
        """Listen no more. Where somebody came after us, they keep the signal, and pass it on as before."""
        for number, (handler, ours) in self._before.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, handler)
        self._before.clear()

    def _chain(self, handler: Handler) -> Handler:
        def both(number: int, frame: FrameType | None) -> object:
            self._drain()
            return handler(number, frame)

        return both
