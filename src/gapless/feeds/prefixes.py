"""What a line of text says before its message: time, level, logger, and for syslog also host and process.

Only what stands at the head of a line is taken off it; what is taken off is in a field. A level
further right is only noted, and only where it looks like one: `[error]`, `ERROR`, `error:`, within
the first 64 characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from ..core.levels import LEVELS

Row = dict[str, Any]

GUESS_CHARACTERS = 64

_SEVERITIES = ("critical", "critical", "critical", "error", "warning", "notice", "info", "debug")
"""By severity 0-7 of RFC 5424, section 6.2.1."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_ANY_LEVEL = "|".join(sorted(LEVELS, key=len, reverse=True))
_UPPER_LEVEL = _ANY_LEVEL.upper()
_COLOUR = r"(?:\x1b\[[0-9;]*m)*+"  # of a terminal; skipped around a level, kept elsewhere
_BLANK = rf"\s*+{_COLOUR}\s*+"  # never given back: a line may be all blanks, and tried at each of them
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"

_DATED = re.compile(
    rf"\[?(\d{{4}})([-/])(\d\d)\2(\d\d)[T ]({_CLOCK})(?: ?(Z|UTC|[+-]\d\d:?\d\d)(?![\w:]))?\]?"
    r"(?=[\s|,:\[]|$)[\s|,:]*(?:- )?"
)
_APACHE_ERROR = re.compile(rf"\[[A-Z][a-z]{{2}} ({_MONTH}) ([ \d]\d) ({_CLOCK}) (\d{{4}})\] *")
_APACHE_MODULE = re.compile(rf"\[(?:(\w*):)?({_ANY_LEVEL})\] *")
_ACCESS = re.compile(rf"\S+ \S+ \S+ \[(\d\d)/({_MONTH})/(\d{{4}})[: ]({_CLOCK})(?: ([+-]\d{{4}}))?\] ")
_PRIORITY = re.compile(r"<(\d{1,3})>(1 )?")
_BSD_TIME = re.compile(rf"({_MONTH}) ([ \d]\d) (\d\d:\d\d:\d\d) ")
_PROCESS = re.compile(r"(\S+) ([\w./@-]+)\[(\d+)\]: ?")
_PROGRAM = re.compile(r"(\S+) ([\w./@-]+): ")
_SYSLOG_5424 = re.compile(r"(\S+) (\S+) (\S+) (\S+) (-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: |$)")

_PYTHON = re.compile(r"(CRITICAL|ERROR|WARNING|INFO|DEBUG):([A-Za-z_][\w.-]*):")
_NAMED_LEVEL = re.compile(rf"([A-Za-z_][\w.-]*) - ({_UPPER_LEVEL}) - ")
_LOGURU = re.compile(rf"({_UPPER_LEVEL}) *\| ([\w.]+):([\w.<>]+):(\d+) - ")
_LEVEL = re.compile(
    rf"{_COLOUR}(?:[\[(<]\s*+{_COLOUR}(?P<bracketed>(?i:{_ANY_LEVEL})){_BLANK}[\])>]"
    rf"|(?P<marked>(?i:{_ANY_LEVEL}))(?={_COLOUR}\s*[:|])"
    rf"|(?P<upper>{_UPPER_LEVEL})(?={_COLOUR}(?:\s|$)))"
    rf"{_COLOUR}(?:\s*[:|]|\s+-(?=\s))?{_COLOUR}\s*"
)
_GUESS = re.compile(
    rf"[\[(<](?P<bracketed>(?i:{_ANY_LEVEL}))[\])>]"
    rf"|(?<![\w/.-])(?P<upper>{_UPPER_LEVEL})(?![\w/.-])"
    rf"|(?<![\w/.-])(?P<marked>(?i:{_ANY_LEVEL}))(?=:(?:\s|$))"
)


