"""What `gapless serve` makes of its settings before it opens anything: whatever cannot be, fails here."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from starlette.types import ASGIApp

from ..brokers.url import MEMORY
from ..core.sources import Standing
from ..errors import ConfigError
from ..hub import Hub
from ..server.listening import is_loopback
from ..server.serve import websocket_protocol
from .doors import doors
from .settings import Settings, load, place_of

if TYPE_CHECKING:
    from ..feeds.redis_pubsub import RedisFeed
    from ..feeds.redis_streams import StreamFeed


class Prepared(NamedTuple):
    """A hub that has not begun, its doors, what fills it, and the WebSocket protocol to serve it with."""

    hub: Hub
    app: ASGIApp
    feeds: list[RedisFeed | StreamFeed]
    protocol: str | type[asyncio.Protocol]


def prepare(settings: Settings) -> Prepared:
    """Raises ConfigError for what no server can run with."""
    check_access(settings, local=is_loopback(settings.host))
    if settings.workers > 1 and settings.store.startswith(MEMORY):
        raise ConfigError(
            f"{settings.workers} workers need a store that they share: --store sqlite:///gapless.db"
        )
    if settings.workers > 1 and settings.feeds:
        raise ConfigError("each worker would publish what the feed brings: --feed is for one process")
    protocol = websocket_protocol(settings.ws)
    hub = Hub(settings.store, channels=settings.channels, limits=settings.limits)
    if settings.workers > 1:
        hub.group = f"{socket.gethostname()}_{os.getppid()}"  # the process that watches over all of them
    feeds = _feeds(settings, hub)
    for feed in feeds:
        hub.node.sources.add(partial(_standing, feed))
    return Prepared(hub, doors(settings, hub), feeds, protocol)


def _standing(feed: RedisFeed | StreamFeed) -> Standing:
    return Standing(str(feed), "redis", feed.state, feed.received, feed.refused, feed.breaks, feed.since)


def notes(settings: Settings) -> list[str]:
    """What holds otherwise than it may be read."""
    limits, workers = settings.limits, settings.workers
    if workers == 1 or limits.connections is None:
        return []
    together = workers * limits.connections
    return [f"connections = {limits.connections} is for each of {workers} workers: {together} in all"]


def check(file: Path, note: Callable[[str], None] | None = None) -> Settings:
    """The settings of a file with which a server would run; `note` as of `load`.

    Raises:
        ConfigError: a server would refuse it; as FILE:LINE where the file says it.
    """
    settings = load(file, note=note)
    try:
        prepare(settings)
    except ConfigError as error:
        words = re.findall(r"\w+", str(error))  # one of them is the option's, or what it has several of
        options = [name for word in words for name in (word, f"{word}s")]
        raise ConfigError(f"{place_of(file, options)}: {error}") from None
    if note is not None:
        for said in notes(settings):
            note(said)
    return settings


def check_access(settings: Settings, *, local: bool) -> None:
    """Raises ConfigError when anybody on the network could publish."""
    if local:
        return
    if settings.dev:
        raise ConfigError(
            f"dev takes weak secrets and host {settings.host} is open to others: listen on 127.0.0.1, "
            "or remove --dev (dev = true)"
        )
    if settings.insecure:
        return
    if settings.client.insecure:
        raise ConfigError(
            f"{settings.host} is open to others, and client.insecure lets them do everything: remove it, "
            "or listen on 127.0.0.1, or pass --insecure where everyone may publish"
        )
    if settings.token is None:
        raise ConfigError(
            f"{settings.host} is open to others: set GAPLESS_TOKEN, or listen on 127.0.0.1, "
            "or pass --insecure where everyone may publish"
        )


def _feeds(settings: Settings, hub: Hub) -> list[RedisFeed | StreamFeed]:
    """Raises ConfigError: one that cannot be, or what they need is not installed."""
    if not settings.feeds:
        return []
    try:
        from ..feeds.redis_pubsub import RedisFeed
        from ..feeds.redis_streams import StreamFeed, names_streams
    except ModuleNotFoundError as error:
        raise ConfigError(f'{error.name} is not installed: pip install "gapless[redis]"') from None
    return [
        StreamFeed(hub.publish, url) if names_streams(url) else RedisFeed(hub.publish, url)
        for url in settings.feeds
    ]
