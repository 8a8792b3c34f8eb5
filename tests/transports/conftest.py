"""The doors over each WebSocket protocol that uvicorn may be told to use."""

from __future__ import annotations

from ..doors.conftest import open_doors, ws_protocol

__all__ = ["open_doors", "ws_protocol"]
