"""An exporter for OpenTelemetry's log records. It needs `opentelemetry-sdk`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..client.ways import Publishes
from .outlet import Outlet, Source
from .record import iso, level_of_severity, record


class HubLogExporter:
    """For `BatchLogRecordProcessor(HubLogExporter("http://127.0.0.1:8765"))`, or the simple one.

    The body becomes the message, the severity the level, the scope the logger, attributes, trace and span
    become `fields`, the resource's `service.name` the source.

    Raises:
        ConfigError: the address is none.
    """

    def __init__(
        self, target: str | Publishes | None = None, channel: str | None = None, *, token: str | None = None
    ) -> None:
        self._outlet = Outlet(target, channel=channel, token=token)
        self._source = Source(None)

    def export(self, batch: Sequence[Any]) -> Any:
        """Publish a batch; the result says success, because what is not taken now is kept and sent later."""
        from opentelemetry.sdk._logs.export import LogRecordExportResult

        for one in batch:
            try:
                self._outlet.put(self._encode(one))
            except Exception:
                self._outlet.failed += 1
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        """Was everything taken within that time?"""
        return self._outlet.flush(timeout_millis / 1000) == 0

    def shutdown(self) -> None:
        """Wait for what was exported, for a bounded time."""
        self._outlet.flush(2.0)

    def _encode(self, one: Any) -> bytes:
        said = one.log_record
        fields = dict(said.attributes or {})
        if said.trace_id:
            fields["trace_id"] = f"{said.trace_id:032x}"
        if said.span_id:
            fields["span_id"] = f"{said.span_id:016x}"
        number = said.severity_number.value if said.severity_number is not None else 0
        nanoseconds = said.timestamp or said.observed_timestamp or 0
        scope = one.instrumentation_scope
        named = one.resource.attributes.get("service.name") if one.resource is not None else None
        exception = exception_fields(fields)
        return record(
            iso(nanoseconds / 1e9),
            level_of_severity(number, said.severity_text),
            scope.name if scope is not None and scope.name else "",
            said.body if isinstance(said.body, str) else str(said.body),
            str(named) if named else self._source.name,
            fields,
            exception,
        )


def exception_fields(fields: dict[str, Any]) -> dict[str, Any] | None:
    """An exception out of OpenTelemetry's attributes, which are taken from the fields."""
    kind, message = fields.pop("exception.type", None), fields.pop("exception.message", None)
    text = fields.pop("exception.stacktrace", None)
    if kind is None and message is None and text is None:
        return None
    return {"type": str(kind or ""), "message": str(message or ""), "text": str(text or ""), "frames": []}
