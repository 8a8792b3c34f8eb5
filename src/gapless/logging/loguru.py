"""A sink for loguru that publishes each record."""

from __future__ import annotations

from typing import Any

from ..client.ways import Publishes
from .outlet import Outlet, Source
from .record import exception_of, iso, record
from .requests import request_id


class HubSink:
    """For `logger.add(HubSink("http://127.0.0.1:8765"), format="{message}")`.

    What is bound (`extra`) becomes `fields`. It never waits and never raises; `enqueue=True` is not needed,
    and its queue has no bound.

    Raises:
        ConfigError: the address is none.
    """

    def __init__(
        self,
        target: str | Publishes | None = None,
        channel: str | None = None,
        *,
        token: str | None = None,
        source: str | None = None,
    ) -> None:
        self._outlet = Outlet(target, channel=channel, token=token)
        self._source = Source(source)

    def __call__(self, message: Any) -> None:
        try:
            self._outlet.put(self._encode(message.record))
        except Exception:
            self._outlet.failed += 1

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the hub has what was logged, at most `timeout` seconds. Gives how many still wait."""
        return self._outlet.flush(timeout)

    def _encode(self, said: dict[str, Any]) -> bytes:
        place = {"file": said["file"].path, "line": said["line"], "func": said["function"]}
        fields = {**said["extra"], **place}
        if said["thread"].name != "MainThread":
            fields["thread"] = said["thread"].name
        asked = request_id.get()
        if asked is not None:
            fields.setdefault("request_id", asked)
        exception = said["exception"]
        return record(
            iso(said["time"].timestamp()),
            said["level"].name.lower(),
            said["name"] or "",
            said["message"],
            self._source.name,
            fields,
            None if exception is None or exception.value is None else exception_of(tuple(exception)),
        )
