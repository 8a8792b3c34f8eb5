"""Clients of streams whose network is gone without a word, and streams on servers that cannot tell."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from gapless import ChannelOptions, Hub, HubApp, Limits
from gapless.transports.stream import find_dead_peer

from ..support.events import sse, streaming
from ..support.serving import doors, serve
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

ROOM = ChannelOptions(history=100, presence=True)

linux = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux")


@linux
async def test_the_kernel_is_asked_to_find_them(anyio_backend: str) -> None:
    async with doors({"room": ROOM}, limits=Limits(peer_timeout=7.5)) as opened, sse(opened, "channel=room"):
        await until(lambda: opened.hub.stats().subscriptions == 1)
        (connection,) = opened.address.server.server_state.connections
        connected = connection.transport.get_extra_info("socket")
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500


async def test_a_server_that_does_not_let_us_is_no_trouble() -> None:
    async def send(message: Any) -> None:
        raise AssertionError

    assert not find_dead_peer(send, 1.0)


class Hidden:
    """A server whose `send` shows nothing of it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hidden(message: Message) -> None:
            await send(message)

        await self._app(scope, receive, hidden if scope["type"] == "http" else send)


async def test_where_nobody_finds_them_a_stream_ends_soon_and_resumes_without_a_loss() -> None:
    hub = Hub(channels={"room": ROOM}, limits=Limits(unwatched_stream_age=0.2))
    seen: list[int] = []
    async with hub, serve(Hidden(HubApp(hub)), lifespan="off") as address:
        async with httpx.AsyncClient(base_url=address.http(""), timeout=DEADLINE) as browser:
            last: dict[str, str] = {}
            for number in range(1, 5):
                await hub.publish("room", number)
                async with streaming(browser, "/sse?channel=room", last) as stream:
                    seen += [event.data["data"] for event in await stream.take(1)]
                    await stream.ended()
                last = {"Last-Event-ID": stream.last_id}
    assert seen == [1, 2, 3, 4]


async def test_where_they_are_found_it_lives_on() -> None:
    limits = Limits(unwatched_stream_age=0.0)
    async with doors({"room": ROOM}, limits=limits) as opened, sse(opened, "channel=room") as stream:
        await opened.hub.publish("room", 1)
        assert (await stream.next()).data["data"] == 1
        assert len(opened.hub.node.roster) == 1


READ = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as peer:
    peer.sendall(b"GET /sse?channel=room HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n")
    print(peer.recv(100)[:15].decode(), flush=True)
    while peer.recv(1000):
        pass
"""


@contextmanager
def cable() -> Iterator[tuple[str, str, str]]:
    """A network of two: our address, the namespace of the other end, and its interface. Needs root."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs root and the ip command")
    number = os.getpid()
    space, near, far = f"gapless{number}", f"gn{number % 10**7}", f"gf{number % 10**7}"
    net = f"10.{210 + number % 40}.{number // 40 % 250}"

    def ip(*words: str) -> bool:
        return subprocess.run(["ip", *words], capture_output=True, timeout=30, check=False).returncode == 0

    if not ip("netns", "add", space):
        pytest.skip("this machine makes no network namespaces")
    try:
        if not ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", space):
            pytest.skip("this machine makes no virtual cables")
        assert ip("addr", "add", f"{net}.1/30", "dev", near)
        assert ip("link", "set", near, "up")
        assert ip("-n", space, "addr", "add", f"{net}.2/30", "dev", far)
        assert ip("-n", space, "link", "set", far, "up")
        yield f"{net}.1", space, far
    finally:
        ip("link", "del", near)
        ip("netns", "del", space)


@linux
async def test_a_cable_that_is_cut_ends_the_session() -> None:
    limits = Limits(peer_timeout=0.5, unwatched_stream_age=3600.0, heartbeat=0.1, housekeeping=0.05)
    with cable() as (host, space, far):
        hub = Hub(channels={"room": ROOM}, limits=limits)
        async with hub, serve(HubApp(hub), lifespan="off", on=host) as address:
            client = [sys.executable, "-c", READ, host, str(address.port)]
            reader = await asyncio.create_subprocess_exec("ip", "netns", "exec", space, *client, stdout=-1)
            try:
                assert reader.stdout is not None
                assert await reader.stdout.readline() == b"HTTP/1.1 200 OK\n"
                await until(lambda: hub.stats().subscriptions == 1)
                assert len(await hub.presence("room")) == 1
                cut = await asyncio.create_subprocess_exec("ip", "-n", space, "link", "set", far, "down")
                assert await cut.wait() == 0
                await until(lambda: not hub.node.roster)
                assert await hub.presence("room") == {}
            finally:
                reader.kill()
                await reader.wait()
