"""Several workers of one server, as people start them: their clients hear all, in one order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.redis_server import free_port
from ..support.sockets import Client, connected
from ..support.until import until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parent.parent.parent

CLIENTS = 12
EACH = 50


@contextlib.contextmanager
def workers(store: str, count: int) -> Iterator[int]:
    """uvicorn with so many workers; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.audience.workers_app:app", "--port", str(port)]
    environment = {**os.environ, "GAPLESS_TEST_STORE": store}
    process = subprocess.Popen(
        [*command, "--workers", str(count), "--log-level", "warning"], cwd=ROOT, env=environment
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)


async def come(stack: contextlib.AsyncExitStack, port: int) -> tuple[Client, str]:
    """A client, and the process that has it. The port may not be there yet."""
    found: list[Client] = []

    async def try_it() -> bool:
        try:
            found.append(await stack.enter_async_context(connected(f"ws://127.0.0.1:{port}/ws")))
        except OSError:
            return False
        return True

    await until(try_it, "the server to listen", pause=0.05)
    return found[0], await found[0].text()


async def test_the_clients_of_all_workers_hear_everything_in_one_order(tmp_path: Path) -> None:
    with workers(f"sqlite:///{tmp_path}/told.db", 3) as port:
        async with contextlib.AsyncExitStack() as stack:
            clients: list[Client] = []
            processes = set[str]()
            while len(clients) < CLIENTS or len(processes) < 2:
                client, process = await come(stack, port)
                clients.append(client)
                processes.add(process)
            for n in range(EACH):
                for at, client in enumerate(clients):
                    await client.say(f"{at}:{n}")
            heard = await asyncio.gather(*(_hear(one, EACH * len(clients)) for one in clients))
    assert all(one == heard[0] for one in heard)
    assert sorted(heard[0]) == sorted(f"{at}:{n}" for at in range(len(clients)) for n in range(EACH))


async def _hear(one: Client, count: int) -> list[str]:
    return [await one.text() for _ in range(count)]
