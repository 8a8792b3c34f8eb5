"""The other nodes of the hub: who they are, what they are told to do, and what they are asked.

What a node does to the connections of a user it also tells the others to do to theirs. Nobody
confirms that; a node that cannot be reached just now does not do it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict
from typing import Any

import orjson

from ..brokers.base import Broker, JoinsNodes
from ..core.channel import Channel
from ..errors import BrokerError, GaplessError
from ..model import Override, Position, ServerSubscription
from .connections import Connections, Whom
from .questions import ANSWER_SECONDS, Questions
from .roster import Roster
from .tasks import Tasks, in_turns

log = logging.getLogger("gapless")

BEAT_SECONDS = 3.0
"""Between signs of life."""

GONE_SECONDS = 10.0
"""A node that gave none for so long is gone."""

PARTING_SECONDS = 0.3
"""A goodbye that takes longer is left out."""


class Peers:
    """This node among all. `describe` is what it says of itself, `channels` are those that have a ring here.

    `questions` is what nodes may ask each other.
    """

    def __init__(
        self,
        broker: Broker,
        roster: Roster,
        tasks: Tasks,
        *,
        uid: str,
        describe: Callable[[], dict[str, Any]],
        channels: Callable[[], list[Channel]],
    ) -> None:
        self._broker = broker
        self._nodes = broker.nodes if isinstance(broker, JoinsNodes) else None
        self._roster, self._tasks, self._uid = roster, tasks, uid
        self.describe, self._channels = describe, channels
        self._others: dict[str, dict[str, Any]] = {}
        self._beating: asyncio.Task[None] | None = None
        self.questions = Questions(self._say, tasks)
        self.questions.on("subscribers", lambda about: self._subscribers())
        self.on_emulated: Callable[[str, str | bytes], object] = lambda session, data: None
        """Takes commands that were posted elsewhere, for a session that is here."""
        self.on_forgotten: Callable[[str], object] = lambda channel: None
        """Hears that another node had the broker forget what it kept of a channel."""

    @property
    def joined(self) -> bool:
        """Does the broker carry what nodes say to each other?"""
        return self._nodes is not None

    async def begin(self) -> None:
        """Raises BrokerError."""
        if self._nodes is not None:
            await self._nodes.enter(self._uid, self._hear)
            await self._beat()
            self._beating = self._tasks.spawn(self._keep_beating())

    def rest(self) -> None:
        """Give no more signs of life: a node that is about to end has nothing to wait for here."""
        if self._beating is not None:
            self._beating.cancel()

    async def end(self) -> None:
        """Tell the others; a broker that does not answer just now holds nobody up."""
        if self._nodes is not None:
            try:
                async with asyncio.timeout(PARTING_SECONDS):
                    await self._nodes.part(self._uid)
            except TimeoutError:
                pass  # then it counts as gone a little later

    # -- who there is

    async def all(self) -> list[dict[str, Any]]:
        """What each living node says of itself, this one first and as it is now. Raises BrokerError."""
        await self._beat()
        return [self.describe(), *self._others.values()]

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._beat()
            except BrokerError:
                pass  # the broker says itself that it is away

    async def _beat(self) -> None:
        if self._nodes is not None:
            said = await self._nodes.meet(self._uid, orjson.dumps(self.describe()), GONE_SECONDS)
            self._others = dict(_described(said, self._uid))

    # -- what others are told

    def tell(self, verb: str, whom: Whom, **arguments: Any) -> None:
        """Have all other nodes do this to their connections."""
        if self._nodes is not None:
            who = {**asdict(whom), "keep": sorted(whom.keep)}
            self._say({"do": verb, "whom": who, "arguments": _plain(arguments)})

    def forgot(self, channel: str) -> None:
        """Have all other nodes learn that nothing is kept of a channel any more."""
        self._say({"forgot": channel})

    def _say(self, message: dict[str, Any], node: str | None = None) -> None:
        if self._nodes is not None:
            self._nodes.tell(orjson.dumps({**message, "from": self._uid}), node)

    async def pass_on(self, node: str, session: str, data: str | bytes) -> bool:
        """Give posted commands to the node that has the session. False: there is no such node.

        Raises BrokerError.
        """
        if self._nodes is None:
            return False
        if node not in self._others:
            await self._beat()
        if node not in self._others:
            return False
        what = {"text": data} if isinstance(data, str) else {"bytes": _plain(data)}
        self._say({"emulated": session, "data": what}, node)
        return True

    async def streams(self) -> list[str]:
        """The channels that have a stream, whichever node made it. Raises BrokerError."""
        broker = self._broker
        return await broker.streams() if isinstance(broker, JoinsNodes) else broker.known()

    async def occupancy(self, *, idle: bool) -> AsyncIterator[dict[str, int]]:
        """How many read each channel on all nodes that answer in time, some channels in each turn.

        With `idle` it is of all channels there are, else of those that somebody reads. Raises BrokerError.
        """
        names = await self.streams() if idle else []
        answers = await self.ask("subscribers")
        busy = await self._subscribers()
        for counts in answers.values():
            async for some in in_turns(counts.items()):
                for channel, count in some:
                    busy[channel] = busy.get(channel, 0) + count
        async for some in in_turns(busy.items()):
            yield dict(some)
        async for batch in in_turns(names):
            yield {name: 0 for name in batch if name not in busy}

    async def _subscribers(self) -> dict[str, int]:
        """How many subscribers each channel has here, of those that have any."""
        found: dict[str, int] = {}
        async for batch in in_turns(self._channels()):
            found.update((each.name, len(each.subscribers)) for each in batch if each.subscribers)
        return found

    async def ask(self, what: str, **about: Any) -> dict[str, Any]:
        """What all other nodes answer to a question in time, by node. Raises BrokerError."""
        await self._beat()
        return await self.questions.ask(what, self._others, about, ANSWER_SECONDS)

    async def ask_again(self, what: str, within: float, **about: Any) -> dict[str, Any]:
        """The same of those that were there a few seconds ago, for who asks time and again."""
        return await self.questions.ask(what, self._others, about, within)

    # -- what is heard

    def _hear(self, message: bytes) -> None:
        try:
            said = orjson.loads(message)
            if said["from"] != self._uid:
                self._obey(said)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("a message of another node cannot be understood: %r", error)

    def _obey(self, said: dict[str, Any]) -> None:
        match said:
            case {"do": str(verb), "whom": dict(whom), "arguments": dict(arguments)}:
                found = Connections(self._roster.find(whom["user"], whom["client"], whom["session"]))
                self._do(verb, found.but(frozenset(whom["keep"])), arguments)
            case {"forgot": str(channel)}:
                self.on_forgotten(channel)
            case {"ask": int(number), "what": str(what), "about": dict(about), "from": str(node)}:
                self.questions.on_question(number, what, about, node)
            case {"answer": int(number), "piece": str(piece), "last": bool(last), "from": str(node)}:
                self.questions.on_answer(number, piece, last, node)
            case {"emulated": str(session), "data": {"text": str(data)}}:
                self.on_emulated(session, data)
            case {"emulated": str(session), "data": {"bytes": str(data)}}:
                self.on_emulated(session, base64.b64decode(data))

    def _do(self, verb: str, found: Connections, arguments: dict[str, Any]) -> None:
        match verb:
            case "close":
                found.close(_code(arguments), _of(arguments, "reason", str, None))
            case "unsubscribe":
                channel = _of(arguments, "channel", str, None)
                found.unsubscribe(channel, _code(arguments), _of(arguments, "reason", str, None))
            case "refresh":
                found.refresh(_of(arguments, "expires_at", float, int, None), _bytes(arguments["info"]))
            case "subscribe":
                # All of it is read here, where what cannot be understood is said.
                channel, server = _of(arguments, "channel", str), _subscription(arguments["server"])
                since = arguments["since"]
                position = None if since is None else _position(*since)
                self._tasks.spawn(self._subscribe(found, channel, server, position))

    async def _subscribe(
        self, found: Connections, channel: str, server: ServerSubscription, since: Position | None
    ) -> None:
        try:
            await found.subscribe(channel, server, since=since)
        except GaplessError as error:
            log.warning("a connection could not be subscribed as another node said: %s", error)


def _described(said: dict[str, bytes], besides: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What other nodes say of themselves; what cannot be understood is no node."""
    for node, about in said.items():
        if node == besides:
            continue
        try:
            known = orjson.loads(about)
        except ValueError:
            continue
        if isinstance(known, dict):
            yield node, known


