"""Who a connecting client is: its token, the server's credential, or the application's word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from .auth.claims import ConnectionToken, ServerSubscription
from .auth.namespaces import personal_channel
from .auth.verifier import TokenVerifier
from .errors import Disconnect, Expired
from .hooks import Client, ConnectEvent, Hooks, grant_from
from .model import Grant


@dataclass(frozen=True, slots=True)
class Handshake:
    """What is known before the client has said a word."""

    client: Client
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    operator: bool = False
    """Did the handshake carry the server's own credential?"""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A connection that may begin. `subs` are the server's subscriptions for it."""

    grant: Grant
    subs: Mapping[str, ServerSubscription] = field(default_factory=dict)
    client_refreshes: bool = False
    """By a new token, before `grant.expires_at`; otherwise the application's hook is asked."""


@dataclass(slots=True)
class Reception:
    """The rules by which connections of the Centrifuge doors are let in.

    `anonymous` lets in clients without a token or a hook's word. `insecure` lets everybody do
    everything; a token that is sent is still verified, but its expiry is not looked at.
    `personal_namespace` subscribes each user to `#USER`, or `NAMESPACE:#USER`; None does not.
    """

    hooks: Hooks
    verifier: TokenVerifier | None = None
    anonymous: bool = True
    insecure: bool = False
    personal_namespace: str | None = None

    async def admit(self, handshake: Handshake, token: str, data: bytes, now: float) -> Admitted:
        """Decide about one connect command. `now` is Unix seconds.

        Raises:
            TokenExpired, Expired: answered with their codes; the client fetches a new token.
            Disconnect: 3500, 3501, 3507, or what the hook said.
            ClientError: the hook's own.
        """
        if token and self.verifier is not None:
            return self._personal(self._by_token(await self.verifier.verify_connection(token, now), now))
        if self.hooks.has("connect"):
            return self._personal(await self._by_hook(handshake, token, data))
        if handshake.operator or self.insecure or self.anonymous:
            return Admitted(Grant(operator=handshake.operator or self.insecure))
        raise Disconnect(3501, "no token, and nothing else lets this client in")

    async def refreshed(self, token: str, user: str, now: float) -> ConnectionToken:
        """The new token of a connection. Raises Disconnect (3500) when it is another user's."""
        if self.verifier is None:
            raise Disconnect(3501, "this server does not take tokens")
        found = await self.verifier.verify_connection(token, now)
        if found.user != user:
            raise Disconnect(3500)
        return found

    def _by_token(self, token: ConnectionToken, now: float) -> Admitted:
        expires_at = None if self.insecure else token.expire_at
        if expires_at is not None and expires_at <= now:
            raise Expired
        if not token.user and not (self.anonymous or self.insecure):
            raise Disconnect(3507)
        grant = Grant(token.user, token.info, None, expires_at, tuple(token.subs), self.insecure, token.meta)
        return Admitted(grant, token.subs, client_refreshes=not self.hooks.has("refresh"))

    async def _by_hook(self, handshake: Handshake, token: str, data: bytes) -> Admitted:
        event = ConnectEvent(
            client=handshake.client,
            headers=handshake.headers,
            query=handshake.query,
            cookies=handshake.cookies,
            token=token,
            data=orjson.loads(data) if data else None,
            credential=handshake.operator,
        )
        answer: Any = await self.hooks.ask("connect", event)
        grant = grant_from(answer)
        return Admitted(grant, {channel: ServerSubscription() for channel in grant.channels})

    def _personal(self, admitted: Admitted) -> Admitted:
        user = admitted.grant.user
        if self.personal_namespace is None or not user:
            return admitted
        try:
            channel = personal_channel(user, self.personal_namespace)
        except ValueError:
            return admitted  # such an id has none; everything else works
        subs = {channel: ServerSubscription(), **admitted.subs}
        return Admitted(admitted.grant, subs, admitted.client_refreshes)
