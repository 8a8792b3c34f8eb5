"""The roster of one node: its sessions, found by client id, by user and by secret without a scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from ..core.rate import Tally
from ..errors import Disconnect
from ..hooks.events import Client
from ..model import Grant, Position, ServerSubscription


class Ending(Protocol):
    """How a session goes on."""

    @property
    def closed(self) -> Disconnect | None:
        """How it ended; None while it goes on."""


class Connected(Protocol):
    """What the node knows of a session."""

    @property
    def client(self) -> str:
        """Its id."""

    @property
    def grant(self) -> Grant:
        """Whose it is."""

    @property
    def about(self) -> Client:
        """Where it comes from."""

    @property
    def flow(self) -> Ending:
        """Whether it has ended."""

    @property
    def secret(self) -> str:
        """The session id that an emulated or unidirectional connection was told; empty for others."""

    @property
    def channels(self) -> Iterable[str]:
        """Those that it is subscribed to, or about to be."""

    def close(self, disconnect: Disconnect) -> None:
        """Say goodbye and end it."""

    def check(self, now: float) -> None:
        """Called about once a second with the loop's time; closes itself when it stalls."""

    async def subscribe_from_server(
        self, channel: str, server: ServerSubscription, since: Position | None
    ) -> None:
        """Subscribe on the client's behalf, unless it is subscribed. Raises ClientError, BrokerError."""

    def unsubscribe_from_server(self, channel: str, code: int, reason: str | None) -> None:
        """End a subscription and say so. Not subscribed: nothing happens."""

    def refresh_from_server(self, expires_at: float | None, info: bytes | None) -> None:
        """Let it expire at another time, None for never, and show other `info` of it to others."""


class Roster:
    """Sessions that were opened and have not ended, in the order in which they came."""

    def __init__(self, addresses: Tally | None = None) -> None:
        """`addresses` counts those of each; None where that has no bound, and nobody asks."""
        self._addresses = addresses
        self._by_client: dict[str, Connected] = {}
        self._by_user: dict[str, dict[str, Connected]] = {}
        self._by_secret: dict[str, Connected] = {}
        self.on_came: Callable[[str], object] | None = None
        """Hears of which user there is one more."""
        self.on_left: Callable[[str], object] | None = None
        """Hears of which user there is one less."""

    def __len__(self) -> int:
        return len(self._by_client)

    def __iter__(self) -> Iterator[Connected]:
        """Those that there are now; who comes or goes meanwhile does no harm."""
        return iter(list(self._by_client.values()))

    def __contains__(self, client: str) -> bool:
        return client in self._by_client

    def add(self, session: Connected) -> None:
        """From now on it is found."""
        self._by_client[session.client] = session
        self._by_user.setdefault(session.grant.user, {})[session.client] = session
        if session.secret:
            self._by_secret[session.secret] = session
        if self.on_came is not None:
            self.on_came(session.grant.user)
        if self._addresses is not None:
            self._addresses.add(session.about.address)

    def identify(self, session: Connected, user: str) -> None:
        """It has said who it is, and is found by that from now on. Call this before its `grant` changes."""
        if self._by_client.get(session.client) is session:
            self._forget_user(session)
            self._by_user.setdefault(user, {})[session.client] = session
            if self.on_came is not None:
                self.on_came(user)

    def discard(self, session: Connected) -> None:
        """It has ended. Idempotent, also for one that never was here."""
        if self._by_client.get(session.client) is not session:
            return
        del self._by_client[session.client]
        self._forget_user(session)
        self._by_secret.pop(session.secret, None)
        if self._addresses is not None:
            self._addresses.remove(session.about.address)

    def _forget_user(self, session: Connected) -> None:
        others = self._by_user[session.grant.user]
        del others[session.client]
        if not others:
            del self._by_user[session.grant.user]
        if self.on_left is not None:
            self.on_left(session.grant.user)

    @property
    def users(self) -> int:
        """How many distinct users there are; all without a user id count as one."""
        return len(self._by_user)

    def of_user(self, user: str) -> int:
        """How many connections a user has."""
        return len(self._by_user.get(user, ()))

    def find(self, user: str | None, client: str | None, secret: str | None) -> list[Connected]:
        """Those that fit all that is not None."""
        found: Iterable[Connected | None]
        if client is not None:
            found = [self._by_client.get(client)]
        elif secret is not None:
            found = [self._by_secret.get(secret)]
        elif user is not None:
            found = list(self._by_user.get(user, {}).values())
        else:
            found = self
        return [
            session
            for session in found
            if session is not None
            and (user is None or session.grant.user == user)
            and (secret is None or session.secret == secret)
        ]
