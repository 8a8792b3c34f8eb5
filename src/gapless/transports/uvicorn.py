"""The protocols for uvicorn: the fast path, or uvicorn's own where there is none.

    uvicorn --ws gapless.transports.uvicorn:WebSocketProtocol app:app
    uvicorn --http gapless.transports.uvicorn:HttpProtocol app:app

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


def choose_http() -> type[Any]:
    """The class that serves HTTP here: the one that answers usual publications itself, where it can."""
    if why_not() is None:
        try:
            from ..server.direct_http import DirectHttpProtocol

            return DirectHttpProtocol
        except ImportError as error:  # httptools is not installed
            log.warning("HTTP runs on uvicorn's own protocol: %s", error)
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    return AutoHTTPProtocol


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
HttpProtocol: type[asyncio.Protocol] = choose_http()
