"""Gapless: a realtime hub. Every publication in order, without a gap and without a repeat.

A name is imported from its home when it is first asked for: who only publishes waits for no door.
"""

import importlib
import typing

from .version import __version__

if typing.TYPE_CHECKING:
    from .auth.access import Access
    from .auth.jwks import Jwks
    from .auth.keys import StaticKeys
    from .auth.verifier import TokenRules, TokenVerifier
    from .board import Board
    from .brokers.memory import MemoryBroker
    from .client.asynchronous import AsyncPublisher
    from .client.connect import connect
    from .client.publisher import Publisher
    from .connection_manager import ConnectionManager
    from .core.cursor import Lost
    from .doors.asgi import HubApp
    from .errors import (
        BadRequest,
        BrokerError,
        ClientError,
        ConfigError,
        Disconnect,
        GaplessError,
        LimitExceeded,
        Missed,
        NotRunning,
        Overloaded,
        PermissionDenied,
    )
    from .hooks.events import (
        ChannelEvent,
        Client,
        ConnectEvent,
        DisconnectEvent,
        MessageEvent,
        PublishEvent,
        RefreshEvent,
        Replace,
        RpcEvent,
        SubscribeEvent,
        SubscriptionGrant,
        UnsubscribeEvent,
        Welcome,
    )
    from .hub import Hub
    from .isolation.never_wait import NeverWait
    from .isolation.pressure import IsolationCounters
    from .logging.events import activity, event, stats
    from .logging.handler import HubHandler
    from .model import Grant, History, Member, Override, Position, Publication, ServerSubscription, Stats
    from .node.connections import Connections
    from .node.receipt import Receipt
    from .options import ChannelOptions, Limits
    from .rooms import Rooms
    from .serving import run
    from .sessions.listener import Listener

__all__ = [
    "Access",
    "AsyncPublisher",
    "BadRequest",
    "Board",
    "BrokerError",
    "ChannelEvent",
    "ChannelOptions",
    "Client",
    "ClientError",
    "ConfigError",
    "ConnectEvent",
    "ConnectionManager",
    "Connections",
    "Disconnect",
    "DisconnectEvent",
    "GaplessError",
    "Grant",
    "History",
    "Hub",
    "HubApp",
    "HubHandler",
    "IsolationCounters",
    "Jwks",
    "LimitExceeded",
    "Limits",
    "Listener",
    "Lost",
    "Member",
    "MemoryBroker",
    "MessageEvent",
    "Missed",
    "NeverWait",
    "NotRunning",
    "Overloaded",
    "Override",
    "PermissionDenied",
    "Position",
    "Publication",
    "PublishEvent",
    "Publisher",
    "Receipt",
    "RefreshEvent",
    "Replace",
    "Rooms",
    "RpcEvent",
    "ServerSubscription",
    "StaticKeys",
    "Stats",
    "SubscribeEvent",
    "SubscriptionGrant",
    "TokenRules",
    "TokenVerifier",
    "UnsubscribeEvent",
    "Welcome",
    "__version__",
    "activity",
    "connect",
    "event",
    "run",
    "stats",
]

_HOMES = {
    "auth.access": ("Access",),
    "auth.jwks": ("Jwks",),
    "auth.keys": ("StaticKeys",),
    "auth.verifier": ("TokenRules", "TokenVerifier"),
    "board": ("Board",),
    "brokers.memory": ("MemoryBroker",),
    "client.asynchronous": ("AsyncPublisher",),
    "client.connect": ("connect",),
    "client.publisher": ("Publisher",),
    "connection_manager": ("ConnectionManager",),
    "core.cursor": ("Lost",),
    "doors.asgi": ("HubApp",),
    "errors": (
        "BadRequest",
        "BrokerError",
        "ClientError",
        "ConfigError",
        "Disconnect",
        "GaplessError",
        "LimitExceeded",
        "Missed",
        "NotRunning",
        "Overloaded",
        "PermissionDenied",
    ),
    "hooks.events": (
        "ChannelEvent",
        "Client",
        "ConnectEvent",
        "DisconnectEvent",
        "MessageEvent",
        "PublishEvent",
        "RefreshEvent",
        "Replace",
        "RpcEvent",
        "SubscribeEvent",
        "SubscriptionGrant",
        "UnsubscribeEvent",
        "Welcome",
    ),
    "hub": ("Hub",),
    "isolation.never_wait": ("NeverWait",),
    "isolation.pressure": ("IsolationCounters",),
    "logging.events": ("activity", "event", "stats"),
    "logging.handler": ("HubHandler",),
    "model": (
        "Grant",
        "History",
        "Member",
        "Override",
        "Position",
        "Publication",
        "ServerSubscription",
        "Stats",
    ),
    "node.connections": ("Connections",),
    "node.receipt": ("Receipt",),
    "options": ("ChannelOptions", "Limits"),
    "rooms": ("Rooms",),
    "serving": ("run",),
    "sessions.listener": ("Listener",),
}
"""Which module has which of these names."""

_HOME = {name: home for home, names in _HOMES.items() for name in names}


if not typing.TYPE_CHECKING:  # for which every name but these is a mistake

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
