"""How a subscriber of `gapless bench` comes in, or does not."""

from __future__ import annotations

import pytest

from gapless.cli.bench.load import Load
from gapless.cli.bench.opening import NotIn

from .scripted import MARKER, scripted


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 503 Busy\r\nServer: x\r\n\r\nno room", "turned away: HTTP/1.1 503 Busy no room"),
        (b"HTTP/1.1 101 Yes\r\n\r\n\x81\x7e\x01\xff{}", "not let in: ~ {}"),
        (b'HTTP/1.1 101 Yes\r\n\r\n\x81\x20{"error":1}', 'turned away: {"error":1}'),
        (b"", "not let in: no answer came"),
    ],
)
def test_who_is_not_let_in_says_why(answer: bytes, words: str) -> None:
    load = Load(MARKER)
    with scripted(answer) as (door, _, _), pytest.raises(NotIn, match=words):
        load.open(door, 1)
    load.close()
