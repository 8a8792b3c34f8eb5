"""The reader of frames: any cut of the same bytes gives the same messages, and each wrong has its code."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from gapless.transports.frames import BadFrame, FrameReader, Message, read_close, read_short

from ..support.sockets import masked

MAX_BYTES, MAX_FRAMES = 1000, 8


def frame(first: int, payload: bytes = b"", mask: bytes = b"\1\2\3\4") -> bytes:
    head = masked(first & 15, payload)
    head = bytes((first,)) + head[1 : len(head) - len(payload) - 4]
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def read(data: bytes, step: int | None = None) -> list[Message | int]:
    """The messages, and the code of what was wrong at the end."""
    reader = FrameReader(max_bytes=MAX_BYTES, max_frames=MAX_FRAMES)
    found: list[Message | int] = []
    for at in range(0, len(data), step or max(1, len(data))):
        reader.feed(data[at : at + (step or len(data))])
        try:
            while (message := reader.read()) is not None:
                if message.opcode is not Opcode.CONT:
                    found.append(message)
        except BadFrame as bad:
            return [*found, bad.code]
    return found


TEXT, BINARY, PING = Opcode.TEXT, Opcode.BINARY, Opcode.PING


@pytest.mark.parametrize("step", [None, 1, 3])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (frame(0x81, b"hello") + frame(0x82), [(TEXT, b"hello"), (BINARY, b"")]),
        (frame(0x01, b"a") + frame(0x89, b"p") + frame(0x80, b"b"), [(PING, b"p"), (TEXT, b"ab")]),
        (frame(0x82, b"x" * MAX_BYTES), [(BINARY, b"x" * MAX_BYTES)]),
        (frame(0x02) + frame(0x00) * (MAX_FRAMES - 2) + frame(0x80, b"z"), [(BINARY, b"z")]),
    ],
    ids=["whole", "a ping in between", "as large as may be", "as many frames as may be"],
)
def test_messages_are_read_however_they_are_cut(
    data: bytes, expected: list[object], step: int | None
) -> None:
    assert read(data, step) == expected


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(0xC1), 1002),
        (frame(0x83), 1002),
        (bytes((0x81, 5)) + b"hello", 1002),
        (frame(0x09), 1002),
        (frame(0x8A, b"x" * 126), 1002),
        (frame(0x80), 1002),
        (frame(0x01) + frame(0x81), 1002),
        (bytes((0x82, 0xFF)) + (1 << 63).to_bytes(8), 1002),
        (bytes((0x82, 0xFF)) + ((1 << 63) - 1).to_bytes(8), 1009),
        (bytes((0x82, 0xFE)) + (MAX_BYTES + 1).to_bytes(2), 1009),
        (frame(0x02, b"x" * MAX_BYTES) + frame(0x80, b"x"), 1009),
        (frame(0x02) + frame(0x00) * MAX_FRAMES, 1009),
    ],
    ids=[
        "reserved bits",
        "unknown opcode",
        "not masked",
        "a ping in pieces",
        "a long pong",
        "a continuation of nothing",
        "a message in a message",
        "a length with the top bit",
        "a length without it",
        "a length, before anything came",
        "one byte too many in two frames",
        "one frame too many",
    ],
)
def test_what_is_wrong_has_its_code(data: bytes, code: int, step: int | None) -> None:
    assert read(data, step)[-1] == code


def test_what_waits_is_counted_and_given_back() -> None:
    reader = FrameReader(max_bytes=MAX_BYTES, max_frames=MAX_FRAMES)
    whole = frame(0x02, b"x" * 100)
    reader.feed(whole[:50])
    assert (reader.read(), reader.held) == (None, 50)
    reader.feed(whole[50:])
    part = reader.read()
    assert part is not None
    assert part.opcode is Opcode.CONT
    assert reader.held == 100, "the part of a message that has come"
    reader.feed(frame(0x80))
    assert reader.read() == (BINARY, b"x" * 100)
    assert (reader.read(), reader.held) == (None, 0)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", 1005), (b"\x03\xe8", 1000), (b"\x0f\xa0bye", 4000)],
)
def test_a_close_code_is_read(data: bytes, code: int) -> None:
    assert read_close(data) == code


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe7", 1002), (b"\x13\x88", 1002), (b"\x03\xe8\xff", 1007)],
)
def test_a_close_frame_that_cannot_be_has_its_code(data: bytes, code: int) -> None:
    with pytest.raises(BadFrame) as bad:
        read_close(data)
    assert bad.value.code == code


FRAMES = st.builds(
    frame,
    st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x09, 0xC1, 0x83]),
    st.one_of(st.binary(max_size=6), st.binary(min_size=120, max_size=130)),
    st.binary(min_size=4, max_size=4),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(FRAMES, max_size=6), st.integers(1, 40))
def test_frames_are_read_as_the_library_reads_them(frames: list[bytes], step: int) -> None:
    """Its events are frames: put together here, as far as it goes."""
    data = b"".join(frames)
    library = ServerProtocol(state=OPEN, max_size=None)
    library.receive_data(data)
    expected: list[Message | int] = []
    pieces: list[bytes] = []
    kind = Opcode.CONT
    for event in library.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (Opcode.PING, Opcode.PONG):
            expected.append(Message(event.opcode, bytes(event.data)))
            continue
        if event.opcode is not Opcode.CONT:
            kind = event.opcode
        pieces.append(bytes(event.data))
        if event.fin:
            expected.append(Message(kind, b"".join(pieces)))
            pieces = []
    if library.parser_exc is not None:
        expected.append(1002)
    assert read(data, step) == expected


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from([0x81, 0x82, 0x88, 0x89, 0x8A, 0x01, 0x80, 0xC1, 0x83, 0x8B]),
    st.one_of(st.binary(max_size=8), st.binary(min_size=100, max_size=130)),
    st.binary(min_size=4, max_size=4),
    st.booleans(),
    st.sampled_from([0, 1, -1, 4, 7]),
)
def test_a_short_frame_alone_is_read_as_by_the_reader_and_everything_else_is_left_to_it(
    first: int, payload: bytes, mask: bytes, marked: bool, beyond: int
) -> None:
    data = frame(first, payload, mask)
    if not marked:
        data = bytes((data[0], data[1] ^ 0x80)) + data[2:]
    data = data[:beyond] if beyond < 0 else data + b"\x81" * beyond
    found = read(data)
    alone = len(found) == 1 and not beyond and len(payload) < 126
    assert read_short(data) == (found[0] if alone and isinstance(found[0], Message) else None)
