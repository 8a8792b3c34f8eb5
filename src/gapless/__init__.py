"""Gapless: a realtime hub. Every publication in order, without a gap and without a repeat.

A name is imported from its home when it is first asked for: who only publishes waits for no door.
"""

import importlib
import typing

from .version import __version__ as __version__

if typing.TYPE_CHECKING:
    from .auth.access import Access as Access
    from .auth.jwks import Jwks as Jwks
    from .auth.keys import StaticKeys as StaticKeys
    from .auth.verifier import TokenRules as TokenRules
    from .auth.verifier import TokenVerifier as TokenVerifier
    from .board import Board as Board
    from .brokers.memory import MemoryBroker as MemoryBroker
    from .client.asynchronous import AsyncPublisher as AsyncPublisher
    from .client.connect import connect as connect
    from .client.publisher import Publisher as Publisher
    from .connection_manager import ConnectionManager as ConnectionManager
    from .core.cursor import Lost as Lost
    from .doors.asgi import HubApp as HubApp
    from .errors import BadRequest as BadRequest
    from .errors import BrokerError as BrokerError
    from .errors import ClientError as ClientError
    from .errors import ConfigError as ConfigError
    from .errors import Disconnect as Disconnect
    from .errors import GaplessError as GaplessError
    from .errors import LimitExceeded as LimitExceeded
    from .errors import Missed as Missed
    from .errors import NotRunning as NotRunning
    from .errors import Overloaded as Overloaded
    from .errors import PermissionDenied as PermissionDenied
    from .hooks.events import ChannelEvent as ChannelEvent
    from .hooks.events import Client as Client
    from .hooks.events import ConnectEvent as ConnectEvent
    from .hooks.events import DisconnectEvent as DisconnectEvent
    from .hooks.events import MessageEvent as MessageEvent
    from .hooks.events import PublishEvent as PublishEvent
    from .hooks.events import RefreshEvent as RefreshEvent
    from .hooks.events import Replace as Replace
    from .hooks.events import RpcEvent as RpcEvent
    from .hooks.events import SubscribeEvent as SubscribeEvent
    from .hooks.events import SubscriptionGrant as SubscriptionGrant
    from .hooks.events import UnsubscribeEvent as UnsubscribeEvent
    from .hooks.events import Welcome as Welcome
    from .hub import Hub as Hub
    from .isolation.never_wait import NeverWait as NeverWait
    from .isolation.pressure import IsolationCounters as IsolationCounters
    from .logging.events import activity as activity
    from .logging.events import event as event
    from .logging.events import stats as stats
    from .logging.handler import HubHandler as HubHandler
    from .model import Grant as Grant
    from .model import History as History
    from .model import Member as Member
    from .model import Override as Override
    from .model import Position as Position
    from .model import Publication as Publication
    from .model import ServerSubscription as ServerSubscription
    from .model import Stats as Stats
    from .node.connections import Connections as Connections
    from .node.receipt import Receipt as Receipt
    from .options import ChannelOptions as ChannelOptions
    from .options import Limits as Limits
    from .rooms import Rooms as Rooms
    from .serving import run as run
    from .sessions.listener import Listener as Listener

_HOMES = {
    "auth.access": "Access",
    "auth.jwks": "Jwks",
    "auth.keys": "StaticKeys",
    "auth.verifier": "TokenRules TokenVerifier",
    "board": "Board",
    "brokers.memory": "MemoryBroker",
    "client.asynchronous": "AsyncPublisher",
    "client.connect": "connect",
    "client.publisher": "Publisher",
    "connection_manager": "ConnectionManager",
    "core.cursor": "Lost",
    "doors.asgi": "HubApp",
    "errors": (
        "BadRequest BrokerError ClientError ConfigError Disconnect GaplessError LimitExceeded Missed "
        "NotRunning Overloaded PermissionDenied"
    ),
    "hooks.events": (
        "ChannelEvent Client ConnectEvent DisconnectEvent MessageEvent PublishEvent RefreshEvent "
        "Replace RpcEvent SubscribeEvent SubscriptionGrant UnsubscribeEvent Welcome"
    ),
    "hub": "Hub",
    "isolation.never_wait": "NeverWait",
    "isolation.pressure": "IsolationCounters",
    "logging.events": "activity event stats",
    "logging.handler": "HubHandler",
    "model": "Grant History Member Override Position Publication ServerSubscription Stats",
    "node.connections": "Connections",
    "node.receipt": "Receipt",
    "options": "ChannelOptions Limits",
    "rooms": "Rooms",
    "serving": "run",
    "sessions.listener": "Listener",
}
"""Which module has which of these names."""

_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted([*_HOME, "__version__"])


if not typing.TYPE_CHECKING:  # for which every name but these is a mistake

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
