"""Who a connecting client is: its token, the server's credential, or the application's word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson

from ..errors import Disconnect, Expired
from ..hooks.events import Client, ConnectEvent, Welcome, grant_from
from ..hooks.registry import Hooks
from ..model import Grant, ServerSubscription
from ..protocol.centrifuge.messages import Connect
from .claims import ConnectionToken
from .namespaces import personal_channel
from .verifier import TokenVerifier


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
    by_token: bool = False
    """Does it know all this from a token? The token that refreshes it must then name the same subs."""
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

    async def admit(self, handshake: Handshake, request: Connect, now: float) -> Admitted:
        """Decide about one connect command. `now` is Unix seconds.

        Raises:
            TokenExpired, Expired: answered with their codes; the client fetches a new token.
            Disconnect: 3500, 3501, 3507, or what the hook said.
            ClientError: the hook's own.
        """
        if request.token and self.verifier is not None:
            return self._by_token(await self.verifier.verify_connection(request.token, now), now)
        if self.hooks.has("connect"):
            return self._personal(await self._by_hook(handshake, request, now))
        if handshake.operator or self.insecure or self.anonymous:
            return Admitted(Grant(operator=handshake.operator or self.insecure))
        raise Disconnect(3501, "no token, and nothing else lets this client in")

    async def refreshed(self, token: str, user: str, now: float) -> Admitted:
        """What the new token of a connection says of it.

        Raises:
            TokenExpired, Expired: it came too late.
            Disconnect: 3500, it is no good or another user's; 3501, nobody asked for one.
        """
        if self.verifier is None:
            raise Disconnect(3501, "this server does not take tokens")
        found = await self.verifier.verify_connection(token, now)
        if found.user != user:
            raise Disconnect(3500)
        return self._by_token(found, now)

    def _by_token(self, token: ConnectionToken, now: float) -> Admitted:
        expires_at = None if self.insecure else token.expire_at
        if expires_at is not None and expires_at <= now:
            raise Expired
        if not token.user and not (self.anonymous or self.insecure):
            raise Disconnect(3507)
        grant = Grant(token.user, token.info, None, expires_at, tuple(token.subs), self.insecure, token.meta)
        refreshes = not self.hooks.has("refresh")
        return self._personal(Admitted(grant, token.subs, by_token=True, client_refreshes=refreshes))

    async def _by_hook(self, handshake: Handshake, request: Connect, now: float) -> Admitted:
        event = ConnectEvent(
            client=handshake.client,
            headers=handshake.headers,
            query=handshake.query,
            cookies=handshake.cookies,
            token=request.token,
            data=orjson.loads(request.data) if request.data else None,
            credential=handshake.operator,
            name=request.name,
            version=request.version,
            channels=tuple(request.subs),
            emulated_headers=request.headers,
        )
        grant = grant_from(await self.hooks.ask("connect", event))
        if self.insecure:
            grant = replace(grant, operator=True, expires_at=None)
        if grant.expires_at is not None and grant.expires_at <= now:
            raise Expired
        refreshes = self.verifier is not None and not self.hooks.has("refresh")
        return Admitted(grant, server_subscriptions(grant), client_refreshes=refreshes)

    def _personal(self, admitted: Admitted) -> Admitted:
        user = admitted.grant.user
        if self.personal_namespace is None or not user:
            return admitted
        try:
            channel = personal_channel(user, self.personal_namespace)
        except ValueError:
            return admitted  # such an id has none; everything else works
        return replace(admitted, subs={channel: ServerSubscription(), **admitted.subs})


def server_subscriptions(grant: Grant) -> dict[str, ServerSubscription]:
    """The channels that a hook's grant subscribes its client to, each as the hook wants it."""
    plain = {channel: ServerSubscription() for channel in grant.channels}
    return plain | dict(grant.subs) if isinstance(grant, Welcome) else plain
