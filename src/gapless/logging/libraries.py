"""What other libraries log with: a sink for loguru and a processor for structlog, which publish."""

from __future__ import annotations

import sys
import time
from collections.abc import MutableMapping
from typing import Any

from .outlet import Recorder
from .record import exception_of, iso, level_of, record
from .requests import request_id

_KNOWN = ("event", "level", "timestamp", "logger", "logger_name", "exc_info", "exception", "level_number")


class HubProcessor(Recorder):
    """For `structlog.configure(processors=[…, HubProcessor("http://127.0.0.1:8765"), ConsoleRenderer()])`.

    Place it before the renderer. `event` becomes the message, `level`, `timestamp` and `logger` what they
    say, everything else `fields`. It never waits and never raises.

    Raises:
        ConfigError: the address is none.
    """

    def __call__(
        self, logger: Any, name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        self._publish(lambda: self._encode(logger, name, event_dict))
        return event_dict

    def _encode(self, logger: Any, name: str, said: MutableMapping[str, Any]) -> bytes:
        fields = {key: value for key, value in said.items() if key not in _KNOWN and key[:1] != "_"}
        asked = request_id.get()
        if asked is not None:
            fields.setdefault("request_id", asked)
        who = said.get("logger") or said.get("logger_name") or getattr(logger, "name", None) or ""
        level = said.get("level") or {"msg": "info", "exception": "error", "warn": "warning"}.get(name, name)
        if isinstance(level, int):
            level = level_of(level)
        return record(
            _time(said.get("timestamp")),
            str(level).lower(),
            str(who),
            str(said.get("event", "")),
            self._source.name,
            fields,
            _exception(said),
        )


def _time(value: object) -> str:
    if isinstance(value, str) and value[:4].isdigit():
        return value
    return iso(value if isinstance(value, int | float) else time.time())


def _exception(said: MutableMapping[str, Any]) -> dict[str, Any] | None:
    info = said.get("exc_info")
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and len(info) == 3 and info[1] is not None:
        return exception_of(info)
    text = said.get("exception")
    return {"type": "", "message": "", "text": text, "frames": []} if isinstance(text, str) else None


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
