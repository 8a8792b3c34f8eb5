"""The broker that a URL names."""

from __future__ import annotations

from ..errors import ConfigError
from ..options import Limits
from .base import Broker
from .memory import MemoryBroker


def broker_from(url: str, limits: Limits) -> Broker:
    """Raises ConfigError: no broker goes by this name."""
    if url in ("memory://", "memory:"):
        return MemoryBroker(limits)
    scheme = url.partition(":")[0]
    raise ConfigError(f"there is no broker for {scheme!r} URLs in this version; use memory://")
