"""A connection that speaks the Centrifuge client protocol, from connect to close.

Codes and orders are those of the protocol, version 2.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from enum import Enum

from ...auth.admission import Handshake, Reception
from ...core.outbox import Outlet
from ...errors import (
    BadRequest,
    BrokerError,
    ClientError,
    Disconnect,
    Expired,
    Internal,
    TokenExpired,
)
from ...model import Position, ServerSubscription
from ...node.node import Node
from ...protocol.centrifuge import messages as m
from ...protocol.centrifuge.codecs import Codec
from ...version import __version__
from ..subscription import Subscription
from ..views import Framing
from . import commands, subscribing
from .peer import Peer

MAX_TTL = 365 * 86400


class Phase(Enum):
    """How far a connection has come."""

    NEW = "new"
    """Nothing but a connect command is taken."""
    ADMITTED = "admitted"
    """It is known who it is; the connect reply is not out."""
    OPEN = "open"
    """The connect reply is out."""
    UNUSABLE = "unusable"
    """The connect command was answered with an error: nothing is listened to, until it leaves."""


class CentrifugeSession(Peer):
    """One client of `/connection/…`.

    `secret` is the session id that emulated and unidirectional connections are told, `node_id` where
    it lives.
    """

    __slots__ = (
        "_client_refreshes",
        "_handshake",
        "_next_ping",
        "_node_id",
        "_opened_at",
        "_phase",
        "_pinged_at",
        "_pings",
        "_pong_due",
        "_round_trip",
    )

    def __init__(
        self,
        node: Node,
        outlet: Outlet,
        framing: Framing,
        *,
        codec: Codec,
        reception: Reception,
        handshake: Handshake,
        bare: bool = False,
        secret: str = "",
        node_id: str = "",
        app_ping: bool = True,
    ) -> None:
        if codec.name != handshake.client.protocol:
            handshake = handshake._replace(client=replace(handshake.client, protocol=codec.name))
        about = handshake.client
        super().__init__(node, outlet, framing, codec=codec, reception=reception, about=about, bare=bare)
        self.secret = secret
        self._handshake = handshake
        self._node_id = node_id
        self._phase = Phase.NEW
        self._opened_at = self.node.tasks.loop.time()
        self._pings = app_ping
        self._next_ping = 0.0
        self._pong_due: float | None = None
        self._pinged_at = 0.0
        self._round_trip: float | None = None
        self._client_refreshes = False

    @property
    def client_refreshes(self) -> bool:
        return self._client_refreshes

    @property
    def frame_pings(self) -> tuple[float, float]:
        return self.node.limits.ping_interval, self.node.limits.pong_timeout

    # -- in

    async def begin(self) -> None:
        """Nothing: the client speaks first."""

    async def handle(self, message: str | bytes) -> None:
        """One frame of the client. Raises Disconnect."""
        for command in self.codec.decode(message, self.node.limits):
            if self.flow.closed is not None or self._phase is Phase.UNUSABLE:
                return
            await self.rates.throttle()
            await self.obey(command)

    async def obey(self, command: m.Command) -> None:
        """One command, and its reply. Raises Disconnect."""
        if self._phase is Phase.UNUSABLE:
            return
        if self._phase is Phase.NEW and isinstance(command.request, m.Invalid):
            raise Disconnect(3501, f"bad request: {command.request.reason}")
        if self._phase is Phase.NEW and not isinstance(command.request, m.Connect):
            raise Disconnect(3501, "bad request: connect comes first")
        try:
            await self._do(command.id, command.request)
        except Disconnect:
            raise
        except (ClientError, BrokerError) as error:
            self._refuse(command, error if isinstance(error, ClientError) else Internal())
        except Exception as error:
            self.node.tasks.failed("a command", error)
            self._refuse(command, Internal())

    async def _do(self, id: int, request: m.Request) -> None:  # noqa: A002 - the wire's word
        match request:
            case m.Pong():
                self._pong()
            case m.Send():
                await commands.take_message(self, request)
            case m.Connect():
                await self.connect(id, request)
            case m.Subscribe():
                await subscribing.subscribe(self, id, request)
            case m.Unsubscribe():
                subscribing.unsubscribe(self, id, request)
            case m.Refresh():
                self.answer(id, await self._refresh(request))
            case m.SubRefresh():
                self.answer(id, await subscribing.refresh(self, request))
            case _:
                self.answer(id, await commands.result_of(self, request))

    def _refuse(self, command: m.Command, error: ClientError) -> None:
        """Raises Disconnect when that happens too often."""
        if isinstance(command.request, m.Connect):
            self._phase = Phase.UNUSABLE
        if self.flow.closed is None:
            if not isinstance(command.request, m.Send):  # which has no reply
                self.answer(command.id, error)
            self.rates.count_error(error)

    # -- connecting

    async def connect(self, id: int, request: m.Connect) -> None:  # noqa: A002
        """Who is it, what was it subscribed to; then the reply, and only then pushes.

        Raises:
            ClientError, BrokerError: the connection is of no use after this.
            Disconnect: refused.
        """
        if self._phase is not Phase.NEW:
            raise Disconnect(3501, "bad request: connect comes once")
        if len(request.name.encode()) > 128 or len(request.version.encode()) > 128:
            raise BadRequest("name and version have at most 128 bytes")
        admitted = await self.reception.admit(self._handshake, request, time.time())
        grant = admitted.grant
        await self.node.users.admit(grant.user)
        self.node.roster.identify(self, grant.user)
        self.grant = grant
        self.hold(grant.expires_at)
        self.about = self.node.hooks.introduce(
            self.about, grant, headers=self._handshake.headers, emulated=request.headers
        )
        self._client_refreshes = admitted.client_refreshes
        self._phase = Phase.ADMITTED
        del self._handshake  # of no use any more, and a connection lives long
        limits = self.node.limits
        if len(admitted.subs) > limits.subscriptions:
            raise Disconnect(3505)
        joined: dict[str, subscribing.Joined] = {}
        if admitted.subs or request.subs:
            joined = await subscribing.subscribe_all(self, admitted, request.subs)
        expires, ttl = self._ttl(grant.expires_at)
        result = m.ConnectResult(
            client=self.client,
            version=f"{__version__} gapless",
            expires=expires,
            ttl=ttl,
            data=grant.data or b"",
            subs={name: result for name, (_, result) in joined.items()},
            ping=max(1, round(limits.ping_interval)) if self._pings else 0,
            pong=self._pings and not self.bare,
            session=self.secret,
            node=self._node_id,
        )
        self._phase = Phase.OPEN
        if self.bare:
            self.announce(m.ConnectPush(result))
        else:
            self.answer(id, result)
        # The first ping comes at a random moment, so that clients that came together do not stay so.
        self._next_ping = self.node.tasks.loop.time() + limits.ping_interval * random.uniform(0.5, 1.0)
        for subscription, _ in joined.values():
            subscription.go_live()

    def _ttl(self, expires_at: float | None) -> tuple[bool, int]:
        if expires_at is None or not self._client_refreshes:
            return False, 0
        return True, min(MAX_TTL, max(1, int(expires_at - time.time())))

    async def _refresh(self, request: m.Refresh) -> m.RefreshResult:
        if not request.token:
            raise Disconnect(3501, "bad request: refresh needs a token")
        if not self._client_refreshes:
            raise Disconnect(3501, "bad request: the server refreshes this connection")
        try:
            admitted = await self.reception.refreshed(request.token, self.grant.user, time.time())
        except (TokenExpired, Expired):
            raise Disconnect(3005) from None
        ours = {name for name, one in self.subscriptions.items() if _from_token(one)}
        if set(admitted.subs) != ours:
            raise Disconnect(3010)
        grant = admitted.grant
        self.prolong(grant)
        expires, ttl = self._ttl(grant.expires_at)
        return m.RefreshResult(client=self.client, version=__version__, expires=expires, ttl=ttl)

    # -- what the server does to it

    async def subscribe_from_server(
        self, channel: str, server: ServerSubscription, since: Position | None
    ) -> None:
        if self._phase is Phase.OPEN:  # else there is no connection yet that anybody was told of
            await subscribing.subscribe_from_server(self, channel, server, since)

    def refresh_from_server(self, expires_at: float | None, info: bytes | None = None) -> None:
        if self._phase is not Phase.OPEN:
            return
        super().refresh_from_server(expires_at, info)
        ttl = 0 if expires_at is None else min(MAX_TTL, max(1, int(expires_at - time.time())))
        self.announce(m.RefreshPush(expires=expires_at is not None, ttl=ttl))

    # -- time

    def check(self, now: float) -> None:
        super().check(now)
        if self.flow.closed is not None:
            return
        if self._phase is not Phase.OPEN:
            # Who is admitted and waits for a slow broker is not stale; nor is it pinged before its reply.
            waited = now - self._opened_at
            if self._phase is not Phase.ADMITTED and waited >= self.node.limits.connect_timeout:
                self.close(Disconnect(3502))
            return
        if self._pong_due is not None and now >= self._pong_due:
            self.close(Disconnect(3012))
            return
        # Last: a client whose pong meets a close frame takes it for a lost connection, without the code.
        if self.flow.closed is None and self._pings and now >= self._next_ping:
            self._ping(now)

    @property
    def round_trip(self) -> float | None:
        # Its own pings, where it has any; those of a stream over HTTP are answered by another request.
        return self._round_trip if self._pings else super().round_trip

    def _ping(self, now: float) -> None:
        limits = self.node.limits
        self._next_ping = now + limits.ping_interval
        if not self.bare:
            self._pong_due = now + limits.pong_timeout
            self._pinged_at = self.node.tasks.loop.time()
        self.say(self.codec.ping)

    def _pong(self) -> None:
        if self._pong_due is None:
            raise Disconnect(3501, "bad request: a pong that nobody asked for")
        self._round_trip = self.node.tasks.loop.time() - self._pinged_at
        self._pong_due = None


def _from_token(subscription: Subscription) -> bool:
    return subscription.admission is not None and subscription.admission.from_token
