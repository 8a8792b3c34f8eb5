"""`/ws` through TLS: what else is written to the socket itself must then go through the transport."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest

from gapless import ChannelOptions, Hub, HubApp

from ..support.certificates import write_certificate
from ..support.serving import serve
from ..support.sockets import connected

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that vouches for itself, in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    write_certificate(path)
    return path


async def test_history_live_and_replies_come_through_in_order(certificate: Path, ws_protocol: str) -> None:
    hub = Hub(channels={"room": ChannelOptions(history=100)})
    async with serve(HubApp(hub), ws=ws_protocol, ssl_certfile=str(certificate)) as address:
        url = f"wss://{address.host}/ws?channel=room"
        trusted = ssl.create_default_context(cafile=str(certificate))
        await hub.publish("room", "before")
        async with connected(url, ssl=trusted) as first, connected(url, ssl=trusted) as second:
            for client in (first, second):
                (frame,) = await client.history("room")
                assert [item["data"] for item in frame["history"]] == ["before"]
            large = "x" * 300_000  # more than any buffer takes at once
            for n in range(5):
                await hub.publish("room", [n, large])
                await hub.publish("room", n)
            for client in (first, second):
                live = await client.live(10)
                assert [item["offset"] for item in live] == list(range(2, 12))
                assert live[0]["data"] == [0, large]
                await client.quiet()
                await client.say(json.dumps({"type": "subscribe", "channel": "room", "id": "again"}))
                assert (await client.next())["id"] == "again"
