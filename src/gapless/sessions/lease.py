"""How long a client may stay: until what it was granted expires, unless it or a hook makes that later."""

from __future__ import annotations

import time
from typing import Any, Protocol

from ..auth.permission import Admission
from ..errors import ClientError, Disconnect
from ..hooks.events import Client, RefreshEvent, SubscriptionGrant
from ..model import Grant
from ..node.node import Node
from .flow import Flow
from .subscription import Subscription
from .subscriptions import Subscriptions


class Leaseholder(Protocol):
    """What a lease needs of the session that it is for."""

    node: Node
    grant: Grant
    about: Client
    flow: Flow

    @property
    def client_refreshes(self) -> bool:
        """Does the client make it longer itself, by a new token? Otherwise the `refresh` hook is asked."""

    @property
    def subscriptions(self) -> Subscriptions: ...

    def prolong(self, grant: Grant) -> None:
        """It goes on until the new grant expires."""

    def unsubscribe_from_server(self, name: str, code: int = 2000, reason: str | None = None) -> None: ...

    def close(self, disconnect: Disconnect) -> None: ...


class Lease:
    """Ends a connection, or one of its subscriptions, when it expires. Held while anything can.

    Who refreshes by itself has `Limits.expiry_grace` for it; the others are asked about at once.
    """

    __slots__ = ("_asking", "_holder")

    def __init__(self, holder: Leaseholder) -> None:
        self._holder = holder
        self._asking = False

    def check(self, now: float) -> None:
        """End what has expired. `now` is Unix seconds."""
        holder = self._holder
        if _is_over(holder.grant.expires_at, now):
            if not holder.client_refreshes:
                self._ask_once()
            elif _is_over(holder.grant.expires_at, now - holder.node.limits.expiry_grace):
                holder.close(Disconnect(3005))
                return
        for subscription in list(holder.subscriptions.values()):
            if subscription.admission is not None and _is_over(subscription.admission.expires_at, now):
                self._check(subscription, subscription.admission, now)

    def _ask_once(self) -> None:
        if not self._asking:
            self._asking = True
            self._holder.node.tasks.spawn(self._ask())

    async def _ask(self) -> None:
        holder = self._holder
        answer = await self._answer("refresh", RefreshEvent(holder.about))
        self._asking = False
        if holder.flow.closed is not None:
            return
        grant = Grant(expires_at=float(answer)) if isinstance(answer, (int, float)) else answer
        if isinstance(grant, Grant) and not _is_over(grant.expires_at, time.time()):
            holder.prolong(grant)
        else:
            holder.close(Disconnect(3005))

    # -- one subscription

    def _check(self, subscription: Subscription, admission: Admission, now: float) -> None:
        if not admission.client_refreshes:
            admission.expires_at = None  # asked once; the answer sets it again
            self._holder.node.tasks.spawn(self._ask_about(subscription, admission))
        elif _is_over(admission.expires_at, now - self._holder.node.limits.expiry_grace):
            self._expire(subscription, admission)

    async def _ask_about(self, subscription: Subscription, admission: Admission) -> None:
        name = subscription.name
        answer = await self._answer("sub_refresh", RefreshEvent(self._holder.about, name), name)
        if not self._holder.subscriptions.is_current(subscription):
            return
        said = SubscriptionGrant(expires_at=float(answer)) if isinstance(answer, (int, float)) else answer
        if isinstance(said, SubscriptionGrant) and not _is_over(said.expires_at, time.time()):
            info = None if said.info is None else self._holder.node.hooks.encode(said.info)
            admission.prolong(said.expires_at, info)
            self._holder.subscriptions.renew_members()
        else:
            self._expire(subscription, admission)

    def _expire(self, subscription: Subscription, admission: Admission) -> None:
        if admission.server_side:
            self._holder.close(Disconnect(3006))
        else:
            self._holder.unsubscribe_from_server(subscription.name, 2501)

    async def _answer(self, event: str, about: RefreshEvent, channel: str = "") -> Any:
        """What the application says to an expiry: None for nothing, or where its word was a refusal."""
        try:
            return await self._holder.node.hooks.ask(event, about, channel)
        except ClientError:
            return None
        except Disconnect as disconnect:
            self._holder.close(disconnect)
            return None


def _is_over(expires_at: float | None, now: float) -> bool:
    return expires_at is not None and now >= expires_at
