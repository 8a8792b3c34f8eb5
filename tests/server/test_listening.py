"""What a process listens at: all addresses of a host, one port, nobody else on it."""

from __future__ import annotations

import socket

import pytest

from gapless.errors import ConfigError
from gapless.server.listening import is_loopback, listen

from ..support.until import DEADLINE


def test_all_addresses_of_a_host_get_the_same_free_port() -> None:
    sockets = listen("localhost", 0)
    try:
        ports = {bound.getsockname()[1] for bound in sockets}
        assert len(ports) == 1
        with socket.create_connection(("127.0.0.1", ports.pop()), timeout=DEADLINE):
            pass
    finally:
        for bound in sockets:
            bound.close()


def test_a_taken_port_is_refused_even_before_anybody_serves_there() -> None:
    (first,) = listen("127.0.0.1", 0)
    with first, pytest.raises(ConfigError, match="is taken"):
        listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("localhost", True), ("0.0.0.0", False), ("192.0.2.1", False)],
)
def test_only_loopback_is_this_machine_only(host: str, local: bool) -> None:
    assert is_loopback(host) is local
