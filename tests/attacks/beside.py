"""Healthy readers beside one attack: what they got and when, and how the hub was before, during and after."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from ..support.sockets import handshake, unmasked
from ..support.until import until

HERE = Path(__file__).parent

READERS = 50

ALLOWANCE = 32 * 1024 * 1024
"""Bytes that a process may have grown by after an attack: the allocator's pools, and histories that grew."""


class Reader(asyncio.Protocol):
    """One healthy client of `room`: counts, and notes what does not follow."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._data = bytearray()
        self.got = 0
        self.wrong: list[str] = []
        self.delays: list[float] = []
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._data.startswith(b"HTTP/"):
            _, _, rest = bytes(self._data).partition(b"\r\n\r\n")
            self._data = bytearray(rest)
        now, read = monotonic(), 0
        for opcode, payload in unmasked(bytes(self._data)):
            size = len(payload)
            read += size + (2 if size < 126 else 4 if size < 65536 else 10)
            if opcode == 1:
                self._take(json.loads(payload), now)
        del self._data[:read]

    def _take(self, said: Any, now: float) -> None:
        if "history" in said:
            return
        for row in said.get("batch") or [said]:
            if "data" not in row:
                self.wrong.append(f"{said}"[:200])
                continue
            if self.got and row["data"]["n"] != self.got + 1:
                self.wrong.append(f"{row['data']['n']} after {self.got}")
            self.got = row["data"]["n"]
            self.delays.append(now - row["data"]["at"])

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


@dataclass
class Seen:
    """What came of one attack."""

    kind: str
    quiet: dict[str, Any]
    during: dict[str, Any]
    after: dict[str, Any] = field(default_factory=dict)
    quiet_delays: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Victim:
    """The hub in its own process."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30.0)

    async def ask(self, what: str = "look") -> dict[str, Any]:
        answer: dict[str, Any] = (await self._http.get(f"/inside/{what}")).json()
        return answer

    async def health(self) -> int:
        return (await self._http.get("/health")).status_code

    async def close(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def victim(ws: str, server: str = "serve") -> AsyncIterator[Victim]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.attacks.victim",
        server,
        ws,
        stdout=subprocess.PIPE,
        cwd=HERE.parent.parent,
    )
    assert process.stdout is not None
    try:
        said = (await process.stdout.readline()).split()[0]
        served = Victim(int(said.rpartition(b":")[2]))
        try:
            yield served
        finally:
            await served.close()
    finally:
        process.terminate()
        await process.wait()


async def stand(served: Victim, kind: str, seconds: float) -> Seen:
    """Let readers read, attack the hub, and see that all is as before."""
    loop = asyncio.get_running_loop()
    readers = []
    for _ in range(READERS):
        request = handshake(f"127.0.0.1:{served.port}", "/ws?channel=room&history=0")
        _, reader = await loop.create_connection(partial(Reader, request), "127.0.0.1", served.port)
        readers.append(reader)
    await served.ask("publish")
    await asyncio.sleep(seconds / 5)
    quiet = await served.ask()
    quiet_delays = [delay for reader in readers for delay in reader.delays]
    for reader in readers:
        reader.delays.clear()
    attacker = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "kinds.py"), kind, str(served.port), str(seconds)
    )
    try:
        await asyncio.wait_for(attacker.wait(), seconds + 60)
    finally:
        if attacker.returncode is None:
            attacker.kill()
            await attacker.wait()
    assert await served.health() == 200
    during = await served.ask("rest")
    await until(lambda: all(reader.got == during["published"] for reader in readers), "all have all")
    seen = Seen(kind, quiet, during, quiet_delays=quiet_delays)
    for reader in readers:
        seen.wrong += reader.wrong
        seen.delays += reader.delays
        if reader.lost:
            seen.wrong.append("a healthy reader was cut off")
        reader.transport.close()
    seen.after = await _settled(served, quiet)
    return seen


async def _settled(served: Victim, before: dict[str, Any]) -> dict[str, Any]:
    """What the hub is like when everybody has left, and nothing of anybody is there."""
    after: dict[str, Any] = {}

    async def is_calm() -> bool:
        after.update(await served.ask())
        return (
            all(after[name] == 0 for name in ("sessions", "subscriptions", "present", "inbound", "rings"))
            and after["tasks"] <= before["tasks"]
            and after["descriptors"] <= before["descriptors"] - READERS
            and after["rss"] <= before["rss"] + ALLOWANCE
        )

    try:
        await until(is_calm, "nothing is left", pause=0.1)
    except TimeoutError:
        shown = {name: (before[name], after[name]) for name in before if name != "counters"}
        raise AssertionError(f"before and after: {shown}") from None
    return after


def percentile(delays: list[float], share: float) -> float:
    """Seconds that this share of them took at most."""
    return sorted(delays)[min(len(delays) - 1, int(len(delays) * share))] if delays else 0.0
