"""One server as this process knows it: a link and an ear, each made anew when it fails.

Before a new link is used, the server is asked which run of it this is, and that is noted beside
the data of every group that lies there. A Redis that came back, or took over, with older data
thereby starts a new epoch for each channel, and nobody is resumed across a hole.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, NamedTuple, Protocol

from redis.asyncio.connection import Connection
from redis.exceptions import (
    AskError,
    ClusterDownError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from ...client.backoff import Backoff
from ...errors import BrokerError, ConfigError
from .address import Address, Place
from .ear import Ear
from .keys import Keys
from .link import DEADLINE_SECONDS, Argument, Call, Link, disconnect
from .scripts import ALL, GENERATION

log = logging.getLogger("gapless")


class Pace(NamedTuple):
    """Seconds after which something is wrong."""

    deadline: float = DEADLINE_SECONDS
    """An answer that takes longer does not come: the connection is given up."""
    probe: float = 10.0
    """Between messages to ourselves through the server; one that did not arrive by the next: deaf."""


OLDEST_VERSION = (7, 0)

FIRST_DELAY, LONGEST_DELAY = 0.1, 3.0
"""Seconds between attempts to connect, doubling from the one to the other."""


class Ears(Protocol):
    """Where a server's notifications go."""

    def heard(self, name: str, message: bytes) -> None:
        """A message came on the channel `name`."""

    def missed(self, server: Server) -> None:
        """It answers and notifies again after it did not: what came meanwhile was not heard."""

    def dropped(self, name: str) -> None:
        """The server notifies of this name no more, for its slot moves."""

    def troubled(self, server: Server) -> None:
        """A connection was lost, or cannot be made: perhaps its groups are elsewhere now."""


