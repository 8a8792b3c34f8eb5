"""A session of which the node knows what it knows of every one, and that does nothing."""

from __future__ import annotations

from collections.abc import Iterable

from gapless import Disconnect
from gapless.hooks.events import Client
from gapless.model import Grant, Position, ServerSubscription


class Somebody:
    """A session that notes what is done to it."""

    def __init__(self, client: str, user: str = "", secret: str = "", channels: Iterable[str] = ()) -> None:
        self.client, self.secret, self.channels = client, secret, channels
        self.grant = Grant(user)
        self.about = Client(client)
        self.closed: Disconnect | None = None
        self.done: list[tuple[object, ...]] = []
        self.refuses: Exception | None = None

    @property
    def flow(self) -> Somebody:
        return self

    def close(self, disconnect: Disconnect) -> None:
        self.closed = disconnect

    def check(self, now: float) -> None:
        self.done.append(("check", now))

    async def subscribe_from_server(
        self, channel: str, server: ServerSubscription, since: Position | None
    ) -> None:
        self.done.append(("subscribe", channel))
        if self.refuses is not None:
            raise self.refuses

    def unsubscribe_from_server(self, channel: str, code: int, reason: str | None) -> None:
        self.done.append(("unsubscribe", channel, code))

    def refresh_from_server(self, expires_at: float | None, info: bytes | None) -> None:
        self.done.append(("refresh", expires_at, info))