def _plain(value: Any) -> Any:
    """As JSON can hold it: values by their fields, bytes as base64."""
    if isinstance(value, ServerSubscription):
        value = asdict(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _plain(inside) for name, inside in value.items()}
    return value


def _of(arguments: dict[str, Any], name: str, *kinds: type | None) -> Any:
    """An argument of one of these kinds. Raises KeyError or TypeError."""
    value = arguments[name]
    if type(value) not in kinds and not (value is None and None in kinds):
        raise TypeError(f"{name} is of another kind")
    return value


def _code(arguments: dict[str, Any]) -> int:
    code: int = _of(arguments, "code", int)
    if not 0 <= code < 5000:  # a frame has two bytes for it
        raise ValueError("a code that cannot be")
    return code


def _position(offset: object, epoch: object) -> Position:
    if not (type(offset) is int and 0 <= offset < 2**63 and isinstance(epoch, str)):
        raise TypeError("a position of another kind")
    return Position(offset, epoch)


def _subscription(server: dict[str, Any]) -> ServerSubscription:
    return ServerSubscription(
        info=_bytes(server["info"]),
        data=_bytes(server["data"]),
        override=Override(**server["override"]),
        expires_at=_of(server, "expires_at", float, int, None),
    )


def _bytes(written: str | None) -> bytes | None:
    return None if written is None else base64.b64decode(written)
