"""A site of many servers: a cluster, whose slots may move from one server to another at any time.

Calls of a group keep their order also across such a move. As soon as one of them is sent on, the
group pauses: later calls wait until every earlier one has its answer from the old server, then
all that have to be repeated go to the new one, in their order, and those that waited behind them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, TryAgainError

from ...errors import BrokerError, ConfigError
from .address import Address, Place
from .keys import Keys
from .link import DEADLINE_SECONDS, Argument, Awaited, Call, disconnect
from .server import Pace, Server, ask, connect
from .single import fixed
from .site import Hearer

log = logging.getLogger("gapless")

AGAIN_SECONDS = 0.1
"""Until a call is repeated whose slot is just being moved."""

LOOK_SECONDS = 0.5
"""The least between two looks at where the slots are."""

_Waiting = tuple[Call, tuple[Argument, ...], float]
"""A call, its command, and when it was sent first."""

Shares = dict[Place, set[int]]
"""The groups that lie at each place."""


class _Pause:
    """A group on the move: what has to be repeated, and what came since."""

    __slots__ = ("again", "later")

    def __init__(self) -> None:
        self.again: list[_Waiting] = []
        self.later: list[_Waiting] = []


class Cluster:
    """Groups of keys, each at the server that has its slot."""

    sharded = True

    def __init__(self, address: Address, keys: Keys, hearer: Hearer, *, pace: Pace) -> None:
        self._address, self._keys, self._hearer = address, keys, hearer
        self._pace = pace
        self._slots = [key_slot(f"{{{group}}}".encode()) for group in range(keys.groups)]
        self._servers: dict[Place, Server] = {}
        self._route: list[Server | None] = [None] * keys.groups
        self._names: dict[str, int] = {}
        self._pauses: dict[int, _Pause] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    # -- the site

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        shares = await self._ask_anybody()
        missing = set(range(self._keys.groups)) - set().union(*shares.values())
        if missing:
            raise BrokerError(f"the cluster at {self._address} does not cover all slots")
        self.join({place: self._server(place) for place in shares}, shares)
        try:
            for server in self._servers.values():
                await server.start()
        except BaseException:
            await self.close()
            raise

    def join(self, servers: dict[Place, Server], shares: Shares) -> None:
        """Begin with these servers, and the groups that each has."""
        self._loop = asyncio.get_running_loop()
        self._servers = servers
        for place, groups in shares.items():
            self._assign(servers[place], groups)

    async def finish(self, seconds: float) -> None:
        await asyncio.gather(*(server.finish(seconds) for server in self._servers.values()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(server.close() for server in self._servers.values()))
        pauses, self._pauses = self._pauses, {}
        for pause in pauses.values():
            for call, _, _ in pause.again + pause.later:
                call.fail(BrokerError("the hub was closed"))

    def send(self, group: int, call: Call, *command: Argument) -> None:
        self._send(group, (call, command, self._loop.time()))

    def _send(self, group: int, waiting: _Waiting) -> None:
        pause = self._pauses.get(group)
        server = self._route[group]
        if pause is not None:
            pause.later.append(waiting)
        elif server is None:
            waiting[0].fail(BrokerError("no server of the cluster has this channel just now"))
        else:
            server.send(_Routed(self, group, server, waiting), *waiting[1])

    async def listen(self, group: int, name: str) -> None:
        self._names[name] = group
        server = self._route[group]
        if server is None:
            raise BrokerError("no server of the cluster has this channel just now")
        await server.listen(name)

    def ignore(self, group: int, name: str) -> None:
        self._names.pop(name, None)
        server = self._route[group]
        if server is not None:
            server.ignore(name)

    def problem(self) -> str | None:
        if None in self._route:
            return "not every slot of the cluster has a server"
        return next((problem for server in self._servers.values() if (problem := server.problem())), None)

    def servers(self) -> list[Server]:
        """Those that have groups just now, or are about to lose their last."""
        return list(self._servers.values())

    # -- what servers tell

    def heard(self, name: str, message: bytes) -> None:
        """Handed on."""
        self._hearer.heard(name, message)

    def missed(self, server: Server) -> None:
        self._hearer.interrupted()

    def dropped(self, name: str) -> None:
        self.look()
        self._spawn(self._listen_again([name]))

    def troubled(self, server: Server) -> None:
        self.look()

    # -- calls that have to go elsewhere

    def redirect(
        self, group: int, server: Server, waiting: _Waiting, error: AskError | TryAgainError
    ) -> None:
        """A call that was not done, for its slot is not there or not quite."""
        if self._loop.time() - waiting[2] > self._pace.deadline:
            waiting[0].fail(BrokerError(f"a slot of the cluster is on the move for too long: {error}"))
            return
        pause = self._pauses.get(group)
        if pause is None:
            pause = self._pauses[group] = _Pause()
            at_once = isinstance(error, MovedError)
            if isinstance(error, MovedError):
                self._reroute({Place(str(error.host or _host(server)), int(error.port)): {group}})
                self.look()
            server.mark(lambda: self._go_on_soon(group, at_once))
        pause.again.append(waiting)

    def _go_on_soon(self, group: int, at_once: bool) -> None:
        self._loop.call_later(0 if at_once else AGAIN_SECONDS, self._go_on, group)

    def _go_on(self, group: int) -> None:
        pause = self._pauses.pop(group, None)
        if pause is not None:
            for waiting in pause.again + pause.later:
                self._send(group, waiting)

    # -- where the slots are

    def look(self) -> None:
        """Find out, soon, where each group is now."""
        if self._looking is None or self._looking.done():
            self._looking = self._spawn(self._look())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look(self) -> None:
        await asyncio.sleep(self._looked_at + LOOK_SECONDS - self._loop.time())
        try:
            shares = await self._ask_anybody()
        except BrokerError as error:
            log.warning("where the slots of the cluster are is not known: %s", error)
            return
        finally:
            self._looked_at = self._loop.time()
        self._reroute(shares)

    def _server(self, place: Place) -> Server:
        return Server(self._address, self._keys, fixed(place), self, sharded=True, pace=self._pace)

    def _assign(self, server: Server, groups: set[int]) -> None:
        for group in groups:
            self._route[group] = server
        server.adopt(groups)

    def _reroute(self, shares: Shares) -> None:
        """Groups lie at these places now."""
        left: set[Server] = set()
        changed = set[int]()
        for place, groups in shares.items():
            server = self._servers.get(place)
            if server is None:
                server = self._servers[place] = self._server(place)
                server.begin()
            for group in groups:
                before = self._route[group]
                if before is not server:
                    changed.add(group)
                    if before is not None:
                        before.disown((group,))
                        left.add(before)
            self._assign(server, groups)
        moved = [name for name, group in self._names.items() if group in changed]
        for name in moved:
            for server in left:
                server.forget(name)
        if moved:
            self._spawn(self._listen_again(moved))
        for place, server in list(self._servers.items()):
            if server in left and not server.groups:
                del self._servers[place]
                self._spawn(self._retire(server))

    async def _listen_again(self, names: list[str]) -> None:
        """Be notified at the new servers, as long as it takes; what came meanwhile was missed."""
        while names := [name for name in names if name in self._names]:
            outcomes = await asyncio.gather(
                *(self.listen(self._names[name], name) for name in names), return_exceptions=True
            )
            names = [
                name
                for name, outcome in zip(names, outcomes, strict=True)
                if isinstance(outcome, BaseException)
            ]
            self._hearer.interrupted()
            if names:
                self.look()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _retire(self, server: Server) -> None:
        await server.finish(DEADLINE_SECONDS)
        await server.close()

    async def _ask_anybody(self) -> Shares:
        """Raises BrokerError: nobody answers."""
        problem: Exception = BrokerError("there is no server to ask")
        for server in list(self._servers.values()):
            future: asyncio.Future[Any] = self._loop.create_future()
            server.send(Awaited(future), b"CLUSTER", b"SLOTS")
            try:
                return self._shares(await future, _host(server))
            except (RedisError, BrokerError) as error:
                problem = error
        for place in dict.fromkeys((*self._servers, *self._address.places)):
            try:
                connection = await connect(self._address, place)
                try:
                    return self._shares(await ask(connection, b"CLUSTER", b"SLOTS"), place.host)
                finally:
                    await disconnect(connection)
            except (RedisError, OSError, ConfigError) as error:
                problem = error
        raise BrokerError(f"no server of the cluster at {self._address} answers: {problem}") from problem

    def _shares(self, ranges: list[Any], asked: str) -> Shares:
        """The groups by place, as CLUSTER SLOTS has it: [[first, last, [host, port, …], …], …]."""
        shares: Shares = {}
        for first, last, (host, port, *_), *_ in ranges:
            groups = {group for group, slot in enumerate(self._slots) if first <= slot <= last}
            if groups:
                shares.setdefault(Place((host or asked.encode()).decode(), int(port)), set()).update(groups)
        return shares


class _Routed:
    """A call at the server that its group was believed to be at."""

    __slots__ = ("_cluster", "_group", "_server", "_waiting")

    def __init__(self, cluster: Cluster, group: int, server: Server, waiting: _Waiting) -> None:
        self._cluster, self._group, self._server, self._waiting = cluster, group, server, waiting

    def answer(self, reply: Any) -> None:
        self._waiting[0].answer(reply)

    def fail(self, error: Exception) -> None:
        if isinstance(error, ClusterDownError):
            self._cluster.look()
            self._waiting[0].fail(error)
        elif isinstance(error, (AskError, TryAgainError)):
            self._cluster.redirect(self._group, self._server, self._waiting, error)
        else:
            self._waiting[0].fail(error)


async def places_of(address: Address) -> list[Place]:
    """The primaries of a cluster, as its first node has them. Raises RedisError, OSError."""
    connection = await connect(address, address.places[0])
    try:
        ranges = await ask(connection, b"CLUSTER", b"SLOTS")
    finally:
        await disconnect(connection)
    asked = address.places[0].host.encode()
    return sorted({Place((host or asked).decode(), int(port)) for _, _, (host, port, *_), *_ in ranges})


def _host(server: Server) -> str:
    return server.place.host if server.place is not None else "localhost"
