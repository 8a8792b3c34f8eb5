"""An application of one's own with this hub mounted, publishing as its routes do, under uvicorn's one flag.

Nothing is set for it: Python's own thresholds for the collector, a channel that no option declares
to keep anything, and a route that gives the loop a turn after each receipt.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from dataclasses import replace

from starlette.applications import Starlette
from starlette.routing import Mount

from gapless import ChannelOptions, Hub, HubApp, Limits

from .centrifuge_door import PING_SECONDS
from .hub import GaplessHub
from .runtime import Options, run
from .under_uvicorn import serve


class OwnApplication(GaplessHub):
    receipts = False

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.hub = Hub(channels={"*": ChannelOptions()}, limits=Limits(ping_interval=PING_SECONDS))
        self.door = replace(self.door, path="/live" + self.door.path, resume="/live" + self.door.resume)

    async def start(self, listener: socket.socket) -> int:
        app = Starlette(routes=[Mount("/live", HubApp(self.hub))], lifespan=self.hub.lifespan)
        return await serve(app, listener, self.options, settled=False)

    def publish(self, channel: str, data: dict[str, str]) -> Awaitable[object]:
        return self._as_in_a_route(channel, data)

    async def _as_in_a_route(self, channel: str, data: dict[str, str]) -> None:
        receipt = self.hub.publish(channel, data)
        await receipt
        await asyncio.sleep(0)


if __name__ == "__main__":
    run(OwnApplication)
