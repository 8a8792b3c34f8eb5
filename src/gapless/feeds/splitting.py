"""Bytes as they come → lines of text."""

from __future__ import annotations

LINE_BYTES = 512 * 1024
"""A longer line comes in pieces, so that a stream without line breaks needs no more memory than this."""


class LineSplitter:
    """Cuts a byte stream into lines; what is not UTF-8 becomes U+FFFD.

    A line ends with LF or CRLF; other control characters, CR among them, stay in it.
    """

    __slots__ = ("_max_bytes", "_partial")

    def __init__(self, max_bytes: int = LINE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._partial = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now, in order, without their line breaks."""
        self._partial += data
        *complete, rest = bytes(self._partial).split(b"\n") if b"\n" in data else [bytes(self._partial)]
        lines = [_text(piece) for line in complete for piece in self._pieces(line)]
        *full, rest = self._pieces(rest)
        lines += [piece.decode(errors="replace") for piece in full]
        self._partial = bytearray(rest)
        return lines

    def end(self) -> list[str]:
        """The last line, where the stream ended without a line break."""
        rest, self._partial = bytes(self._partial), bytearray()
        return [_text(rest)] if rest else []

    def _pieces(self, line: bytes) -> list[bytes]:
        """The line, cut between characters into pieces of at most `max_bytes`."""
        pieces = []
        while len(line) > self._max_bytes:
            cut = self._max_bytes
            while cut > self._max_bytes - 4 and line[cut] & 0xC0 == 0x80:
                cut -= 1
            pieces.append(line[:cut])
            line = line[cut:]
        return [*pieces, line]


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")
