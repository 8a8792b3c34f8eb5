"""The way to a hub over HTTP, and how it is left while it waits."""

from __future__ import annotations

import socket
import threading

import pytest

from gapless.client.remote import Remote, Unreachable
from gapless.client.ways import HttpWay

from ..support.until import DEADLINE

LONG = 100 * DEADLINE
"""Seconds: who waits for a hub for this long was not let go."""


def test_a_way_that_was_left_before_it_had_a_connection_sends_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        way = HttpWay(Remote.parse(f"http://127.0.0.1:{silent.getsockname()[1]}"), timeout=DEADLINE)
        way.abort()
        with pytest.raises(Unreachable, match="closed meanwhile"):
            way.send("logs", [b"1"], "key")
        peer, _ = silent.accept()
        with peer:
            peer.settimeout(DEADLINE)
            assert peer.recv(1) == b""


def test_a_way_that_is_left_while_it_waits_for_a_silent_hub_ends() -> None:
    ended: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        way = HttpWay(Remote.parse(f"http://127.0.0.1:{silent.getsockname()[1]}"), timeout=LONG)

        def send() -> None:
            try:
                way.send("logs", [b"1"], "key")
            except Unreachable as error:
                ended.append(str(error))

        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        peer, _ = silent.accept()
        with peer:
            assert peer.recv(1) != b""
            way.abort()
            sending.join(DEADLINE)
    assert len(ended) == 1
