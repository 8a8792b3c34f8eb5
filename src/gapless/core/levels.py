"""Levels of log records: how programs write them, and what is meant."""

from __future__ import annotations

LEVELS = {
    "trace": "trace",
    **dict.fromkeys(("debug", "dbg"), "debug"),
    **dict.fromkeys(("info", "information", "inf"), "info"),
    "notice": "notice",
    "success": "success",
    **dict.fromkeys(("warning", "warn", "wrn"), "warning"),
    **dict.fromkeys(("error", "err"), "error"),
    **dict.fromkeys(("critical", "crit", "fatal", "ftl", "alert", "emerg", "panic"), "critical"),
}
"""Names of levels as programs write them, lower-cased, and the one that is published."""


def spellings(level: str) -> tuple[str, ...]:
    """Every name of the same level, lower-cased: `WARN` is what somebody else writes as `warning`."""
    meant = LEVELS.get(level.lower())
    if meant is None:
        return (level.lower(),)
    return tuple(name for name, means in LEVELS.items() if means == meant)
