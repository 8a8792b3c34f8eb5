"""Gapless: a realtime hub. Every publication in order, without a gap and without a repeat."""

from .auth.access import Access
from .auth.jwks import Jwks
from .auth.keys import StaticKeys
from .auth.verifier import TokenRules, TokenVerifier
from .brokers.memory import MemoryBroker
from .connection_manager import ConnectionManager
from .doors.asgi import HubApp
from .errors import (
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
from .hooks.events import Client, ConnectEvent, DisconnectEvent, PublishEvent, Replace, SubscribeEvent
from .hub import Hub
from .model import Grant, History, Member, Position, Publication, Stats
from .node.receipt import Receipt
from .options import ChannelOptions, Limits
from .version import __version__

__all__ = [
    "Access",
    "BrokerError",
    "ChannelOptions",
    "Client",
    "ClientError",
    "ConfigError",
    "ConnectEvent",
    "ConnectionManager",
    "Disconnect",
    "DisconnectEvent",
    "GaplessError",
    "Grant",
    "History",
    "Hub",
    "HubApp",
    "Jwks",
    "LimitExceeded",
    "Limits",
    "Member",
    "MemoryBroker",
    "Missed",
    "NotRunning",
    "Overloaded",
    "PermissionDenied",
    "Position",
    "Publication",
    "PublishEvent",
    "Receipt",
    "Replace",
    "StaticKeys",
    "Stats",
    "SubscribeEvent",
    "TokenRules",
    "TokenVerifier",
    "__version__",
]
