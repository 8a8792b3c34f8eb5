"""The way to a hub over HTTP, and how it is left while it waits."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, HubApp
from gapless.client.remote import Remote, Unreachable
from gapless.client.ways import HttpWay, HubWay

from ..support.certificates import write_certificate
from ..support.serving import serve
from ..support.until import DEADLINE

TOKEN = "0d1f7c3a9b2e4856a7c1"
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


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_way_that_is_left_while_it_waits_for_a_silent_hub_ends(scheme: str) -> None:
    ended: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        way = HttpWay(Remote.parse(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"), timeout=LONG)

        def send() -> None:
            try:
                way.send("logs", [b"1"], "key")
            except Unreachable as error:
                ended.append(str(error))

        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        peer, _ = silent.accept()
        with peer:
            assert peer.recv(1) != b""  # of the request, or of the handshake
            way.abort()
            sending.join(DEADLINE)
    assert len(ended) == 1


@pytest.mark.anyio
async def test_through_tls_only_a_hub_is_published_to_that_is_who_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "both.pem"
    write_certificate(certificate)
    hub = Hub(channels={"logs": ChannelOptions(history=10)})
    async with serve(HubApp(hub, token=TOKEN), ssl_certfile=str(certificate)) as address:
        port = address.host.rpartition(":")[2]

        async def send(host: str) -> int:
            way = HttpWay(Remote.parse(f"https://{host}:{port}", TOKEN), timeout=DEADLINE)
            try:
                return len(await asyncio.to_thread(way.send, "logs", [b"1", b"2"], "key"))
            finally:
                way.close()

        with pytest.raises(Unreachable, match="certificate"):
            await send("127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await send("127.0.0.1") == 2
        with pytest.raises(Unreachable, match="certificate"):
            await send("localhost")
        assert (await hub.history("logs")).top.offset == 2


class Unanswered:
    """A hub that stores what it is given, and the first time is not heard to say so."""

    def __init__(self, hub: Hub) -> None:
        self.node = hub.node
        self._hub = hub
        self._first = True

    def publish(self, channel: str, data: Any, *, idempotency_key: str | None = None) -> Any:
        receipt = self._hub.publish(channel, data, idempotency_key=idempotency_key)
        if not self._first:
            return receipt
        self._first = False
        return SimpleNamespace(result=lambda timeout: self._lost(receipt, timeout))

    def _lost(self, receipt: Any, timeout: float) -> None:
        receipt.result(timeout)
        raise TimeoutError("no answer")


@pytest.mark.anyio
async def test_a_hub_of_this_process_whose_broker_answers_late_gets_no_second_copy(tmp_path: Path) -> None:
    async with Hub(f"sqlite:///{tmp_path}/hub.db", channels={"logs": ChannelOptions(history=10)}) as hub:
        way = HubWay(Unanswered(hub))
        bodies = [b"%d" % number for number in range(5)]
        with pytest.raises(Unreachable, match="no answer"):
            await asyncio.to_thread(way.send, "logs", bodies, "key-1")
        positions = await asyncio.to_thread(way.send, "logs", bodies, "key-1")
        assert [position.offset for position in positions if position] == [1, 2, 3, 4, 5]
        page = await hub.history("logs")
        assert [publication.payload for publication in page.publications] == bodies
