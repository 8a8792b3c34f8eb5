"""What the server of a hub was not told and should have been, said once.

At the start, where the server itself asks the hub to start; else at the first request, for an
application in between does not pass on who asks.
"""

from __future__ import annotations

import logging

from starlette.types import Send

from ..isolation.server import uvicorn_config
from ..server import flags

log = logging.getLogger("gapless.flags")


class ServerFlags:
    """Looks at the first server that it is shown."""

    def __init__(self) -> None:
        self.looked = False

    def look(self, send: Send) -> None:
        """Whose `send` is it, and what is missing there? Only a uvicorn can be asked."""
        self.looked = True
        config = uvicorn_config(send)
        if config is not None and (missing := flags.missing(config)):
            log.warning("%s", flags.advice(missing))
