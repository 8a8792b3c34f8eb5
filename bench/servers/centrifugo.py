"""Centrifugo (version 6) with its memory engine, as a child of this process, on the same core.

Its publisher has to speak HTTP to it; that is what a Python application would do. Memory and CPU
are those of the binary alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
from typing import Any

import orjson

from .centrifuge_door import DOOR, PING_SECONDS
from .runtime import Options, Server, run

_START_SECONDS = 10.0


class Centrifugo(Server):
    door = DOOR

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._process: asyncio.subprocess.Process
        self._replies: asyncio.StreamReader
        self._requests: asyncio.StreamWriter

    async def start(self, listener: socket.socket) -> int:
        port = int(listener.getsockname()[1])
        listener.close()  # it binds the port itself
        with tempfile.NamedTemporaryFile("w", suffix=".json") as config:
            json.dump(_config(port, self.options.history), config)
            config.flush()
            self._process = process = await asyncio.create_subprocess_exec(
                os.environ["CENTRIFUGO"], "--config", config.name, env=os.environ | {"GOMAXPROCS": "1"}
            )
            self.pid = process.pid
            async with asyncio.timeout(_START_SECONDS):
                await self._connect(port, process)
        return port

    async def stop(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def _connect(self, port: int, process: asyncio.subprocess.Process) -> None:
        while process.returncode is None:
            try:
                self._replies, self._requests = await asyncio.open_connection("127.0.0.1", port)
                return
            except ConnectionError:
                await asyncio.sleep(0.05)
        raise RuntimeError(f"Centrifugo ended with exit code {process.returncode}")

    async def position(self, channel: str) -> str:
        result = orjson.loads(await self.publish(channel, {}))["result"]
        return f"{result['epoch']}:{result['offset']}"

    async def publish(self, channel: str, data: dict[str, str]) -> bytes:
        """One HTTP request over a connection that stays open; its answer is the receipt.

        Raises:
            RuntimeError: Centrifugo did not take the publication.
        """
        body = orjson.dumps({"channel": channel, "data": data})
        self._requests.write(
            b"POST /api/publish HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = await self._replies.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        reply = await self._replies.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200") or b'"error"' in reply:
            raise RuntimeError(f"Centrifugo: {head[:60]!r} {reply[:200]!r}")
        return reply


def _config(port: int, history: int) -> dict[str, Any]:
    channel = {"history_size": history, "history_ttl": "1h", "force_recovery": True} if history else {}
    return {
        "http_server": {"address": "127.0.0.1", "port": port},
        "http_api": {"insecure": True},
        "client": {"insecure": True, "allowed_origins": ["*"], "ping_interval": f"{PING_SECONDS}s"},
        "channel": {"without_namespace": channel},
        "log": {"level": "error"},
    }


if __name__ == "__main__":
    run(Centrifugo)
