"""The load balancers of `docs/scaling.md`, as they stand there, in front of two nodes on one Redis."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from ..support.commands import Running, serving
from ..support.redis_server import RedisServer, eventually, free_port, has
from ..support.until import DEADLINE, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where Debian puts servers, which is not on everybody's path."""


def documented(language: str, front: int, nodes: list[int]) -> str:
    """A configuration of the page, with the ports of this test for the ones there."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for known, ours in ((8080, front), (8765, nodes[0]), (8766, nodes[1])):
        assert f":{known}" in text
        text = text.replace(f":{known}", f":{ours}")
    return str(text)


def nginx(directory: Path, front: int, nodes: list[int]) -> list[str]:
    configuration = directory / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {directory};\n" for kind in kinds)
    configuration.write_text(
        f"daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;\n"
        "worker_processes 1; events { worker_connections 1000; }\n"
        f"http {{ access_log off;\n{paths}{documented('nginx', front, nodes)} }}\n"
    )
    return ["nginx", "-c", str(configuration), "-e", str(directory / "error.log")]


def haproxy(directory: Path, front: int, nodes: list[int]) -> list[str]:
    configuration = directory / "haproxy.cfg"
    text = documented("haproxy", front, nodes)
    configuration.write_text(text.replace("maxconn 50000", "maxconn 400"))  # as many as any limit of files
    return ["haproxy", "-db", "-q", "-f", str(configuration)]


BALANCERS = {"nginx": nginx, "haproxy": haproxy}


@dataclass
class Balanced:
    """Where clients come in, and the nodes behind it."""

    url: str
    nodes: list[tuple[str, Running]]

    async def publish(self, data: Any) -> int:
        """As a back end that tries again."""
        async with httpx.AsyncClient(base_url=self.url, timeout=DEADLINE, trust_env=False) as client:
            async with asyncio.timeout(DEADLINE):
                while True:
                    said = {"channel": "c", "data": data, "idempotency_key": str(data)}
                    answer = await client.post("/api/publish", json=said)
                    if answer.status_code == 200 and "result" in answer.json():
                        return int(answer.json()["result"]["offset"])
                    await asyncio.sleep(0.05)

    @asynccontextmanager
    async def client(self, query: str) -> AsyncIterator[ClientConnection]:
        async with connect(f"{self.url.replace('http', 'ws')}/ws?channel=c{query}", proxy=None) as client:
            yield client


@pytest.fixture(params=sorted(BALANCERS))
def balanced(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Balanced]:
    program = shutil.which(request.param, path=PATH)
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    with ExitStack() as stack:
        server = RedisServer(tmp_path / "redis").start()
        stack.callback(server.stop)
        nodes = [stack.enter_context(serving("--store", server.url)) for _ in range(2)]
        front = free_port()
        ports = [int(url.rpartition(":")[2]) for url, _ in nodes]
        _, *arguments = BALANCERS[request.param](tmp_path, front, ports)
        balancer = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        stack.callback(end, balancer)
        url = f"http://127.0.0.1:{front}"

        def answers() -> bool:
            if balancer.poll() is not None:
                assert balancer.stderr is not None
                raise AssertionError(f"{request.param} ended: {balancer.stderr.read().decode()}")
            try:
                return httpx.get(f"{url}/ready", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        eventually(answers, f"{request.param} to let us through")
        yield Balanced(url, nodes)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(DEADLINE)
    if process.stderr is not None:
        process.stderr.close()


async def frames(client: ClientConnection, offset: int) -> list[int]:
    """The offsets that come, up to this one."""
    seen: list[int] = []
    async with asyncio.timeout(DEADLINE):
        while not seen or seen[-1] < offset:
            frame = json.loads(await client.recv())
            assert "gap" not in frame
            seen += [one["offset"] for one in frame.get("history", [frame])]
    return seen


async def test_clients_of_all_doors_come_through_and_see_the_same(balanced: Balanced) -> None:
    for number in range(1, 4):
        await balanced.publish(number)
    async with balanced.client("") as one, balanced.client("") as two, balanced.client("") as three:
        await balanced.publish(4)
        for client in (one, two, three):
            assert await frames(client, 4) == [1, 2, 3, 4]
    async with httpx.AsyncClient(base_url=balanced.url, timeout=DEADLINE, trust_env=False) as http:
        async with http.stream("GET", "/sse?channel=c") as events:
            ids = []
            async for line in events.aiter_lines():
                if line.startswith("id:"):
                    ids.append(line.rpartition(":")[2])
                if len(ids) == 4:
                    break
    assert ids == ["1", "2", "3", "4"]


async def test_a_page_of_the_same_host_is_let_in_and_one_of_another_is_not(balanced: Balanced) -> None:
    async with httpx.AsyncClient(base_url=balanced.url, timeout=DEADLINE, trust_env=False) as client:
        said = {"channel": "c", "data": 1}
        own = await client.post("/api/publish", json=said, headers={"origin": balanced.url})
        other = await client.post("/api/publish", json=said, headers={"origin": "http://evil.example"})
    assert (own.status_code, other.status_code) == (200, 403)


async def test_a_node_is_deployed_anew_and_its_clients_go_on_where_they_were(balanced: Balanced) -> None:
    await balanced.publish(1)
    async with balanced.client("") as client:
        first = json.loads(await client.recv())
        epoch = first["epoch"]
        # Whichever it is on: end the one, and if the client is still there, the other.
        for _, running in balanced.nodes[:1]:
            await asyncio.to_thread(running.end, signal.SIGTERM)
        await balanced.publish(2)
        try:
            seen = await frames(client, 2)
        except Exception:
            assert client.close_code == 3001
            async with balanced.client(f"&since=c@{epoch}:1") as again:
                seen = await frames(again, 2)
    assert seen[-1] == 2
    await until(lambda: ready(balanced.url))


async def ready(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{url}/ready")).status_code == 200
