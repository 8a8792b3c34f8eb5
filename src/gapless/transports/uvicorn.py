"""The WebSocket protocol for uvicorn: the fast path, or uvicorn's own where there is none.

    uvicorn --ws gapless.transports.uvicorn:WebSocketProtocol app:app

With a version of uvicorn that was not tested everything goes on as without the option, on plain
ASGI; one warning says so. `docs/reference/asgi-servers.md` says what that costs.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from .uvicorn_inside import plain_class, why_not

if TYPE_CHECKING:
    from .fast import FastProtocol

log = logging.getLogger("gapless")


def choose() -> type[FastProtocol] | type[Any]:
    """The class that serves WebSockets here. Warns when it is not the fast path."""
    reason = why_not()
    if reason is None:
        try:
            from .fast import FastProtocol

            return FastProtocol
        except ImportError as error:
            reason = f"the installed websockets is not as it was: {error}"
    log.warning("WebSockets run on plain ASGI, without the fast path: %s", reason)
    return plain_class()


WebSocketProtocol: type[asyncio.Protocol] = choose()