class Server:
    """Keeps a link and an ear to what `find` says, until it is closed."""

    def __init__(
        self,
        address: Address,
        keys: Keys,
        find: Callable[[], Awaitable[Place]],
        ears: Ears,
        *,
        sharded: bool,
        pace: Pace,
    ) -> None:
        self.place: Place | None = None
        self.version = ""
        self.link_failures = 0
        self.ear_failures = 0
        self._address, self._keys, self._find, self._ears = address, keys, find, ears
        self._sharded = sharded
        self._pace = pace
        self._notify = b"SPUBLISH" if sharded else b"PUBLISH"
        self._name = secrets.token_urlsafe(6)
        self._run_id = b""
        self._groups: set[int] = set()
        self._names: set[str] = set()
        self._link: Link | None = None
        self._ear: Ear | None = None
        self._link_problem: Exception = BrokerError("there is no connection to Redis yet")
        self._ear_problem: Exception | None = self._link_problem
        self._hearing = asyncio.Event()
        self._probe = ""
        self._awaited: tuple[Ear, bytes] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- life

    async def start(self) -> None:
        """Connect, and stay connected. Raises BrokerError when that does not succeed at once."""
        try:
            link = await self._open_link()
            try:
                ear = await self._open_ear()
            except BaseException:
                await link.close()
                raise
        except (RedisError, OSError, BrokerError) as error:
            raise BrokerError(f"there is no Redis at {self._address}: {error}") from error
        self.begin(link, ear)

    def begin(self, link: Link | None = None, ear: Ear | None = None) -> None:
        """Stay connected, from connections that are there, or from none."""
        if link is not None and ear is not None:
            self._link = link
            self._use_ear(ear)
        self._spawn(self._keep_link(link))
        self._spawn(self._keep_ear(ear))
        self._spawn(self._keep_probing())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def finish(self, seconds: float) -> None:
        """Wait for the answers under way, at most so long."""
        if self._link is not None:
            await self._link.finish(seconds)

    async def close(self) -> None:
        """Never raises."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in (self._link, self._ear):
            if one is not None:
                await one.close()
        self._link = self._ear = None
        self._hearing.clear()

    def problem(self) -> str | None:
        """Why it can not be used just now, or does not notify."""
        link, ear = self._link, self._ear
        if link is None or link.failure is not None:
            return str(self._link_problem if link is None else link.failure)
        if ear is None or ear.failure is not None:
            return str(self._ear_problem if ear is None else ear.failure)
        return None

    # -- the link

    def adopt(self, groups: Iterable[int]) -> None:
        """These groups lie here from now on. Their generation is checked before anything else."""
        for group in set(groups) - self._groups:
            self._groups.add(group)
            if self._link is not None:
                self._link.send(_Checking(self._link), *self._check(group))

    def disown(self, groups: Iterable[int]) -> None:
        """These groups lie elsewhere from now on."""
        self._groups.difference_update(groups)

    @property
    def groups(self) -> frozenset[int]:
        return frozenset(self._groups)

    def _check(self, group: int) -> tuple[Argument, ...]:
        return (b"EVALSHA", GENERATION.sha, 1, self._keys.generation(group), self._run_id)

    def send(self, call: Call, *command: Argument) -> None:
        if self._link is None:
            call.fail(self._link_problem)
        else:
            self._link.send(call, *command)

    def mark(self, reached: Callable[[], None]) -> None:
        """Call `reached` when all that was sent before has its answer, or failed."""
        if self._link is None:
            reached()
        else:
            self._link.mark(reached)

    async def _keep_link(self, link: Link | None) -> None:
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        while True:
            first = link is not None
            if link is None:
                try:
                    link = await self._open_link()
                except (RedisError, OSError, BrokerError, ConfigError) as error:
                    self._link_problem = _away(error)
                    self._ears.troubled(self)
                    await asyncio.sleep(backoff.next())
                    continue
            backoff.reset()
            self._link = link
            if not first:
                self._again()
            cause = await asyncio.shield(link.ended)
            self._link_problem = _away(cause)
            self.link_failures += 1
            log.warning("the connection to Redis at %s was lost: %s", self.place, cause)
            await link.close()
            self._link = link = None
            self._ears.troubled(self)

    async def _open_link(self) -> Link:
        connection = await self._connect()
        try:
            await self._greet(connection)
        except BaseException:
            await disconnect(connection)
            raise
        link = Link(connection, fatal=(NoScriptError, ReadOnlyError), deadline=self._pace.deadline)
        try:
            for check in [link.call(*self._check(group)) for group in self._groups]:
                try:
                    await check
                except ResponseError as error:
                    if not _is_elsewhere(error):
                        raise
        except BaseException:
            await link.close()
            raise
        return link

    async def _connect(self) -> Connection:
        self.place = await self._find()
        return await connect(self._address, self.place)

    async def _greet(self, connection: Connection) -> None:
        """Is this a server that we can work with? Give it the scripts. Raises BrokerError."""
        said = await self._ask(connection, b"INFO", b"server")
        about = dict(line.split(":", 1) for line in said.decode().splitlines() if ":" in line)
        self.version, self._run_id = _version(about), about.get("run_id", "").encode()
        numbers = tuple(int(part) for part in self.version.split(".")[:2] if part.isdigit())
        if numbers < OLDEST_VERSION:
            raise BrokerError(f"Redis {self.version} is too old: version 7 or newer is needed, or Valkey")
        clustered = about.get("redis_mode", about.get("server_mode")) == "cluster"
        if clustered and not self._sharded:
            raise BrokerError("this is a node of a cluster: write redis+cluster://… as the store")
        if not clustered and self._sharded:
            raise BrokerError("this is no node of a cluster: write redis://… as the store")
        if (await self._ask(connection, b"ROLE"))[0] != b"master" and not self._sharded:
            raise BrokerError("this is a replica, which takes no publications: name its master")
        for script in ALL:
            await self._ask(connection, b"SCRIPT LOAD", script.text)

    async def _ask(self, connection: Connection, *command: Argument) -> Any:
        return await ask(connection, *command, deadline=self._pace.deadline)

    # -- the ear

    async def listen(self, name: str) -> None:
        """Returns when the server notifies here. Waits while there is no connection. Raises BrokerError."""
        self._names.add(name)
        while True:
            await self._hearing.wait()
            ear = self._ear
            if ear is None:
                return  # closed
            try:
                await ear.subscribe([name])
            except BrokerError:
                if ear.failure is None:
                    raise
                await asyncio.sleep(0)  # it broke just now: the next one is waited for
            else:
                return

    def forget(self, name: str) -> None:
        """Its slot has gone elsewhere, and the server ends the subscription by itself."""
        self._names.discard(name)

    def ignore(self, name: str) -> None:
        """Notify of it no more."""
        if name in self._names:
            self._names.discard(name)
            if self._ear is not None:
                self._ear.unsubscribe([name])

    async def _keep_ear(self, ear: Ear | None) -> None:
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        while True:
            first = ear is not None
            if ear is None:
                try:
                    ear = await self._open_ear()
                except (RedisError, OSError, BrokerError, ConfigError) as error:
                    self._ear_problem = error
                    self._ears.troubled(self)
                    await asyncio.sleep(backoff.next())
                    continue
            self._use_ear(ear)
            if not first:
                self._again()
            cause = await asyncio.shield(ear.ended)
            self._hearing.clear()
            self._ear_problem = ear.failure
            self.ear_failures += 1
            log.warning("Redis at %s does not notify: %s", self.place, cause)
            await ear.close()
            self._ear = ear = None
            self._ears.troubled(self)
            # Also after a success: a server that accepts and cuts at once is not to be hammered.
            await asyncio.sleep(backoff.next())

    def _again(self) -> None:
        """One of the connections is back. What was missed can be read when both are."""
        if self.problem() is None:
            self._ears.missed(self)

    def _use_ear(self, ear: Ear) -> None:
        self._ear = ear
        self._hearing.set()

    async def _open_ear(self) -> Ear:
        connection = await self._connect()
        ear = Ear(
            connection,
            sharded=self._sharded,
            heard=self._hear,
            moved=self._moved,
            deadline=self._pace.deadline,
        )
        try:
            self._name_probe()
            while new := self._names - ear.subscribed:
                await ear.subscribe(sorted(new))
        except BaseException:
            await ear.close()
            raise
        return ear

    def _moved(self, name: str) -> None:
        if name == self._probe:
            self._names.discard(name)
            self._probe = ""  # the next one goes into a group that is here
        elif name in self._names:
            self._ears.dropped(name)

    def _hear(self, name: str, message: bytes) -> None:
        if name == self._probe:
            if self._awaited is not None and self._awaited[1] == message:
                self._awaited = None
        else:
            self._ears.heard(name, message)

    # -- the probe

    async def _keep_probing(self) -> None:
        while True:
            await asyncio.sleep(self._pace.probe)
            try:
                await self._look()
            except BrokerError:
                pass  # whoever keeps the connection knows, and makes another

    async def _look(self) -> None:
        """Judge the last message to ourselves, and send the next."""
        if self._awaited is not None:
            ear, _ = self._awaited
            self._awaited = None
            if ear is self._ear:
                ear.fail(TimeoutError(f"a probe did not arrive within {self._pace.probe:g} seconds"))
                return
        if self._name_probe():
            await self.listen(self._probe)
        if self._probe and self._ear is not None and self._link is not None:
            message = secrets.token_bytes(6)
            self._awaited = self._ear, message
            self._link.send(_Unheeded(), self._notify, self._probe, message)

    def _name_probe(self) -> bool:
        """Where to send it: into a group that lies on this server. True when that has changed."""
        name = self._keys.messages(min(self._groups), f"probe-{self._name}") if self._groups else ""
        if name == self._probe:
            return False
        self.ignore(self._probe)
        self._probe = name
        self._names.update([name] if name else [])
        return bool(name)


class _Checking:
    """The check of one group's generation on a link that is in use."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def answer(self, reply: Any) -> None:
        return None

    def fail(self, error: Exception) -> None:
        if isinstance(error, ResponseError) and not _is_elsewhere(error):
            self._link.fail(error)


