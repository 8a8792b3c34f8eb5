"""The node: one process's part of the hub, from its start to its end.

It puts the parts together, each the owner of one thing, and does what goes by time. It does not
know who is listening.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from ..brokers.base import Broker, PresenceStore
from ..core.counters import Counters
from ..core.rate import Tally
from ..core.sources import Sources
from ..errors import ClientError, Disconnect
from ..hooks.registry import Hooks
from ..options import Limits
from .flush import Flush
from .history import POSITION, Pages
from .inbound import Inbound
from .intake import Intake
from .lag import Lag
from .members import Members
from .own import Own
from .peers import Peers
from .registry import Registry
from .repair import Repair
from .rings import Rings
from .roster import Roster
from .tasks import Tasks
from .users import Users

CHECKS_AT_ONCE = 1000
"""Sessions looked at before the loop has a turn."""

FAREWELL_SECONDS = 1.0
"""What is still under way when the node closes, hooks and presence among it, may take this long."""


class Listening(Protocol):
    """What the node knows of an in-process subscriber."""

    def end(self) -> None:
        """The node closes: iterating comes to its end."""


class Node:
    """The parts of one process's hub. Lives on one event loop, between start and close.

    `registry` knows the channels' options, `intake` takes publications, `rings` is what the broker
    notifies and subscribers join, `pages` reads history, `repair` brings rings up to date, `flush`
    delivers them; `roster` has the sessions, `users` limits those of one user, `members` knows who is
    present, `peers` the other nodes, `own` the channels that the hub publishes to itself, `sources` what was
    heard of those who feed it, `tasks` what runs beside, `inbound` what peers have sent and is not handled
    yet, `lag` how late its loop is. `addresses` and `subscribed` count connections and subscriptions by
    address, where these have a bound.
    """

    def __init__(
        self,
        broker: Broker,
        presence: PresenceStore,
        registry: Registry,
        hooks: Hooks,
        limits: Limits,
        counters: Counters,
        *,
        uid: str = "",
        describe: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.broker = broker
        self.presence = presence
        self.registry = registry
        self.hooks = hooks
        self.limits = limits
        self.counters = counters
        self.tasks = Tasks(counters)
        self.flush = Flush(limits)
        self.inbound = Inbound(limits, counters)
        self.lag = Lag()
        self.pages = Pages(broker, registry, self.tasks, limits, counters)
        self.repair = Repair(self.pages, self.tasks, self.flush, limits, counters)
        self.rings = Rings(broker, registry, self.tasks, self.flush, self.repair, limits, counters)
        self.own = Own(registry, self.rings, self.tasks)
        self.intake = Intake(broker, registry, self.rings, self.flush, limits, counters)
        self.members = Members(presence, self.tasks, limits)
        self.addresses = Tally() if limits.address_connections is not None else None
        self.subscribed = Tally() if limits.address_subscriptions is not None else None
        self.roster = Roster(self.addresses)
        self.sources = Sources()
        self.peers = Peers(
            broker,
            self.roster,
            self.tasks,
            uid=uid,
            describe=describe,
            channels=self.rings.all,
        )
        self.peers.on_forgotten = lambda channel: self.tasks.spawn(self._learn_position(channel))
        self.users = Users(broker, self.roster, self.tasks, limits, uid=uid)
        self.listeners: set[Listening] = set()
        self._comparing: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin on this loop. Raises BrokerError: the broker cannot be reached."""
        self.tasks.begin()
        self.flush.begin()
        self.inbound.turns.begin()
        self.lag.begin()
        self.pages.begin()
        self.rings.begin()
        await self.presence.start(self.rings)
        await self.broker.start(self.rings)
        try:
            await self.peers.begin()
        except BaseException:
            await self.broker.close()
            raise
        self.housekeeping = self.tasks.spawn(self._housekeep())

    async def farewell(self) -> None:
        """End the in-process subscribers, and let what is under way come to its end for a moment."""
        for listener in list(self.listeners):
            listener.end()
        self.housekeeping.cancel()
        self.peers.rest()
        self.repair.end()
        await self.tasks.settle(FAREWELL_SECONDS)

    async def close(self) -> None:
        """End every task and give everything back."""
        await self.tasks.end()
        await self.peers.end()
        await self.broker.close()
        self.rings.end()
        self.pages.end()
        self.flush.end()
        self.lag.end()

    async def remove_history(self, channel: str) -> None:
        """Have the broker forget what it keeps; nobody finds it in a ring either, who comes after.

        Raises:
            BrokerError: the broker did not answer, or refused.
        """
        await self.broker.remove_history(channel)
        self.peers.forgot(channel)
        await self._learn_position(channel)

    async def _learn_position(self, channel: str) -> None:
        here = self.rings.find(channel)
        if here is not None:
            here.ring.learn(await self.pages.read(channel, POSITION))

    def tell_hooks(self, event: str, about: Any, channel: str = "") -> None:
        """Let hooks know what has happened; nothing waits for them, and they refuse nothing.

        Whoever calls this looks first whether there are any (`Hooks.events`): mostly there are none, and
        then not even the event is made.
        """
        self.tasks.spawn(self._tell_hooks(event, about, channel))

    async def _tell_hooks(self, event: str, about: Any, channel: str) -> None:
        try:
            await self.hooks.ask(event, about, channel)
        except (ClientError, Disconnect):
            pass  # it has happened already; there is nothing left to refuse

    # -- what happens by itself

    async def _housekeep(self) -> None:
        clock = self.tasks.loop.time
        compared = refreshed = clock()
        while True:
            await asyncio.sleep(self.limits.housekeeping)
            now = clock()
            await self._check_sessions(now)  # apart: a name here would hold the last of them while we sleep
            self._do("counting users", self.users.expire, now)
            self._do("closing idle rings", self.rings.close_idle, now)
            self._do("the broker's expiry", self.broker.expire, time.time())
            self._do("the presence's expiry", self.presence.expire, time.time())
            # These wait for the broker. Beside us: a slow one must not keep us from the rest.
            if now - refreshed >= self.limits.presence_refresh and _is_over(self._refreshing):
                refreshed = now
                self._refreshing = self.tasks.spawn(self.members.refresh())
            if now - compared >= self.limits.position_check and _is_over(self._comparing):
                compared = now
                self._comparing = self.tasks.spawn(self.repair.compare(self.rings.all()))

    async def _check_sessions(self, now: float) -> None:
        for at, session in enumerate(self.roster, 1):
            self._do("a session's check", session.check, now)
            if at % CHECKS_AT_ONCE == 0:
                await asyncio.sleep(0)  # a turn for the flush: many connections take a while

    def _do(self, what: str, chore: Callable[[float], None], now: float) -> None:
        """One chore; its failure keeps no other from being done."""
        try:
            chore(now)
        except Exception as error:
            self.tasks.failed(what, error)


def _is_over(task: asyncio.Task[None] | None) -> bool:
    return task is None or task.done()
