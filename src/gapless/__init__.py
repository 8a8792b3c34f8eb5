"""Gapless: a realtime hub. Every publication in order, without a gap and without a repeat."""

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
from .isolation.bounds import IsolationCounters
from .isolation.never_wait import NeverWait
from .logging.events import activity, event, stats
from .logging.handler import HubHandler
from .model import Grant, History, Member, Override, Position, Publication, ServerSubscription, Stats
from .node.connections import Connections
from .node.receipt import Receipt
from .options import ChannelOptions, Limits
from .rooms import Rooms
from .serving import run
from .sessions.listener import Listener
from .version import __version__

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
