"""What a channel keeps as a file: read page by page, so that it takes no more memory than one of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, NamedTuple

import orjson

from ..core.levels import spellings
from ..core.records import compact, harmless, iso, record, values
from ..errors import BadRequest, NotAvailable
from ..hub import Hub
from ..model import Position, Publication
from ..node.history import POSITION, Range
from ..opaque import is_packed
from .arguments import BadBody, Fields, channel_of, field
from .reading import timed_shape

PAGE_BYTES = 64 * 1024
"""Payload of one page: what is read, filtered and written before others have their turn."""

COLUMNS = ("offset", "time", "level", "logger", "message", "source", "data")
"""Of a file of comma-separated values. `time` is the record's own, or when the hub took it."""

_TERM = re.compile(r'"([^"]*)"?|(\S+)')
_FORMULA = re.compile(r"[=+\-@\t\r]")


class Wanted(NamedTuple):
    """Which publications of a channel, and in which form.

    `begin` and `end` are offsets, inclusive; times are Unix seconds, from `since` and before `until`. Every
    one of `words` must be in a text or whole number of the data, in any case.
    """

    channel: str
    form: Form
    begin: int | None
    end: int | None
    since: float | None
    until: float | None
    words: tuple[str, ...]
    levels: tuple[str, ...]

    def fits(self, publication: Publication) -> bool:
        """Is it one of those that are wanted, by what it says and when the hub took it?"""
        if self.since is not None and publication.time < self.since:
            return False
        if self.until is not None and publication.time >= self.until:
            return False
        if not self.words and not self.levels:
            return True
        data = publication.data
        if self.levels and record(data).level.lower() not in self.levels:
            return False
        text = " ".join(values(data)).lower()
        return all(word in text for word in self.words)


class Missing(NamedTuple):
    """Offsets that were wanted, and that the channel does not keep any more. `end` None: nobody can say."""

    begin: int
    end: int | None
    reason: str

    @property
    def words(self) -> str:
        """For people."""
        if self.end is None:
            return f"from {self.begin} on: the stream began anew"
        return f"{self.begin} to {self.end} are no longer kept"


class Form(NamedTuple):
    """One form of file: how it begins, and how it writes what is kept and what is missing."""

    name: str
    suffix: str
    media_type: str
    head: bytes
    row: Callable[[Publication], bytes]
    gap: Callable[[Missing], bytes]


def _ndjson_row(publication: Publication) -> bytes:
    return orjson.dumps(timed_shape(publication)) + b"\n"


def _ndjson_gap(missing: Missing) -> bytes:
    said = {"from": missing.begin, "to": missing.end, "reason": missing.reason}
    return orjson.dumps({"gap": said}) + b"\n"


def _text_row(publication: Publication) -> bytes:
    said = record(_data(publication))
    parts = (said.time or _taken(publication), said.level.upper(), said.logger, said.message)
    return harmless(" ".join(part for part in parts if part)).encode("utf-8", "replace") + b"\n"


def _text_gap(missing: Missing) -> bytes:
    return f"# {missing.words}\n".encode()


def _csv_row(publication: Publication) -> bytes:
    data = _data(publication)
    said = record(data)
    time = said.time or _taken(publication)
    cells = (time, said.level, said.logger, said.message, said.source, compact(data))
    return _line([str(publication.offset), *map(_cell, cells)])


def _csv_gap(missing: Missing) -> bytes:
    return _line(["", "", "gap", "", missing.words, "", ""])


def _line(cells: list[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue().encode("utf-8", "replace")


def _cell(text: str) -> str:
    """What a spreadsheet would take for a formula is kept from being one."""
    return f"'{text}" if _FORMULA.match(text) else text


def _data(publication: Publication) -> Any:
    return "(binary)" if is_packed(publication.payload) else publication.data


def _taken(publication: Publication) -> str:
    return iso(publication.time) if publication.time else ""


FORMS = {
    form.name: form
    for form in (
        Form("ndjson", "ndjson", "application/x-ndjson", b"", _ndjson_row, _ndjson_gap),
        Form("text", "txt", "text/plain; charset=utf-8", b"", _text_row, _text_gap),
        Form("csv", "csv", "text/csv; charset=utf-8", _line(list(COLUMNS)), _csv_row, _csv_gap),
    )
}


def wanted(hub: Hub, said: Fields) -> Wanted:
    """What a request asks for. Raises BadBody or ClientError."""
    channel = channel_of(hub, said)
    if not hub.node.registry.options(channel).history:
        raise NotAvailable("no history is kept in this channel")
    form: str = field(said, "format", str, "ndjson")
    if form not in FORMS:
        raise BadRequest(f"format is one of {', '.join(FORMS)}")
    level: str | None = field(said, "level", str, None)
    return Wanted(
        channel,
        FORMS[form],
        _offset(said, "from"),
        _offset(said, "to"),
        field(said, "since", float, None),
        field(said, "until", float, None),
        tuple(_terms(field(said, "query", str, ""))),
        () if level is None else spellings(level),
    )


def _offset(said: Fields, name: str) -> int | None:
    offset: int | None = field(said, name, int, None)
    if offset is not None and not 0 < offset < 2**63:
        raise BadBody(f"{name} is an offset: 1 to 2^63 - 1")
    return offset


def _terms(query: str) -> Iterator[str]:
    """As in a search; here a word is also found within another, so `word*` means no more than `word`."""
    for quoted, bare in _TERM.findall(query.lower()):
        term = quoted or bare.rstrip("*")
        if term:
            yield term


async def export(hub: Hub, wish: Wanted) -> AsyncGenerator[bytes]:
    """The file, oldest first, up to where the channel stood at the beginning.

    How it begins, then a part for each page; empty, where nothing of it was wanted. What was trimmed before
    it could be read is said in its place.

    Raises:
        BrokerError: the broker failed; what was given until then is no whole file.
    """
    start = await hub.node.pages.read(wish.channel, POSITION)
    end = start.top.offset if wish.end is None else min(wish.end, start.top.offset)
    at = start.oldest - 1 if wish.begin is None else wish.begin - 1
    yield wish.form.head
    while at < end:
        limit = min(hub.limits.history_publications, end - at)
        page = await hub.node.pages.read(wish.channel, Range(at, limit, PAGE_BYTES))
        missing = _missing(page.top, page.oldest, start.top.epoch, at, end)
        parts = [wish.form.gap(missing)] if missing is not None else []
        if missing is not None and missing.end is None:
            yield b"".join(parts)
            return
        found = [one for one in page.publications if one.offset <= end]
        yield b"".join(parts + [wish.form.row(one) for one in found if wish.fits(one)])
        at = found[-1].offset if found else end


def _missing(top: Position, oldest: int, epoch: str, at: int, end: int) -> Missing | None:
    """What is gone between what was read up to `at` and a page that was read behind it."""
    if top.epoch != epoch:
        return Missing(at + 1, None, "epoch")
    if oldest > at + 1:
        return Missing(at + 1, min(oldest - 1, end), "trimmed")
    return None