def recognise(text: str, now: datetime | None = None) -> Row:
    """Read the head of one line: `message`, and `time`, `level`, `logger`, `host`, `pid` where it says so.

    `time` is ISO 8601 as precise as written. Where the line names no zone, or no year, it is that
    of `now` (an aware datetime); without `now` a time without a year stays in the message.
    """
    for form in _FORMS_BY_FIRST.get(text[:1], _FORMS_OF_THE_REST):
        row = form(text, now)
        if row is not None:
            return row
    return _guessed({}, text)


def guess_level(text: str) -> str | None:
    """The level that a token in the first 64 characters names, if one looks like it."""
    found = _GUESS.search(text[:GUESS_CHARACTERS])
    return None if found is None else LEVELS[found[found.lastgroup or 0].lower()]


def _syslog(text: str, now: datetime | None) -> Row | None:
    """RFC 5424, RFC 3164 and what rsyslog writes to files by tradition."""
    row: Row = {}
    priority = _PRIORITY.match(text)
    if priority is not None:
        row |= {"priority": priority[1], "level": _SEVERITIES[int(priority[1]) & 7]}
        text = text[priority.end() :]
    if priority is not None and priority[2]:
        return _syslog_5424(row, text, now)
    stamp = _BSD_TIME.match(text)
    if stamp is None or now is None:
        return None
    time = _yearless(stamp[1], stamp[2], stamp[3], now)
    if time is None:
        return None
    return _with_process({"time": time, **row}, text[stamp.end() :])


def _syslog_5424(row: Row, text: str, now: datetime | None) -> Row | None:
    stamp = _DATED.match(text)
    if stamp is None:
        return None
    header = _SYSLOG_5424.match(text, stamp.end())
    time = _dated(stamp, now)
    if header is None or time is None:
        return None
    names = ("host", "logger", "pid", "msgid", "structured")
    named = zip(names, header.groups(), strict=True)
    row = {"time": time, **row, **{key: value for key, value in named if value != "-"}}
    return {**row, "message": text[header.end() :].removeprefix("\ufeff")}


def _with_process(row: Row, text: str) -> Row:
    process = _PROCESS.match(text) or _PROGRAM.match(text)
    if process is None:
        return _with_level(row, text)
    row |= {"host": process[1], "logger": process[2]}
    if process.re is _PROCESS:
        row["pid"] = process[3]
    return (
        _with_level(row, text[process.end() :])
        if "level" not in row
        else row | {"message": text[process.end() :]}
    )


def _dated_line(text: str, now: datetime | None) -> Row | None:
    """A line that begins with a date: most loggers, nginx's error log, Go, rsyslog's newer files."""
    stamp = _DATED.match(text)
    time = _dated(stamp, now) if stamp is not None else None
    if stamp is None or time is None:
        return None
    rest = text[stamp.end() :]
    if _PROCESS.match(rest):
        return _with_process({"time": time}, rest)
    return _with_level({"time": time}, rest)


def _apache_error(text: str, now: datetime | None) -> Row | None:
    stamp = _APACHE_ERROR.match(text)
    if stamp is None:
        return None
    month, day, clock, year = stamp.groups()
    time = _iso(int(year), _MONTHS.index(month) + 1, int(day), clock, None, now)
    if time is None:
        return None
    module = _APACHE_MODULE.match(text, stamp.end())
    if module is None:
        return _with_level({"time": time}, text[stamp.end() :])
    row: Row = {"time": time, "level": LEVELS[module[2]]}
    if module[1]:
        row["logger"] = module[1]
    return {**row, "message": text[module.end() :]}


def _access(text: str, now: datetime | None) -> Row | None:
    """The common log format of nginx and Apache; the whole line is the message."""
    if " [" not in text:
        return None
    stamp = _ACCESS.match(text)
    if stamp is None:
        return None
    day, month, year, clock, zone = stamp.groups()
    time = _iso(int(year), _MONTHS.index(month) + 1, int(day), clock, zone, now)
    return None if time is None else {"time": time, "message": text}


