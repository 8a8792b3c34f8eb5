"""The broker that a URL names, and what it brings along."""

from __future__ import annotations

from ..errors import ConfigError
from ..options import Limits
from .base import Broker, PresenceStore, SharesPresence
from .memory import MemoryBroker, MemoryPresence

MEMORY = "memory://"

KNOWN = "memory:// and sqlite:///FILE"
"""What there is, as it is shown to whoever wrote something else."""


def broker_from(url: str, limits: Limits) -> Broker:
    """Raises ConfigError: no broker goes by this name."""
    scheme = url.partition(":")[0]  # the rest may hold a password
    if url in (MEMORY, "memory:"):
        return MemoryBroker(limits)
    if scheme == "sqlite":
        from .sqlite import SqliteBroker  # some builds of Python have no sqlite3
        from .sqlite.address import parse

        address = parse(url)
        return SqliteBroker(address.path, limits, synchronous=address.synchronous)
    raise ConfigError(f"there is no broker for {scheme!r} URLs in this version; there are {KNOWN}")


def presence_of(broker: Broker, limits: Limits) -> PresenceStore:
    """The presence that the broker's processes share; else that of this process."""
    return broker.presence if isinstance(broker, SharesPresence) else MemoryPresence(limits)
