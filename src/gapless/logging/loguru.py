"""A sink for loguru that publishes each record."""

from __future__ import annotations

from typing import Any

from .outlet import Recorder
from .record import exception_of, iso, record
from .requests import request_id


class HubSink(Recorder):
    """For `logger.add(HubSink("http://127.0.0.1:8765"), format="{message}")`.

    What is bound (`extra`) becomes `fields`. It never waits and never raises; `enqueue=True` is not needed,
    and its queue has no bound.

    Raises:
        ConfigError: the address is none.
    """

    def __call__(self, message: Any) -> None:
        self._publish(lambda: self._encode(message.record))

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
