"""OpenTelemetry's severities 1 to 24 as levels. Pure."""

from __future__ import annotations

_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")


def level_of_severity(number: int, text: str | None = None) -> str:
    """Four numbers make a level (OpenTelemetry's log data model); without one, what the text says."""
    if 1 <= number <= 24:
        return _LEVELS[(number - 1) // 4]
    return (text or "info").lower()
