"""The flags of uvicorn that a hub needs to be bounded: those that somebody else left out are said once.

uvicorn's own protocols read all that one read of a socket holds before others have their turn, inflate
what is compressed, and wait for ever for who does not go on. Nothing within the application can change
that; ours, which uvicorn takes by name, do.

It is said at the start, where the server itself asks the hub to start; else at the first request, for an
application in between does not pass on who asks.
"""

from __future__ import annotations

import logging
from typing import Any, Protocol

from starlette.types import Send

from ..isolation.server import uvicorn_config

WS = "gapless.transports.uvicorn:WebSocketProtocol"
HTTP = "gapless.transports.uvicorn:HttpProtocol"

log = logging.getLogger("gapless.flags")


class Chosen(Protocol):
    """What a configuration of uvicorn says of its protocols, once it is loaded."""

    ws: Any
    http: Any
    ws_protocol_class: Any
    http_protocol_class: Any


class ServerFlags:
    """Looks at the first server that it is shown."""

    def __init__(self) -> None:
        self.looked = False

    def look(self, send: Send) -> None:
        """Whose `send` is it, and what is missing there? Only a uvicorn can be asked."""
        self.looked = True
        config = uvicorn_config(send)
        if config is not None and (flags := missing(config)):
            log.warning("%s", advice(flags))


def missing(config: Chosen) -> list[str]:
    """The flags that are not set and would bound what nobody bounds now."""
    wanted = (
        ("--ws", WS, config.ws, "ws_protocol_class"),
        ("--http", HTTP, config.http, "http_protocol_class"),
    )
    return [
        f"{flag} {name}"
        for flag, name, given, loaded in wanted
        if given != name and not _is_ours(getattr(config, loaded, None))
    ]


def advice(flags: list[str]) -> str:
    """One line for the operator."""
    return (
        "uvicorn reads requests and WebSockets of this hub without the bounds of Gapless: start it with "
        f"{' '.join(flags)}, or as `gapless serve module:app`"
    )


def _is_ours(chosen: Any) -> bool:
    # uvicorn serves no WebSockets at all where it finds no library for them.
    return chosen is None or any(kind.__module__.startswith("gapless.") for kind in chosen.__mro__)
