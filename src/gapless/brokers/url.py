"""The broker that a URL names, and what it brings along."""

from __future__ import annotations

from ..errors import ConfigError
from ..model import Member, Publication
from ..options import Limits
from .base import Broker, PresenceStore, SharesPresence
from .memory import MemoryBroker
from .presence import MemoryPresence

MEMORY = "memory://"

KNOWN = "memory://, sqlite:///FILE and redis://HOST"
"""What there is, as it is shown to whoever wrote something else."""


def broker_from(url: str, limits: Limits) -> Broker:
    """Raises ConfigError: no broker goes by this name, or what it needs is not installed."""
    scheme = url.partition(":")[0]  # the rest may hold a password
    if url in (MEMORY, "memory:"):
        return MemoryBroker(limits)
    if scheme == "sqlite":
        from .sqlite.address import parse
        from .sqlite.broker import SqliteBroker  # some builds of Python have no sqlite3

        address = parse(url)
        return SqliteBroker(address.path, limits, synchronous=address.synchronous, max_mib=address.max_mib)
    if scheme.partition("+")[0] in ("redis", "rediss"):
        return _redis(url, limits)
    raise ConfigError(f"there is no broker for {scheme!r} URLs in this version; there are {KNOWN}")


def _redis(url: str, limits: Limits) -> Broker:
    try:
        from .redis.broker import RedisBroker  # an extra: most hubs do without
    except ModuleNotFoundError as error:
        raise ConfigError(f'{error.name} is not installed: pip install "gapless[redis]"') from None
    return RedisBroker(url, limits)


async def try_out(url: str, limits: Limits) -> None:
    """Open it and close it again. Raises BrokerError: it cannot be used, with the fix."""
    broker = broker_from(url, limits)
    await broker.start(_Nobody())
    await broker.close()


class _Nobody:
    """A sink that listens to nothing."""

    def publication(self, channel: str, publication: Publication) -> None: ...

    def joined(self, channel: str, member: Member) -> None: ...

    def left(self, channel: str, member: Member) -> None: ...

    def interrupted(self) -> None: ...
    def garbled(self, channel: str) -> None: ...


def presence_of(broker: Broker, limits: Limits) -> PresenceStore:
    """The presence that the broker's processes share; else that of this process."""
    return broker.presence if isinstance(broker, SharesPresence) else MemoryPresence(limits)
