"""`gapless serve MODULE:APP`: anybody's ASGI application, with the server of the hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..serving import HOST, MESSAGE_BYTES, PORT, Application
from .common import WrongUsage


def serve_application(
    name: str,
    *,
    host: str | None,
    port: int | None,
    workers: int | None,
    reload: bool,
    trusted_proxies: tuple[str, ...],
    message_bytes: int | None,
    folder: str | None,
    inherit: str | None,
    of_the_hub: Mapping[str, Any],
) -> None:
    """Serve it. `of_the_hub` are flags for a hub of the server's own, which this is not.

    Raises:
        ConfigError: there is no such application, the port is taken.
        WrongUsage: what was asked for is of no use here, or excludes itself.
    """
    given = [flag for flag, value in of_the_hub.items() if value]
    if given:
        raise WrongUsage(f"--{given[0]} is for the hub of gapless serve; {name} makes its own: leave it out")
    Application(
        name,
        host=HOST if host is None else host,
        port=PORT if port is None else port,
        message_bytes=message_bytes or MESSAGE_BYTES,
        workers=workers or 1,
        reload=reload,
        trusted_proxies=trusted_proxies,
        folder=os.path.abspath(folder or "."),
    ).serve(inherit)
