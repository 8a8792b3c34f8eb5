"""A handler for Python's `logging` that publishes records to a hub."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ..client.ways import Publishes
from .outlet import Recorder
from .record import exception_of, iso, level_of, record
from .requests import request_id

OWN = ("gapless", "websockets", "uvicorn.access", "hypercorn.access")
"""Loggers of the hub itself and of what carries it: what they say of our requests must not be published."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "gapless_channel"}
_MAIN = threading.main_thread().ident
_NAMES = {50: "critical", 40: "error", 30: "warning", 20: "info", 10: "debug"}


class HubHandler(Recorder, logging.Handler):
    """Publishes every record, and is never in the way: it does not wait, raise, or log.

        logging.getLogger().addHandler(HubHandler("http://127.0.0.1:8765", channel="app:logs"))

    `target` is the address of a hub, a hub of this process, or None for `GAPLESS_URL`; `channel` None is
    `GAPLESS_CHANNEL`, or `logs`. All arguments are plain values, so that `dictConfig` and `fileConfig` take
    them. What `extra` holds becomes `fields`; `extra={"gapless_channel": …}` sends one record elsewhere.
    `exclude` names loggers that are left out with those below them. A record is formatted on the calling
    thread, at most 16 MiB wait for the hub, and beyond it the oldest are dropped, counted and announced.

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
        fields: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = OWN,
    ) -> None:
        logging.Handler.__init__(self)
        Recorder.__init__(self, target, channel, token=token, source=source)
        self._fields = dict(fields or {})
        self._exclude = frozenset(exclude)
        self._excluded: dict[str, bool] = {}

    def handle(self, record: logging.LogRecord) -> bool:
        """As every handler, but without its lock: the publisher has one of its own."""
        passed: object = self.filter(record)
        if isinstance(passed, logging.LogRecord):
            record = passed
        if passed:
            self.emit(record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Publish a record. Never raises."""
        try:
            if not self._is_excluded(record.name):
                self._outlet.put(self._encode(record), record.__dict__.get("gapless_channel"))
        except Exception:
            self._outlet.failed += 1

    def _is_excluded(self, name: str) -> bool:
        known = self._excluded.get(name)
        if known is None:
            parts = name.split(".")
            known = any(".".join(parts[:end]) in self._exclude for end in range(1, len(parts) + 1))
            if len(self._excluded) > 10_000:
                self._excluded.clear()
            self._excluded[name] = known
        return known

    def _encode(self, said: logging.LogRecord) -> bytes:
        about = said.__dict__
        fields = self._fields.copy()
        for name in about:
            if name not in _STANDARD:
                fields[name] = about[name]
        fields["file"], fields["line"], fields["func"] = said.pathname, said.lineno, said.funcName
        if said.thread is not None and said.thread != _MAIN:
            fields["thread"] = said.threadName
        task = about.get("taskName")
        if task is not None:
            fields["task"] = task
        asked = request_id.get()
        if asked is not None:
            fields.setdefault("request_id", asked)
        if said.stack_info:
            fields["stack"] = said.stack_info
        exception = None
        if said.exc_info and said.exc_info[0] is not None:
            exception = exception_of(said.exc_info)
        elif said.exc_text:
            exception = {"type": "", "message": "", "text": said.exc_text, "frames": []}
        level = _NAMES.get(said.levelno)
        if level is None:
            level = level_of(said.levelno)
            fields["levelno"] = said.levelno
        try:
            message = said.getMessage()
        except Exception as error:  # arguments that do not fit: what was written is there, and why it fails
            message = str(said.msg)
            fields["format_error"] = f"{type(error).__name__}: {error}"
        return record(iso(said.created), level, said.name, message, self._source.name, fields, exception)
