"""Subscribing on the Centrifuge doors: by the client, by its token, by the server; and recovering.

Every way ends the same: the seat is taken, the result computed, the reply queued, and only then
the cursor goes live, with nothing awaited in between.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import orjson

from ...auth.admission import Admitted
from ...auth.permission import Admission
from ...auth.verifier import check_subscription
from ...errors import (
    BadRequest,
    ClientError,
    Disconnect,
    Expired,
    PermissionDenied,
    TokenExpired,
    UnknownChannel,
    Unrecoverable,
)
from ...hooks.events import RefreshEvent, SubscriptionGrant
from ...model import Position, Publication, ServerSubscription, shown
from ...options import ChannelOptions, overridden
from ...protocol.centrifuge import filters
from ...protocol.centrifuge import messages as m
from ...protocol.centrifuge.codecs import delta_forms
from ...protocol.encode import encode
from ..catchup import Catchup
from ..session import Admit
from ..subscription import GivenUp, Subscription
from .view import CentrifugeView, shared_view

if TYPE_CHECKING:
    from .session import CentrifugeSession

Taken: TypeAlias = tuple[Subscription, m.SubscribeResult]
"""A seat that is not live yet, and what its reply will say."""

FLAG_REFUSE_UNRECOVERABLE = 2

FILTER_LOOK_BACK = 300
"""Newest publications among which cache recovery looks for one that a filter lets through."""


class Seating:
    """The subscriptions of one session."""

    __slots__ = ("_session",)

    def __init__(self, session: CentrifugeSession) -> None:
        self._session = session

    # -- by the client

    async def subscribe(self, id: int, request: m.Subscribe) -> None:  # noqa: A002 - the wire's word
        """Raises ClientError, Disconnect or BrokerError; nothing is left behind then."""
        session = self._session
        if not request.channel:
            raise Disconnect(3501, "bad request: a channel is missing")
        if request.delta not in ("", "fossil"):
            session.check_seat(request.channel)  # what is wrong with that comes before the delta
            raise Disconnect(3501, "bad request: fossil is the only delta there is")

        async def admit(options: ChannelOptions) -> Admission:
            return await self._admit(request, options)

        seat, result = await self._take(request, admit)
        session.answer(id, result)
        self.go_live(seat)

    async def _take(self, request: m.Subscribe, admit: Admit, *, counted: bool = True) -> Taken:
        """A seat and its result, not live yet. After this nothing may be awaited before the reply.

        Raises:
            ClientError: refused, or given up meanwhile; nothing is left behind.
            Disconnect: refused for good.
            BrokerError: the broker did not answer.
        """
        session = self._session
        since = request.position if request.recover else None
        view = shared_view(session.codec, session.framing, bare=session.bare)
        seat = await session.take_seat(request.channel, view, since, admit=admit, counted=counted)
        try:
            result = await self._recover(seat, request)
        except BaseException:
            session.drop(seat)
            raise
        if not session.is_current(seat):
            raise GivenUp
        return seat, result

    async def _admit(self, request: m.Subscribe, options: ChannelOptions) -> Admission:
        session = self._session
        if request.type:
            raise PermissionDenied("only stream subscriptions are offered")
        if request.tf is not None:
            self._check_filter(request.tf, options, request.delta)
        if request.token and (
            session.reception.verifier is not None
            or not session.node.hooks.guards("subscribe", request.channel)
        ):
            return await self._admit_by_token(request, options)
        data = orjson.loads(request.data) if request.data else None
        since = request.position if request.recover else None
        return await session.admit(request.channel, options, since, data, request.token)

    def _check_filter(self, node: m.FilterNode, options: ChannelOptions, delta: str) -> None:
        if not options.tags_filter:
            raise BadRequest("filters by tags are off for this channel")
        if delta:
            raise BadRequest("a filter and delta exclude each other")
        try:
            filters.validate(node)
        except ValueError as error:
            raise BadRequest(str(error)) from None

    async def _admit_by_token(self, request: m.Subscribe, options: ChannelOptions) -> Admission:
        session = self._session
        verifier = session.reception.verifier
        if verifier is None:
            raise PermissionDenied("this server does not take tokens")
        now = time.time()
        token = await verifier.verify_subscription(request.token, now)
        check_subscription(token, session.user, request.channel, session.client)
        insecure = session.reception.insecure
        if not insecure and token.expire_at is not None and token.expire_at <= now:
            raise TokenExpired
        return Admission(
            overridden(options, token.override),
            info=token.info,
            data=token.data or b"",
            expires_at=None if insecure else token.expire_at,
            client_refreshes=True,
        )

    async def refresh(self, request: m.SubRefresh) -> m.SubRefreshResult:
        """A new token for a subscription. Raises ClientError or Disconnect."""
        session = self._session
        if not request.channel:
            raise Disconnect(3501, "bad request: a channel is missing")
        if request.type:
            raise PermissionDenied("shared polls are not offered")
        seat = session.subscriptions.get(request.channel)
        if seat is None or seat.admission is None:
            raise PermissionDenied
        if not request.token:
            raise BadRequest("sub_refresh needs a token")
        verifier = session.reception.verifier
        if verifier is None:
            raise PermissionDenied("this server does not take tokens")
        try:
            token = await verifier.verify_subscription(request.token, time.time())
        except TokenExpired:
            raise Expired from None
        except PermissionDenied:
            raise Disconnect(3500) from None
        check_subscription(token, session.user, request.channel, session.client)
        if token.expire_at is not None and token.expire_at <= time.time():
            raise Expired
        self._prolong(seat.admission, token.expire_at, token.info)
        expires, ttl = _ttl(seat.admission)
        return m.SubRefreshResult(expires, ttl)

    def _prolong(self, admission: Admission, expires_at: float | None, info: bytes | None) -> None:
        admission.expires_at, admission.info = expires_at, info or admission.info
        self._session.renew_members()

    # -- by the server

    async def subscribe_all(
        self, admitted: Admitted, asked: Mapping[str, m.Subscribe], *, wishes: bool
    ) -> dict[str, Taken]:
        """The server's subscriptions of a new connection, not live yet, with their results.

        With `wishes` (unidirectional) also those that the client asks for and may have. What the
        server unsubscribed again meanwhile is not among them.

        Raises:
            ClientError, BrokerError: one of the server's cannot be; none is left behind.
            Disconnect: 3501 for a wish that is no channel, or the connection was closed meanwhile.
        """
        session = self._session
        seats: dict[str, Taken] = {}
        try:
            for name, server in admitted.subs.items():
                request = replace(
                    asked.get(name, m.Subscribe()), channel=name, token="", delta="", tf=None, flag=0
                )
                try:
                    seats[name] = await self._seat_by_server(request, server, admitted.by_token)
                except GivenUp:
                    self._check_open()
            for name, request in asked.items() if wishes else ():
                if name in seats:
                    continue
                try:
                    seats[name] = await self._seat_by_wish(replace(request, channel=name))
                except UnknownChannel:
                    raise Disconnect(3501, "bad request: unknown channel") from None
                except ClientError:
                    self._check_open()  # what this client may not have is left out silently
        except BaseException:
            for seat, _ in seats.values():
                session.drop(seat)
            raise
        return {name: taken for name, taken in seats.items() if session.is_current(taken[0])}

    def _check_open(self) -> None:
        if self._session.closed is not None:
            raise self._session.closed

    async def _seat_by_wish(self, request: m.Subscribe) -> Taken:
        async def admit(options: ChannelOptions) -> Admission:
            admission = await self._admit(request, options)
            admission.server_side = True
            return admission

        return await self._take(request, admit)

    async def _seat_by_server(
        self, request: m.Subscribe, server: ServerSubscription, from_token: bool
    ) -> Taken:
        async def admit(options: ChannelOptions) -> Admission:
            if server.expires_at is not None and server.expires_at <= time.time():
                raise Expired
            return Admission(
                overridden(options, server.override),
                info=server.info,
                data=server.data or b"",
                expires_at=server.expires_at,
                server_side=True,
                from_token=from_token,
            )

        return await self._take(request, admit, counted=False)

    async def subscribe_from_server(
        self, name: str, server: ServerSubscription, since: Position | None
    ) -> None:
        """Subscribe a live connection and tell it by a push; recovered publications follow as pushes."""
        session = self._session
        if name in session.subscriptions:
            return
        request = m.Subscribe(name)
        if since is not None:
            request = replace(request, recover=True, offset=since.offset, epoch=since.epoch)
        seat, result = await self._seat_by_server(request, server, from_token=False)
        session.announce(
            m.SubscribePush(
                name,
                recoverable=result.recoverable,
                epoch=result.epoch,
                offset=result.offset,
                positioned=result.positioned,
                data=result.data,
            )
        )
        for sent in result.publications:
            session.announce(m.PublicationPush(name, sent))
        self.go_live(seat)

    # -- recovering

    def go_live(self, seat: Subscription) -> None:
        """The reply is queued: pushes may follow."""
        seat.go_live()

    async def _recover(self, seat: Subscription, request: m.Subscribe) -> m.SubscribeResult:
        """Where the seat stands, and what was missed. The cursor is set, but not in the ring yet.

        Raises:
            Unrecoverable: it was asked to be refused in that case.
            BrokerError: the history cannot be read.
        """
        admission = seat.admission
        options = admission.options if admission is not None else ChannelOptions()
        recoverable = bool(options.history) and options.recovery != "off"
        publications: list[Publication] = []
        recovered, was_recovering = False, request.recover
        position, offset = Position(0, ""), 0
        if options.history:
            if options.recovery == "cache":
                was_recovering = was_recovering or options.auto_cache_recover
                position, publications, recovered = await self._newest(seat, request, was_recovering)
                offset = position.offset
            elif request.recover and recoverable:
                position, publications, recovered = await self._missed(seat, request)
                offset = request.offset if recovered else position.offset
            else:
                position, _ = await self._catchup(seat).place(None, history=0)
                offset = position.offset
        if was_recovering and not recovered and request.flag & FLAG_REFUSE_UNRECOVERABLE:
            raise Unrecoverable
        delta = request.delta == "fossil" and options.delta
        seat.view = self._view(options, request, delta=delta)
        if request.tf is not None:
            publications = [p for p in publications if filters.matches(request.tf, p.tags)]
        expires, ttl = _ttl(admission)
        return m.SubscribeResult(
            expires=expires,
            ttl=ttl,
            recoverable=recoverable,
            epoch=position.epoch,
            publications=delta_forms(publications) if delta else publications,
            recovered=recovered,
            offset=offset,
            positioned=recoverable,
            data=admission.data if admission is not None else b"",
            was_recovering=was_recovering,
            delta=delta,
        )

    def _view(self, options: ChannelOptions, request: m.Subscribe, *, delta: bool) -> CentrifugeView:
        session = self._session
        joins = _announces(options, request)
        if request.tf is not None:
            return CentrifugeView(
                session.codec, session.framing, bare=session.bare, joins=joins, tags=request.tf
            )
        view = shared_view(session.codec, session.framing, bare=session.bare, joins=joins, delta=delta)
        # The first push is whole also after a recovery: the ring's entry before it need not be what
        # the client had last.
        return view.restarted

    async def _missed(
        self, seat: Subscription, request: m.Subscribe
    ) -> tuple[Position, list[Publication], bool]:
        """Stream mode: everything after the client's position, or nothing.

        Up to `Limits.recovery_bytes` go into the reply; the rest follows as pushes right behind.
        """
        catchup = self._catchup(seat, self._session.node.limits.recovery_bytes)
        page, fresh, lost = await catchup.begin(request.position, None)
        if lost is None:
            return page.top, shown(fresh, self._session.client), True
        seat.cursor.begin(page, None, history=0)
        return page.top, [], False

    async def _newest(
        self, seat: Subscription, request: m.Subscribe, wanted: bool
    ) -> tuple[Position, list[Publication], bool]:
        """Cache mode: the newest publication, unless the client has it."""
        look_back = FILTER_LOOK_BACK if request.tf is not None else 1
        page = await self._catchup(seat).newest(look_back)
        if not wanted:
            return page.top, [], False
        tags = request.tf
        found = next((p for p in page.publications if tags is None or filters.matches(tags, p.tags)), None)
        if found is None:
            return page.top, [], request.recover and request.position == page.top
        has_it = request.recover and request.position == found.position
        return page.top, [] if has_it else [found], True

    def _catchup(self, seat: Subscription, max_bytes: int | None = None) -> Catchup:
        channel = seat.channel
        if channel is None:
            raise GivenUp
        return Catchup(self._session.node, channel, seat.cursor, max_bytes=max_bytes)

    # -- time

    def check_expiry(self, now: float) -> None:
        """End what has expired. `now` is Unix seconds."""
        session = self._session
        grace = session.node.limits.expiry_grace
        for seat in list(session.subscriptions.values()):
            admission = seat.admission
            if admission is None or admission.expires_at is None or now < admission.expires_at:
                continue
            if admission.client_refreshes:
                if now >= admission.expires_at + grace:
                    self._expired(seat, admission)
            else:
                admission.expires_at = None  # asked once; the answer sets it again
                session.node.tasks.spawn(self._ask_to_refresh(seat, admission))

    async def _ask_to_refresh(self, seat: Subscription, admission: Admission) -> None:
        session = self._session
        answer: object = None
        try:
            event = RefreshEvent(session.about, seat.name)
            answer = await session.node.hooks.ask("sub_refresh", event, seat.name)
        except ClientError:
            answer = None
        except Disconnect as disconnect:
            session.close(disconnect)
        if not session.is_current(seat):
            return
        said = SubscriptionGrant(expires_at=float(answer)) if isinstance(answer, (int, float)) else answer
        if isinstance(said, SubscriptionGrant) and (said.expires_at is None or said.expires_at > time.time()):
            info = None if said.info is None else encode(said.info)
            self._prolong(admission, said.expires_at, info)
        else:
            self._expired(seat, admission)

    def _expired(self, seat: Subscription, admission: Admission) -> None:
        if admission.server_side:
            self._session.close(Disconnect(3006))
        else:
            self._session.unsubscribe_from_server(seat.name, 2501)


def _announces(options: ChannelOptions, request: m.Subscribe) -> bool:
    return options.join_leave and (request.join_leave or options.force_push_join_leave)


def _ttl(admission: Admission | None) -> tuple[bool, int]:
    if admission is None or admission.expires_at is None or not admission.client_refreshes:
        return False, 0
    return True, max(1, int(admission.expires_at - time.time()))
