"""What the fast path needs of uvicorn, and what it does to a connection's socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import uvicorn

from gapless.server.sockets import SEND_BUFFER_BYTES
from gapless.transports.uvicorn_inside import (
    TESTED,
    Addresses,
    part_from_http,
    plain_protocol,
    prepare,
    settings_of,
    why_not,
)

from ..support.wire import Piped, Wire

pytestmark = pytest.mark.anyio


async def app(scope: object, receive: object, send: object) -> None: ...


def config(**options: object) -> uvicorn.Config:
    return uvicorn.Config(app, log_config=None, lifespan="off", **options)  # type: ignore[arg-type]


class TestVersions:
    def test_the_installed_one_will_do(self) -> None:
        assert why_not() is None

    @pytest.mark.parametrize("version", ["0.1.0", f"{TESTED[1][0]}.{TESTED[1][1]}.0", "1.0", "main"])
    def test_one_that_nobody_tried_is_named_with_those_that_were(
        self, version: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uvicorn, "__version__", version)
        why = why_not()
        assert why is not None
        assert f"uvicorn {version}" in why
        assert ".".join(map(str, TESTED[0])) in why

    def test_one_that_is_not_as_it_was_says_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(uvicorn.server.ServerState, "__init__")
        why = why_not()
        assert why is not None
        assert "is not as it was" in why
        assert "connections" in why


class TestSettings:
    def test_all_connections_of_a_server_have_the_same(self) -> None:
        one, other = config(ws_max_size=7, root_path="/hub"), config()
        assert settings_of(one) is settings_of(one)
        assert settings_of(one) is not settings_of(other)
        assert (settings_of(one).max_bytes, settings_of(one).root_path) == (7, "/hub")

    def test_no_pings_are_none(self) -> None:
        assert settings_of(config(ws_ping_interval=0)).pings is None
        assert settings_of(config(ws_ping_interval=7, ws_ping_timeout=3)).pings == (7, 3)

    async def test_the_plain_protocol_does_not_compress_and_the_servers_own_settings_stay(self) -> None:
        own = config(ws_per_message_deflate=True)
        own.load()
        made = plain_protocol(own, uvicorn.server.ServerState(), {}, app="another")
        assert made.config.ws_per_message_deflate is False  # type: ignore[attr-defined]
        assert made.config.loaded_app == "another"  # type: ignore[attr-defined]
        assert own.ws_per_message_deflate is True
        assert own.loaded_app != "another"


@pytest.fixture
def tcp() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection over the loopback: the server's end, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        served, _ = listening.accept()
    with client, served:
        yield served, client


class TestSockets:
    def test_the_buffer_has_a_bound_and_nothing_waits_for_more(
        self, tcp: tuple[socket.socket, socket.socket]
    ) -> None:
        served, _ = tcp
        prepare(Piped(served))
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        # Linux doubles what it is asked for, for its own overhead.
        assert served.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER_BYTES

    def test_the_transport_keeps_its_socket(self, tcp: tuple[socket.socket, socket.socket]) -> None:
        served, client = tcp
        prepare(Piped(served))
        served.sendall(b"still open")
        assert client.recv(10) == b"still open"

    def test_a_unix_socket_keeps_its_options(self) -> None:
        served, client = socket.socketpair(socket.AF_UNIX)
        with served, client:
            prepare(Piped(served))
            served.sendall(b"still open")
            assert client.recv(10) == b"still open"

    def test_one_that_is_closed_already_has_none(self) -> None:
        closed = socket.socket()
        closed.close()
        prepare(Piped(closed))
        prepare(Wire())


class Reading(asyncio.Protocol):
    """A protocol that has a parser, and has read the addresses."""

    server = ("::1", 8000)
    client = ("::1", 5)

    def __init__(self) -> None:
        self.parser: object | None = object()


def test_the_protocol_that_read_the_handshake_says_the_addresses_and_lets_go_of_its_parser() -> None:
    before = Reading()

    class Upgraded(Wire):
        def get_protocol(self) -> asyncio.BaseProtocol:
            return before

    assert part_from_http(Upgraded()) == Addresses(("::1", 8000), ("::1", 5))
    assert before.parser is None
    assert part_from_http(Wire()) == Addresses(None, None)  # one without is left as it is
