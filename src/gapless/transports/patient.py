"""uvicorn's own WebSocket protocol, which does not listen before it has answered.

What a client says behind its handshake, before the application has decided, uvicorn parses at once. If
that is no frame the connection has failed before it began, and whatever the application answers then is
an exception.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ..server.counters import counters

EARLY_BYTES = 16 * 1024
"""What a client may say before its upgrade is answered, which no browser does; with more it is cut off."""


class PatientProtocol(WebSocketsSansIOProtocol):
    """Keeps what comes too early until the application has accepted."""

    _early = b""

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated or self.handshake_complete:
            super().data_received(data)
            return
        self._early += data
        if len(self._early) > EARLY_BYTES:
            counters.early_cut += 1
            self._early = b""
            self.transport.abort()

    async def send(self, message: Any) -> None:
        """ASGI's."""
        await super().send(message)
        if self._early and self.handshake_complete:
            early, self._early = self._early, b""
            if not self.transport.is_closing():
                self.data_received(early)
