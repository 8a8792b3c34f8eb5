"""What the servers serve: every copy as it is and freed, and a way to look inside from outside."""

from __future__ import annotations

import os
import socket
from typing import Any

from fastapi import FastAPI

from . import copies

app = FastAPI()
freed: dict[str, FastAPI] = {}
for name, made in copies.COPIES.items():
    app.mount(f"/before/{name}", made(False))
    app.mount(f"/after/{name}", made(True))
for name in ("replay", "rooms", "listener"):
    freed[name] = copies.COPIES[name](True, copies.SOON)
    app.mount(f"/soon/{name}", freed[name])


@app.get("/ready")
def ready() -> str:
    return "ready"


@app.get("/numbers/{kind}")
async def numbers(kind: str) -> dict[str, int]:
    """Of one of the three ways: how many were found to stall, and how many are there."""
    if kind == "listener":
        return {"stalled": freed[kind].state.counters.stalled, "there": _there(kind)}
    return {"stalled": freed[kind].state.manager.stats().counters["stalled"], "there": _there(kind)}


def _there(kind: str) -> int:
    manager: Any = freed[kind].state.manager
    return len(manager._clients) if kind == "listener" else manager.stats().clients


@app.get("/holds/{port}")
async def holds(port: int) -> bool:
    """Has this process a socket that is connected to this port?"""
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(descriptor))) as found:
                if found.family is socket.AF_INET and found.getpeername()[1] == port:
                    return True
        except OSError:
            continue  # no socket, not connected, or closed meanwhile
    return False