class _Unheeded:
    """A call whose answer says nothing new."""

    def answer(self, reply: Any) -> None:
        return None

    def fail(self, error: Exception) -> None:
        return None


async def connect(address: Address, place: Place) -> Connection:
    """An open connection. Raises RedisError, OSError, ConfigError."""
    connection = address.connection(place)
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException:
        await disconnect(connection)
        raise
    return connection


async def ask(connection: Connection, *command: Argument, deadline: float = DEADLINE_SECONDS) -> Any:
    """Call on a connection that nobody else uses yet. Raises RedisError, TimeoutError."""
    async with asyncio.timeout(deadline):
        await connection.send_command(*command, check_health=False)
        return await connection.read_response(timeout=math.inf)


def _version(about: dict[str, str]) -> str:
    return about.get("valkey_version") or about.get("redis_version", "0")


def _is_elsewhere(error: ResponseError) -> bool:
    """Not a refusal of what was asked: the group lies on another server, or is on its way there."""
    return isinstance(error, (AskError, TryAgainError, ClusterDownError))  # MovedError is an AskError


def _away(error: Exception) -> BrokerError:
    if isinstance(error, BrokerError):
        return error
    away = BrokerError(f"Redis is away: {str(error) or type(error).__name__}")
    away.__cause__ = error
    return away