def _python(text: str, now: datetime | None) -> Row | None:
    """`LEVEL:logger:message`, the format of `logging.basicConfig`."""
    head = _PYTHON.match(text)
    if head is None:
        return None
    return {"level": LEVELS[head[1].lower()], "logger": head[2], "message": text[head.end() :]}


def _levelled(text: str, now: datetime | None) -> Row | None:
    """A line that begins with its level: uvicorn's `INFO:     …`, `[warn] …`, `ERROR …`."""
    head = _LEVEL.match(text)
    return None if head is None else {"level": _level(head), "message": text[head.end() :]}


_FORMS: tuple[Callable[[str, datetime | None], Row | None], ...] = (
    _syslog,
    _dated_line,
    _apache_error,
    _access,
    _python,
    _levelled,
)
"""Each may only match where it is tried: what a line begins with tells most of them apart."""

_FORMS_OF_THE_REST = (_access,)
_FORMS_BY_FIRST: dict[str, tuple[Callable[[str, datetime | None], Row | None], ...]] = {
    **dict.fromkeys("0123456789", (_dated_line, _access)),
    **dict.fromkeys("[<(\x1b", _FORMS),
    **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", (_syslog, _access, _python, _levelled)),
    **dict.fromkeys("abcdefghijklmnopqrstuvwxyz", (_access, _python, _levelled)),
}


def _with_level(row: Row, text: str) -> Row:
    """What follows a time: a level in one of several places, or only somewhere in the message."""
    if loguru := _LOGURU.match(text):
        level, logger, function, line = loguru.groups()
        row |= {"level": LEVELS[level.lower()], "logger": logger, "func": function, "line": line}
        return row | {"message": text[loguru.end() :]}
    if named := _NAMED_LEVEL.match(text):
        row |= {"level": LEVELS[named[2].lower()], "logger": named[1]}
        return row | {"message": text[named.end() :]}
    if head := _LEVEL.match(text):
        return row | {"level": _level(head), "message": text[head.end() :]}
    return _guessed(row, text)


def _guessed(row: Row, text: str) -> Row:
    if level := guess_level(text):
        row["level"] = level
    return row | {"message": text}


def _level(head: re.Match[str]) -> str:
    return LEVELS[head[head.lastgroup or 0].lower()]


def _dated(stamp: re.Match[str], now: datetime | None) -> str | None:
    year, _, month, day, clock, zone = stamp.groups()
    return _iso(int(year), int(month), int(day), clock, zone, now)


def _yearless(month: str, day: str, clock: str, now: datetime) -> str | None:
    """A date without a year is the newest such date that is not in the future (a day's skew allowed)."""
    for year in (now.year + 1, now.year, now.year - 1):
        time = _iso(year, _MONTHS.index(month) + 1, int(day), clock, None, now)
        if time is not None and datetime.fromisoformat(time) <= now + timedelta(days=1):
            return time
    return None


def _iso(year: int, month: int, day: int, clock: str, zone: str | None, now: datetime | None) -> str | None:
    """ISO 8601 with the digits as written, or None when there is no such time."""
    found = _second(year, month, day, clock[:8], zone, None if now is None else now.tzinfo)
    return None if found is None else f"{found[0]}{clock[8:].replace(',', '.')}{found[1]}"


@lru_cache(maxsize=256)  # many lines of one second follow each other
def _second(
    year: int, month: int, day: int, clock: str, zone: str | None, local: tzinfo | None
) -> tuple[str, str] | None:
    """What stands before and behind the fraction; None when there is no such time."""
    try:
        time = datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{clock}")
    except ValueError:
        return None
    if zone is None:
        offset = "" if local is None else time.replace(tzinfo=local).isoformat()[19:]
    else:
        offset = "Z" if zone in ("Z", "UTC") else f"{zone[:3]}:{zone[-2:]}"
    return f"{time.date()}T{clock}", offset
