"""What the kernel says of a connection: what its peer took, what it did not, and nothing after a cut."""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Iterator

import pytest

from gapless.server.sockets import bytes_taken, cut_off, descriptor_of, unacknowledged

from ..support.wire import Wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A server's end, and its client's with a small buffer."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
        client.connect(listening.getsockname())
        served, _ = listening.accept()
        with served:
            served.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
            served.setblocking(False)
            client.settimeout(30)
            yield served, client


def fill(served: socket.socket) -> int:
    """Write until the kernel takes no more, for nobody reads; how much it took."""
    written = 0
    while select.select([], [served], [], 0.2)[1]:
        try:
            written += served.send(b"x" * 65536)
        except BlockingIOError:
            pass
    return written


def test_what_lies_in_the_send_buffer_was_not_taken(pair: tuple[socket.socket, socket.socket]) -> None:
    served, client = pair
    before = bytes_taken(served.fileno())
    assert before is not None
    written = fill(served)
    client.recv(1)
    taken = bytes_taken(served.fileno())
    assert taken is not None
    assert taken + unacknowledged(served.fileno()) == before + written
    assert taken < before + written


def test_it_grows_when_the_client_reads(pair: tuple[socket.socket, socket.socket]) -> None:
    served, client = pair
    written = fill(served)
    before = bytes_taken(served.fileno())
    read = 0
    while read < written:
        read += len(client.recv(1 << 20))
    after = bytes_taken(served.fileno())
    assert before is not None
    assert after is not None
    assert after > before
    assert served.fileno() >= 0, "it is still ours"


def test_a_client_that_is_cut_off_is_reset(pair: tuple[socket.socket, socket.socket]) -> None:
    served, client = pair
    fill(served)
    cut_off(served.fileno(), served.close)
    with pytest.raises(ConnectionResetError):
        while client.recv(1 << 20):
            pass


def test_other_sockets_and_none_say_nothing() -> None:
    left, right = socket.socketpair()
    with left, right:
        assert bytes_taken(left.fileno()) is None
        assert unacknowledged(-1) == 0
    assert bytes_taken(-1) is None
    assert descriptor_of(Wire()) == -1
    ended: list[int] = []
    cut_off(-1, lambda: ended.append(1))
    assert ended == [1]
