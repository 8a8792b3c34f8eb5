"""A TCP proxy on loopback between a client and its server that refuses, cuts, holds and swallows."""

from __future__ import annotations

import asyncio

from .streams import Streams

SUBSCRIBING = (b"SUBSCRIBE", b"SSUBSCRIBE")
"""What a client of Redis says on the connection that it listens on."""


class Way:
    """One proxied connection. `listens` once a client of Redis has subscribed to something on it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.listens = False
        self.deaf = False
        """What the server says is swallowed."""
        self.dumb = False
        """What the client says is swallowed, too."""
        self._passing = asyncio.Event()
        self._passing.set()

    def mute(self) -> None:
        """Nothing passes any more, and neither end is told."""
        self.deaf = self.dumb = True

    def hold(self) -> None:
        """What the client says waits, and is not lost when it goes."""
        self._passing.clear()

    def release(self) -> None:
        """It arrives now."""
        self._passing.set()

    async def say(self, some: bytes) -> None:
        """Bytes of the client, to the server."""
        await self._passing.wait()
        if not self.dumb:
            self.server.write(some)
            await self.server.drain()

    @property
    def held(self) -> bool:
        return not self._passing.is_set()

    def cut(self) -> None:
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.abort()


class Proxy:
    """`async with Proxy(port) as proxy:` and connect to `proxy.port`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._streams = Streams(self._pass_on)
        self.ways: list[Way] = []
        self.refusing = False
        self.made = 0

    @property
    def port(self) -> int:
        return self._streams.port

    async def __aenter__(self) -> Proxy:
        await self._streams.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._streams.__aexit__()

    def ears(self) -> list[Way]:
        return [way for way in self.ways if way.listens]

    def links(self) -> list[Way]:
        return [way for way in self.ways if not way.listens]

    def cut(self) -> None:
        for way in list(self.ways):
            way.cut()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            upstream, downstream = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()  # nobody is there just now
            return
        way = Way(writer, downstream)
        self.ways.append(way)
        self.made += 1
        try:
            await asyncio.gather(self._up(way, reader), self._down(way, upstream))
        except OSError:
            pass  # cut, by us or by one of the ends
        finally:
            way.cut()
            self.ways.remove(way)

    async def _up(self, way: Way, reader: asyncio.StreamReader) -> None:
        while some := await reader.read(65536):
            way.listens = way.listens or any(word in some for word in SUBSCRIBING)
            late = way.held
            await way.say(some)
            if late:
                return  # its server ends it: cut, it might not read what came late
        way.cut()

    async def _down(self, way: Way, reader: asyncio.StreamReader) -> None:
        while some := await reader.read(65536):
            if not way.deaf:
                way.client.write(some)
                await way.client.drain()
        way.cut()
