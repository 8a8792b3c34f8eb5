"""The frames of a client, read one at a time (RFC 6455, 5), however the network cut them.

One at a time, so that whoever reads says how many there may be before others have their turn: a
read of the socket may hold forty thousand. What is wrong is found as early as it is certain, and
a length is judged before anything of that length has come.
"""

from __future__ import annotations

from typing import NamedTuple

from websockets.frames import Close, Opcode
from websockets.utils import apply_mask

_FIN, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_TOP_BIT = 1 << 63
_OPCODES = {opcode.value: opcode for opcode in Opcode}
_CONTROL = frozenset((Opcode.CLOSE, Opcode.PING, Opcode.PONG))
_CONTROL_BYTES = 125
_SHORT = {
    0x81: Opcode.TEXT,
    0x82: Opcode.BINARY,
    0x88: Opcode.CLOSE,
    0x89: Opcode.PING,
    0x8A: Opcode.PONG,
}
_LONGEST = 125

SHORT_HEAD = 6
"""Bytes before the payload of a short frame: opcode, length and mask."""

HELD_AFTER = 64 * 1024
"""A buffer that was read to its end and is larger than this is given back at once."""


class BadFrame(Exception):
    """What a client sent ends its connection: with this close code, for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Message(NamedTuple):
    """A whole message, or a control frame; with the opcode CONT: a part, and the rest will follow."""

    opcode: Opcode
    data: bytes


_PART = Message(Opcode.CONT, b"")


class FrameReader:
    """Bytes in, messages out; `max_frames` is how many a message may have.

    After a BadFrame it is not used again.
    """

    __slots__ = ("_at", "_data", "_frames", "_max_bytes", "_max_frames", "_opcode", "_pieces", "_size")

    def __init__(self, *, max_bytes: int, max_frames: int) -> None:
        self._max_bytes = max_bytes
        self._max_frames = max_frames
        self._data = bytearray()
        self._at = 0
        self._opcode: Opcode | None = None
        """Of the message of which not all frames have come."""
        self._pieces: list[bytes] = []
        self._frames = 0
        self._size = 0

    def feed(self, data: bytes) -> None:
        """What came, behind what is there."""
        self._data += data

    @property
    def held(self) -> int:
        """Bytes that it keeps because no message is made of them yet."""
        return len(self._data) - self._at + self._size

    def read(self) -> Message | None:
        """Read one frame: what it makes whole. None: the next has not come yet.

        Raises:
            BadFrame: it cannot be, or is more than there may be.
        """
        found = self._frame()
        if found is None:
            self._compact()
            return None
        opcode, final, data = found
        if opcode in _CONTROL:
            return Message(opcode, data)
        if opcode is Opcode.CONT:
            if self._opcode is None:
                raise BadFrame(1002, "a continuation of nothing")
        elif self._opcode is not None:
            raise BadFrame(1002, "a new message within another")
        elif final:
            return Message(opcode, data)
        else:
            self._opcode = opcode
        return self._piece(final, data)

    def _piece(self, final: bool, data: bytes) -> Message:
        opcode = self._opcode
        assert opcode is not None  # noqa: S101 - the caller has seen to it
        self._frames += 1
        if self._frames > self._max_frames:
            raise BadFrame(1009, "a message has more frames than this server takes")
        if data:
            self._pieces.append(data)
            self._size += len(data)
        if not final:
            return _PART
        whole = Message(opcode, b"".join(self._pieces))
        self._pieces, self._opcode, self._frames, self._size = [], None, 0, 0
        return whole

    def _frame(self) -> tuple[Opcode, bool, bytes] | None:
        data, at = self._data, self._at
        there = len(data) - at
        if there < 2:
            return None
        first, second = data[at], data[at + 1]
        opcode = _OPCODES.get(first & _OPCODE)
        length = second & _LENGTH
        if first & _RESERVED or opcode is None:
            raise BadFrame(1002, "reserved bits or an unknown opcode")
        if not second & _MASKED:
            raise BadFrame(1002, "a frame of a client that is not masked")
        if opcode in _CONTROL and (length > _CONTROL_BYTES or not first & _FIN):
            raise BadFrame(1002, "a control frame that is too long or in pieces")
        head = 2
        if length > _CONTROL_BYTES:
            head = 4 if length == 126 else 10
            if there < head:
                return None
            length = int.from_bytes(data[at + 2 : at + head])
            if length >= _TOP_BIT:
                raise BadFrame(1002, "a length with its highest bit set")
        if self._size + length > self._max_bytes and opcode not in _CONTROL:
            raise BadFrame(1009, "a message is larger than this server takes")
        begin = at + head + 4
        end = begin + length
        if len(data) < end:
            return None
        payload = bytes(apply_mask(data[begin:end], data[begin - 4 : begin]))
        self._at = end
        return opcode, bool(first & _FIN), payload

    def _compact(self) -> None:
        """Give back what was read: not after each frame, which would move the rest each time."""
        if self._at:
            if self._at == len(self._data) and self._at > HELD_AFTER:
                self._data = bytearray()
            else:
                del self._data[: self._at]
            self._at = 0


def read_short(data: bytes) -> Message | None:
    """The frame, when the data is exactly one: whole, short, masked as a client must (RFC 6455, 5.2).

    None for a fragment and everything else: a connection that hears more than it says needs no reader.
    """
    if len(data) < SHORT_HEAD:
        return None
    opcode = _SHORT.get(data[0])
    size = data[1] ^ _MASKED
    if opcode is None or size > _LONGEST or len(data) != size + SHORT_HEAD:
        return None
    return Message(opcode, bytes(apply_mask(data[SHORT_HEAD:], data[2:SHORT_HEAD])))


def read_close(data: bytes) -> int:
    """The code of a client's close frame; 1005 where it gives none. Raises BadFrame (1002, 1007)."""
    if not data:
        return 1005
    if len(data) < 2:
        raise BadFrame(1002, "half a close code")
    try:
        reason = data[2:].decode()
    except UnicodeDecodeError:
        raise BadFrame(1007, "invalid UTF-8") from None
    code = int.from_bytes(data[:2])
    try:
        Close(code, reason).check()
    except Exception:  # the library's own classes, which have changed their places before
        raise BadFrame(1002, "a close code that is none") from None
    return code
