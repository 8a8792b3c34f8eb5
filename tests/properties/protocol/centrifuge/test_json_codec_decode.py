"""What holds of `protocol/centrifuge/json_codec`, whatever is put in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import Disconnect
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge.codecs import JSON
from gapless.protocol.centrifuge.messages import Pong

from ....protocol.centrifuge.test_json_codec_decode import COMMANDS

PIECES = [
    *(
        '{"id":1,',
        '{"id":0,',
        '"send":',
        '"connect":',
        '"subscribe":',
        '"publish":',
        '"history":',
        '"tf":{"nodes":[',
    ),
    *(
        '"channel":"c"',
        '"data":',
        '"offset":',
        '"since":',
        '"subs":{"a":',
        "{",
        "}",
        "[",
        "]",
        ",",
        "\n",
        "{}",
    ),
    *(
        "null",
        "true",
        "1",
        "1.5",
        "-1",
        "9007199254740993",
        "NaN",
        "1e999",
        '"\\ud800"',
        '"x"',
        '{"a":1,"a":1}',
    ),
]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Real commands with one character replaced by up to two pieces."""
    frame = "\n".join(draw(st.lists(st.sampled_from(list(COMMANDS)), min_size=1, max_size=3)))
    at = draw(st.integers(0, len(frame) - 1))
    return frame[:at] + "".join(draw(st.lists(st.sampled_from(PIECES), max_size=2))) + frame[at + 1 :]


frames = st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | damaged()


def refusal(decode: Callable[[Any], object], frame: object) -> Disconnect | None:
    """How a frame was refused; anything but Disconnect fails the test."""
    try:
        decode(frame)
    except Disconnect as disconnect:
        return disconnect
    return None


@given(frames)
def test_any_text_gives_commands_or_3501(frame: str) -> None:
    refused = refusal(JSON.decode, frame)
    if refused is not None:
        assert refused.code == 3501
        return
    commands = JSON.decode(frame)
    assert commands
    for command in commands:
        assert command.id or isinstance(command.request, (Pong, m.Send))
        payload = getattr(command.request, "data", b"")
        if payload:
            json.loads(payload)
            assert b"\n" not in payload


@given(st.binary(max_size=60))
def test_any_bytes_give_what_they_should_or_3501(body: bytes) -> None:
    for decode in (JSON.decode_body, JSON.decode_emulation, JSON.decode_connect):
        refused = refusal(decode, body)
        assert refused is None or refused.code == 3501
