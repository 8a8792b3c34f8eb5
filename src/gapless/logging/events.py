"""Events, numbers and activities of a program, each in one line."""

from __future__ import annotations

import secrets
import threading
import time
from types import TracebackType
from typing import Any, NamedTuple, Self

from ..client.ways import Publishes
from .outlet import Outlet
from .record import dumps, exception_of, iso


class _Channels(NamedTuple):
    outlet: Outlet
    events: str
    stats: str


_current: _Channels | None = None
_lock = threading.Lock()


def publish_to(
    target: str | Publishes | None = None,
    *,
    token: str | None = None,
    events: str = "events",
    stats: str = "stats",
) -> None:
    """Say where `event`, `activity` and `stats` go: a hub, and the channels. Unsaid: `GAPLESS_URL`.

    Raises:
        ConfigError: the address is none.
    """
    global _current
    found = _Channels(Outlet(target, channel=events, token=token), events, stats)
    with _lock:
        _current = found


def event(type: str, /, **data: Any) -> None:  # noqa: A002 - the field's word, and positional
    """Publish `{"type", "time", "data": {…}}` to the events. Never waits and never raises."""
    channels = _channels()
    if channels is not None:
        channels.outlet.put(dumps({"type": type, "time": iso(time.time()), "data": data}), channels.events)


def stats(**numbers: Any) -> None:
    """Publish `{"time", …}` to the stats. Never waits and never raises."""
    channels = _channels()
    if channels is not None:
        channels.outlet.put(dumps({"time": iso(time.time()), **numbers}), channels.stats)


class activity:  # noqa: N801 - it reads as a verb: with gapless.activity("import"):
    """Something that takes a while: an event as it begins, as it goes on, and as it ends.

        with gapless.activity("import", file="a.csv") as running:
            for number, row in enumerate(rows):
                running.progress(number, len(rows))

    Every event has the type `activity` and in its data an `id`, the `name`, the `state` (`started`,
    `running`, `done`, `failed`), and what was given. The last one has the `seconds` it took, and when it
    failed the `exception`. Progress is published at most four times a second.
    """

    def __init__(self, name: str, /, **data: Any) -> None:
        self._name = name
        self._data = data
        self._id = secrets.token_hex(8)
        self._begun = self._told = 0.0

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        self._say("started")
        return self

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """How far it is, in any unit."""
        now = time.monotonic()
        if now - self._told < 0.25 and done != total:
            return
        self._told = now
        said: dict[str, Any] = {"done": done}
        if total is not None:
            said["total"] = total
        if note:
            said["note"] = note
        self._say("running", **said)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = round(time.monotonic() - self._begun, 6)
        if kind is None or error is None:
            self._say("done", seconds=seconds)
        else:
            self._say("failed", seconds=seconds, exception=exception_of((kind, error, trace)))

    def _say(self, state: str, **more: Any) -> None:
        event("activity", **{**self._data, "id": self._id, "name": self._name, "state": state, **more})


def _channels() -> _Channels | None:
    """Where things go; None where the environment names no address that can be."""
    if _current is None:
        try:
            publish_to()
        except Exception:
            return None  # this is no place to tell: the program has other things to do
    return _current
