"""Who a connecting client is: its token, the server's credential, or the application's word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

from .. import opaque
from ..errors import ClientError, Disconnect, Expired
from ..hooks.events import Client, ConnectEvent, Welcome, grant_from
from ..hooks.registry import Hooks
from ..model import NOTHING, Grant, ServerSubscription, nothing
from ..protocol.centrifuge.messages import Connect
from .claims import ConnectionToken, InvalidToken
from .namespaces import personal_channel
from .refusals import Refusals
from .verifier import TokenVerifier


class Handshake(NamedTuple):
    """What is known before the client has said a word."""

    client: Client
    headers: Mapping[str, str] = NOTHING
    query: Mapping[str, str] = NOTHING
    cookies: Mapping[str, str] = NOTHING
    operator: bool = False
    """Did the handshake carry the server's own credential?"""
    calls_api: bool = False
    """May whoever sent it call the API?"""
    scope: Mapping[str, Any] = NOTHING
    """What the application around the hub knows of the request."""


class NoCredential(Disconnect):
    """3501: nothing was presented, and nothing else lets this client in."""

    def __init__(self) -> None:
        super().__init__(3501, "no token, and nothing else lets this client in")


class BadCredential(Disconnect):
    """3500: what was presented is no good, or there is nothing to check it with."""

    def __init__(self) -> None:
        super().__init__(3500)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A connection that may begin. `subs` are the server's subscriptions for it."""

    grant: Grant
    subs: Mapping[str, ServerSubscription] = field(default_factory=nothing)
    by_token: bool = False
    """Does it know all this from a token? The token that refreshes it must then name the same subs."""
    client_refreshes: bool = False
    """By a new token, before `grant.expires_at`; otherwise the application's hook is asked."""


@dataclass(slots=True)
class Reception:
    """The rules by which connections are let in, at every door alike.

    In this order: a token that can be verified says who it is; the server's own credential makes an
    operator; the application's hook decides; what is left is anonymous, and let in where `anonymous`
    says so. A token that can neither be verified nor shown to a hook is never no token at all.

    `insecure` lets everybody do everything; a token that is sent is still verified, but its expiry is
    not looked at. `anonymous_tokens` lets in tokens without a user. `personal_namespace` subscribes
    each user to `#USER`, or `NAMESPACE:#USER`; None does not.
    """

    hooks: Hooks
    verifier: TokenVerifier | None = None
    anonymous: bool = True
    insecure: bool = False
    personal_namespace: str | None = None
    anonymous_tokens: bool = True
    refusals: Refusals = field(default_factory=Refusals)

    async def admit(self, handshake: Handshake, request: Connect, now: float) -> Admitted:
        """Decide about one client. `now` is Unix seconds.

        `request` is its connect command; of one that has none, its token.

        Raises:
            TokenExpired, Expired: answered with their codes; the client fetches a new token.
            Disconnect: 3500 (BadCredential), 3501 (NoCredential), 3507, or what the hook said.
            ClientError: the hook's own.
        """
        admitted = await self._admitted(handshake, request, now)
        if not handshake.calls_api or admitted.grant.watches:
            return admitted
        return replace(admitted, grant=replace(admitted.grant, watches=True))

    async def _admitted(self, handshake: Handshake, request: Connect, now: float) -> Admitted:
        if request.token and self.verifier is not None:
            return self._by_token(await self._verified(self.verifier, request.token, now), now)
        if handshake.operator and not request.token:
            return Admitted(Grant(operator=True))
        if "connect" in self.hooks.events:
            return self._personal(await self._by_hook(handshake, request, now))
        if request.token:
            self.refusals.bad_token("there is no key to verify it with")
            raise BadCredential
        if self.insecure or self.anonymous:
            return _unnamed(self.insecure, handshake.calls_api)
        self.refusals.nothing_presented(handshake.client.transport)
        raise NoCredential

    async def refreshed(self, token: str, user: str, now: float) -> Admitted:
        """What the new token of a connection says of it.

        Raises:
            TokenExpired, Expired: it came too late.
            Disconnect: 3500, it is no good or another user's; 3501, nobody asked for one.
        """
        if self.verifier is None:
            raise Disconnect(3501, "this server does not take tokens")
        found = await self._verified(self.verifier, token, now)
        if found.user != user:
            raise Disconnect(3500)
        return self._by_token(found, now)

    async def _verified(self, verifier: TokenVerifier, token: str, now: float) -> ConnectionToken:
        try:
            return await verifier.verify_connection(token, now)
        except Disconnect as error:
            known = isinstance(error.__cause__, InvalidToken)
            self.refusals.bad_token(str(error.__cause__) if known else error.reason)
            raise BadCredential from error

    def _by_token(self, token: ConnectionToken, now: float) -> Admitted:
        expires_at = None if self.insecure else token.expire_at
        if expires_at is not None and expires_at <= now:
            raise Expired
        if not token.user and not (self.anonymous_tokens or self.insecure):
            raise Disconnect(3507)
        grant = Grant(token.user, token.info, None, expires_at, tuple(token.subs), self.insecure, token.meta)
        refreshes = "refresh" not in self.hooks.events
        return self._personal(Admitted(grant, token.subs, by_token=True, client_refreshes=refreshes))

    async def _by_hook(self, handshake: Handshake, request: Connect, now: float) -> Admitted:
        event = ConnectEvent(
            client=handshake.client,
            headers=handshake.headers,
            query=handshake.query,
            cookies=handshake.cookies,
            token=request.token,
            data=opaque.value(request.data) if request.data else None,
            credential=handshake.operator,
            name=request.name,
            version=request.version,
            channels=tuple(request.subs),
            emulated_headers=request.headers,
            scope=handshake.scope,
        )
        grant = grant_from(await self.hooks.ask("connect", event))
        if self.insecure:
            grant = replace(grant, operator=True, expires_at=None)
        if grant.expires_at is not None and grant.expires_at <= now:
            raise Expired
        refreshes = self.verifier is not None and "refresh" not in self.hooks.events
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


@cache
def _unnamed(operator: bool, watches: bool) -> Admitted:
    """What is known of who says nothing: the same of all who may do the same."""
    return Admitted(Grant(operator=operator, watches=watches))


_DISCONNECTS = {109: 3005, 110: 3005, 111: 3013, 103: 3507}


def unanswered(error: ClientError, otherwise: int = 3004) -> Disconnect:
    """What an error of connecting becomes where no reply carries it."""
    return Disconnect(_DISCONNECTS.get(error.code, 3004 if error.temporary else otherwise))


def server_subscriptions(grant: Grant) -> dict[str, ServerSubscription]:
    """The channels that a hook's grant subscribes its client to, each as the hook wants it."""
    plain = {channel: ServerSubscription() for channel in grant.channels}
    return plain | dict(grant.subs) if isinstance(grant, Welcome) else plain
