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
from urllib.parse import quote

import orjson

from ..opening import Door
from .runtime import Options, Server, run

_START_SECONDS = 10.0


class Centrifugo(Server):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        subscribe = json.dumps({"subs": {"CHANNEL": {}}}, separators=(",", ":"))
        # The unidirectional door needs no words of the client and no answers to pings.
        path = "/connection/uni_websocket?cf_connect=" + quote(subscribe).replace("CHANNEL", "{channel}")
        self.door = Door(path, ready='"connect":')
        self._process: asyncio.subprocess.Process
        self._replies: asyncio.StreamReader
        self._requests: asyncio.StreamWriter

    async def start(self, listener: socket.socket) -> int:
        port = int(listener.getsockname()[1])
        listener.close()  # it binds the port itself
        with tempfile.NamedTemporaryFile("w", suffix=".json") as config:
            json.dump(_config(port), config)
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

    async def publish(self, channel: str, data: dict[str, str]) -> None:
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


def _config(port: int) -> dict[str, Any]:
    return {
        "http_server": {"address": "127.0.0.1", "port": port},
        "http_api": {"insecure": True},
        "client": {"insecure": True, "allowed_origins": ["*"]},
        "uni_websocket": {"enabled": True},
        "log": {"level": "error"},
    }


if __name__ == "__main__":
    run(Centrifugo)
