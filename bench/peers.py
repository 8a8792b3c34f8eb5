"""Who is measured."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec

from .child import Peer
from .machine import installed

FAST_PATH = "gapless.transports.uvicorn:WebSocketProtocol"

HUB = Peer("hub", "Gapless", "hub", {})
HUB_FAST = Peer("hub_fast", "Gapless, fast path", "hub", {"ws": FAST_PATH})
HUB_CENTRIFUGE = Peer(
    "hub_centrifuge", "Gapless, Centrifuge door", "hub", {"ws": FAST_PATH, "door": "centrifuge"}
)
HUB_BATCH = Peer("hub_batch", "Gapless, batch=1", "hub", {"query": "&batch=1"})
OWN_APP = Peer("own_app", "an application of one's own", "own_app", {"ws": FAST_PATH})
HUB_SQLITE = Peer("hub_sqlite", "Gapless on a file", "hub", {"ws": FAST_PATH, "store": "sqlite"})
HUB_REDIS = Peer("hub_redis", "Gapless on Redis", "hub", {"ws": FAST_PATH, "store": "redis"})
NAIVE = Peer("naive", "naive class", "naive", {})
COPIED = Peer("copied", "copied class", "manager", {"manager": "copied"})
MIDDLEWARE = Peer("middleware", "copied class, NeverWait", "manager", {"manager": "middleware"})
DROP_IN = Peer("drop_in", "drop-in", "manager", {"manager": "drop_in"})
DROP_IN_FAST = Peer("drop_in_fast", "drop-in, fast path", "manager", {"manager": "drop_in", "ws": FAST_PATH})
WEBSOCKETS = Peer("websockets", "websockets.broadcast", "websockets_broadcast", {})
SOCKETIO = Peer("socketio", "python-socketio", "socketio", {})
AIOHTTP = Peer("aiohttp", "aiohttp", "aiohttp", {})
CENTRIFUGO = Peer("centrifugo", "Centrifugo", "centrifugo", {})
ACCEPT_ONLY = Peer("accept_only", "accept only", "accept_only", {})
ACCEPT_ONLY_FAST = Peer("accept_only_fast", "accept only, fast path", "accept_only", {"ws": FAST_PATH})
BARE = Peer("bare", "bare send loop", "bare", {})
BARE_10 = Peer("bare_10", "bare loop, 10 per send", "bare", {"frames_per_send": 10})
HTTP_DIRECT = Peer("http_direct", "HTTP, direct", "http_in", {"ws": FAST_PATH, "way": "direct"})
HTTP_MOUNTED = Peer("http_mounted", "HTTP, through ASGI", "http_in", {"ws": FAST_PATH, "way": "mounted"})
HTTP_BARE = Peer("http_bare", "HTTP, a bare route", "http_in", {"way": "bare"})

ALL = (
    HUB,
    HUB_FAST,
    HUB_CENTRIFUGE,
    HUB_BATCH,
    OWN_APP,
    HUB_SQLITE,
    HUB_REDIS,
    NAIVE,
    COPIED,
    MIDDLEWARE,
    DROP_IN,
    DROP_IN_FAST,
    WEBSOCKETS,
    SOCKETIO,
    AIOHTTP,
    CENTRIFUGO,
    ACCEPT_ONLY,
    ACCEPT_ONLY_FAST,
    BARE,
    BARE_10,
    HTTP_DIRECT,
    HTTP_MOUNTED,
    HTTP_BARE,
)

STORES = (HUB_SQLITE, HUB_REDIS)
"""The hub on what several processes share; measured when they are named."""

MANAGERS = (COPIED, MIDDLEWARE, DROP_IN, DROP_IN_FAST)
"""Classes that hold connections for somebody's endpoint, side by side."""

FEEDERS = (HTTP_DIRECT, HTTP_MOUNTED, HTTP_BARE)
"""Ways of publications into a process, side by side."""

_PACKAGES = {WEBSOCKETS.name: "websockets", SOCKETIO.name: "python-socketio", AIOHTTP.name: "aiohttp"}


def with_ws(peer: Peer, ws: str) -> Peer:
    """A fast-path peer with another WebSocket class (MODULE:CLASS); any other peer as it is."""
    return replace(peer, arguments={**peer.arguments, "ws": ws}) if "ws" in peer.arguments else peer


def missing(peer: Peer) -> str | None:
    """Why a peer cannot be measured here; None when it can."""
    package = _PACKAGES.get(peer.name)
    if package and not installed(package):
        return f"not measured, {package} is not installed"
    if peer is CENTRIFUGO and not os.environ.get("CENTRIFUGO"):
        return "not measured; set CENTRIFUGO to the path of its binary"
    if peer.name == HUB_REDIS.name and not os.environ.get("GAPLESS_BENCH_REDIS"):
        return "not measured; set GAPLESS_BENCH_REDIS to the address of an empty Redis"
    ws = peer.arguments.get("ws")
    if ws is not None and find_spec(str(ws).partition(":")[0]) is None:
        return f"not measured, {ws} does not exist here"
    return None
