"""Bytes as they come → lines of text."""

from __future__ import annotations

import codecs
from typing import Literal

LINE_BYTES = 512 * 1024
"""A longer line comes in pieces, so that a stream without line breaks needs no more memory than this."""

Part = Literal["first", "middle", "last"]


class Piece(str):
    """A part of a line that was too long to come whole."""

    part: Part

    def __new__(cls, text: str, part: Part) -> Piece:
        piece = super().__new__(cls, text)
        piece.part = part
        return piece


class LineSplitter:
    """Cuts a byte stream into lines; what is not UTF-8 becomes U+FFFD.

    A line ends with LF or CRLF; other control characters, CR among them, stay in it. A byte order mark
    at the very beginning is left out; one of UTF-16 says how the whole stream is read. `mark` is that
    of a stream whose beginning is not fed. With `progress` a line that writes over itself with CR keeps no
    more than its last state.
    """

    __slots__ = ("_begun", "_cut", "_max_bytes", "_overwritten", "_partial", "_progress", "_utf16")

    def __init__(
        self, max_bytes: int = LINE_BYTES, *, progress: bool = False, mark: bytes | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._progress = progress
        self._partial = bytearray()
        self._cut = False
        self._overwritten = False
        self._begun = False
        self._utf16: codecs.IncrementalDecoder | None = None
        if mark is not None:
            self._utf16 = self._begin(mark)

    @property
    def wide(self) -> bool:
        """Is it UTF-16?"""
        return self._utf16 is not None

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now, in order, without their line breaks."""
        if not self._begun or self._utf16 is not None:
            data = self._utf8(data)
        at = data.rfind(b"\n")
        if at < 0:
            self._partial += data
            return self._shorten()
        complete = bytes(self._partial) + data[:at]
        self._partial = bytearray(data[at + 1 :])
        return self._lines(complete) + self._shorten()

    def end(self) -> list[str]:
        """The last line, where the stream ended without a line break."""
        if not self._begun:
            self._begun = True
            self._partial = bytearray(self._partial.removeprefix(codecs.BOM_UTF8))
        if self._utf16 is not None:
            self._partial += self._utf16.decode(b"", final=True).encode()
        rest, self._partial = bytes(self._partial), bytearray()
        return self._lines(rest) if rest or self._cut else []

    @property
    def pending(self) -> int:
        """Bytes of the stream in the line that is not complete."""
        if self._utf16 is None:
            return len(self._partial)
        # What could not be read became one character, of two bytes as well.
        return len(self._partial.decode().encode("utf-16-le")) + len(self._utf16.getstate()[0])

    @property
    def state(self) -> str | None:
        """What a line shows just now that writes over itself; None where the newest line does not."""
        if not self._progress or not (self._overwritten or b"\r" in self._partial):
            return None
        return bytes(self._partial).rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace") or None

    def _utf8(self, data: bytes) -> bytes:
        """The beginning of a stream, without its mark; all of one in UTF-16."""
        if self._utf16 is not None:
            return self._utf16.decode(data).encode(errors="replace")
        data = bytes(self._partial) + data
        self._partial.clear()
        marks = (codecs.BOM_UTF8, *_UTF16)
        if len(data) < 3 and data not in _UTF16 and any(mark.startswith(data) for mark in marks):
            self._partial += data
            return b""
        self._utf16 = decoder = self._begin(data[:2])
        if decoder is None:
            return data.removeprefix(codecs.BOM_UTF8)
        return decoder.decode(data[2:]).encode(errors="replace")

    def _begin(self, mark: bytes) -> codecs.IncrementalDecoder | None:
        self._begun = True
        encoding = _UTF16.get(mark)
        return codecs.getincrementaldecoder(encoding)(errors="replace") if encoding is not None else None

    def _lines(self, complete: bytes) -> list[str]:
        """Whole lines; the first of them may be the last piece of one that was cut."""
        lines: list[str] = complete.decode(errors="replace").split("\n")
        if self._cut:
            lines[0] = Piece(lines[0], "last")
            self._cut = False
        if len(complete) > self._max_bytes:
            lines = [piece for line in lines for piece in self._pieces(line)]
        if b"\r" in complete:
            lines = [self._without_cr(line) for line in lines]
        self._overwritten = False
        return lines

    def _without_cr(self, line: str) -> str:
        ended = line.removesuffix("\r")
        if self._progress and "\r" in ended:
            ended = ended.rstrip("\r").rpartition("\r")[2]
        return Piece(ended, line.part) if isinstance(line, Piece) else ended

    def _shorten(self) -> list[str]:
        """Keep no more of an unfinished line than its bound."""
        if self._progress and b"\r" in self._partial:
            # All that is left of what was written over is the last state, and a CR that LF may follow.
            shown = self._partial.rstrip(b"\r")
            at = shown.rfind(b"\r")
            if at >= 0:
                del self._partial[: at + 1]
                self._overwritten = True
        if len(self._partial) <= self._max_bytes:
            return []
        *full, rest = _cut(bytes(self._partial), self._max_bytes)
        self._partial = bytearray(rest)
        found: list[str] = []
        for piece in full:
            found.append(Piece(piece.decode(errors="replace"), "middle" if self._cut else "first"))
            self._cut = True
        return found

    def _pieces(self, line: str) -> list[str]:
        if len(line) * 4 <= self._max_bytes:
            return [line]
        encoded = line.encode()
        if len(encoded) <= self._max_bytes:
            return [line]
        pieces = [piece.decode() for piece in _cut(encoded, self._max_bytes)]
        begins: Part = "middle" if isinstance(line, Piece) else "first"
        return [
            Piece(pieces[0], begins),
            *(Piece(piece, "middle") for piece in pieces[1:-1]),
            Piece(pieces[-1], "last"),
        ]


_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def begun_line(tail: bytes, mark: bytes) -> int:
    """How many bytes at the end of a stream that begins with `mark` belong to a line without a break."""
    encoding = _UTF16.get(mark)
    if encoding is None:
        return len(tail) - (tail.rfind(b"\n") + 1)
    last = tail.decode(encoding, errors="replace").rpartition("\n")[2]
    return min(len(tail), len(last.encode("utf-16-le")) + len(tail) % 2)


def _cut(line: bytes, most: int) -> list[bytes]:
    """The line, cut between characters into pieces of at most `most` bytes."""
    pieces = []
    while len(line) > most:
        cut = most
        while cut > most - 4 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(line[:cut])
        line = line[cut:]
    return [*pieces, line]
