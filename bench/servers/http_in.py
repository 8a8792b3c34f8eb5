"""Publications over HTTP: answered directly, through ASGI in an application, or by a bare route of one.

The bare one parses a request and answers the same, and that is all it does.
"""

from __future__ import annotations

import socket
from itertools import count

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from gapless import ChannelOptions, Hub, HubApp, Limits

from ..opening import Door
from .centrifuge_door import PING_SECONDS
from .hub import GaplessHub
from .runtime import Options, run
from .under_uvicorn import serve

TOKEN = "bench-9f2c61d07be84a35c1d2"
DIRECT = "gapless.server.direct_http:DirectHttpProtocol"


class HttpIn(GaplessHub):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.hub = Hub(
            channels={"*": ChannelOptions(history=1000)}, limits=Limits(ping_interval=PING_SECONDS)
        )
        mount = "/live" if options.way == "mounted" else ""
        self.door = Door(path=mount + "/ws?channel={channel}&history=0", ready='"more":false', resume="")

    async def start(self, listener: socket.socket) -> int:
        doors = HubApp(self.hub, token=TOKEN)
        match self.options.way:
            case "direct":
                return await serve(doors, listener, self.options, http=DIRECT)
            case "mounted":
                app = Starlette(routes=[Mount("/live", doors)], lifespan=self.hub.lifespan)
                return await serve(app, listener, self.options)
        return await serve(_bare(), listener, self.options)


def _bare() -> Starlette:
    offsets = count(1)

    async def publish(request: Request) -> Response:
        orjson.loads(await request.body())
        said = {"result": {"offset": next(offsets), "epoch": "kXwQabcd"}}
        return Response(orjson.dumps(said), media_type="application/json")

    return Starlette(routes=[Route("/api/publish", publish, methods=["POST"])])


if __name__ == "__main__":
    run(HttpIn)
