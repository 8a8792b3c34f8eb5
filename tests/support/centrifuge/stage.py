"""A hub and clients of the Centrifuge protocol without sockets: real sessions, the fake outlet."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from gapless import ChannelOptions, Client, Disconnect, Hub, Limits, Position
from gapless.auth.admission import Handshake, Reception
from gapless.auth.issue import issue_connection_token, issue_subscription_token
from gapless.auth.keys import StaticKeys
from gapless.auth.verifier import TokenRules, TokenVerifier
from gapless.brokers.base import Broker, PresenceStore
from gapless.protocol.centrifuge.codecs import Codec
from gapless.sessions.centrifuge.session import CentrifugeSession

from ..outlet import FakeOutlet
from ..until import turns
from .wire import decode, encode

SECRET = secrets.token_hex(32)

Message = dict[str, Any]


class Frames:
    """A framing that leaves messages as they are."""

    name = "recorded"

    def wrap(self, message: bytes) -> bytes:
        return message

    def join(self, frames: list[bytes]) -> list[bytes]:
        return frames

    def concat(self, chunks: list[list[bytes]]) -> list[bytes]:
        return [frame for chunk in chunks for frame in chunk]


class Peer:
    """One client: what it says is handled at once, what it was told is in `said`, in order."""

    def __init__(
        self, hub: Hub, codec: Codec, reception: Reception, handshake: Handshake, **how: Any
    ) -> None:
        self.codec = codec
        self.bare: bool = how.get("bare", False)
        self.delta = False
        """Is `data` a text, because the subscriptions of this client are in delta form?"""
        self.outlet = FakeOutlet()
        self.session = CentrifugeSession(
            hub.node,
            self.outlet,
            Frames(),
            codec=codec,
            reception=reception,
            handshake=handshake,
            **how,
        )
        self.session.open()
        self._ids = itertools.count(1001)
        self._decoded = 0
        self._said: list[Message] = []

    @property
    def id(self) -> str:
        return self.session.client

    @property
    def closed(self) -> int | None:
        """The code that the connection was closed with."""
        return None if self.outlet.closing is None else self.outlet.closing[0]

    def is_open(self) -> bool:
        return self.outlet.closing is None and not self.outlet.dead

    @property
    def said(self) -> list[Message]:
        for frame in self.outlet.frames[self._decoded :]:
            self._said += decode(self.codec, frame, bare=self.bare, delta=self.delta)
        self._decoded = len(self.outlet.frames)
        return self._said

    def forget(self) -> None:
        """Leave out of `said` what was said so far."""
        self.said.clear()

    # -- saying something

    async def frame(self, *commands: Message) -> None:
        """Commands in one frame."""
        await self.text(encode(self.codec, *commands))

    async def text(self, frame: str | bytes) -> None:
        """A frame as it is. A transport closes the connection on a Disconnect, and so does this."""
        try:
            await self.session.handle(frame)
        except Disconnect as disconnect:
            self.session.close(disconnect)

    async def tell(self, name: str, /, **fields: Any) -> int:
        """A command; returns its id."""
        number = next(self._ids)
        await self.frame({"id": number, name: fields})
        return number

    async def ask(self, name: str, /, **fields: Any) -> Message:
        """A command, and its reply without the id."""
        number = await self.tell(name, **fields)
        return self.reply(number)

    async def get(self, name: str, /, **fields: Any) -> Message:
        """A command, and its result."""
        reply = await self.ask(name, **fields)
        assert list(reply) == [name], reply
        result: Message = reply[name]
        return result

    async def refused(self, name: str, /, **fields: Any) -> int:
        """A command, and the code of the error that it was answered with."""
        reply = await self.ask(name, **fields)
        assert list(reply) == ["error"], reply
        error = reply["error"]
        assert error["message"], "SDKs read the message too"
        code: int = error["code"]
        return code

    async def pong(self) -> None:
        await self.frame({})

    # -- what was said

    def reply(self, number: int) -> Message:
        found = [message for message in self.said if message.get("id") == number]
        assert len(found) == 1, f"{len(found)} replies to command {number}: {self.said}, {self.closed}"
        return {name: value for name, value in found[0].items() if name != "id"}

    @property
    def pushes(self) -> list[Message]:
        if self.bare:
            return self.said
        return [message["push"] for message in self.said if "push" in message]

    def of(self, channel: str, kind: str = "pub") -> list[Message]:
        """The pushes of one kind in a channel."""
        return [push[kind] for push in self.pushes if push.get("channel") == channel and kind in push]

    def data(self, channel: str) -> list[Any]:
        return [pub["data"] for pub in self.of(channel)]

    def offsets(self, channel: str) -> list[int]:
        return [pub["offset"] for pub in self.of(channel)]

    # -- the socket

    def stall(self) -> None:
        self.outlet.room = False

    def drain(self) -> None:
        self.outlet.room = True
        self.session.flow.on_room()

    def leave(self) -> None:
        """Go without a word."""
        self.session.end(Disconnect(3000))

    def later(self, seconds: float) -> None:
        """What the node does about once a second, that much later."""
        self.session.check(asyncio.get_running_loop().time() + seconds)


class Stage:
    """A running hub and who comes to it."""

    def __init__(self, hub: Hub, codec: Codec, reception: Reception) -> None:
        self.hub = hub
        self.codec = codec
        self.reception = reception
        self._numbers = itertools.count(1)

    def peer(
        self,
        *,
        codec: Codec | None = None,
        operator: bool = False,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> Peer:
        """Somebody who has said nothing yet."""
        client = Client(f"client-{next(self._numbers)}", "", "websocket", "127.0.0.1")
        handshake = Handshake(client, headers=headers or {}, operator=operator)
        return Peer(self.hub, codec or self.codec, self.reception, handshake, **how)

    async def client(self, user: str | None = None, *, connect: Message | None = None, **how: Any) -> Peer:
        """Somebody who is connected, as this user."""
        peer = self.peer(**how)
        token = {} if user is None else {"token": token_for(user)}
        await peer.get("connect", **token, **(connect or {}))
        peer.forget()
        return peer

    async def publish(self, channel: str, *data: Any, **how: Any) -> Position | None:
        """Publish one after the other, each flushed by itself."""
        position = None
        for each in data:
            position = await self.hub.publish(channel, each, **how)
            await turns()
        return position

    def nothing_left(self) -> None:
        """No client is connected, and nothing of one is left but rings that linger."""
        node = self.hub.node
        assert not node.roster
        assert not node.members
        assert not node.rings.subscribers()
        assert not node.rings.held
        others = node.tasks.running - {node.housekeeping}
        assert not others, others


@asynccontextmanager
async def stage(
    codec: Codec,
    channels: Mapping[str, ChannelOptions] | None = None,
    *,
    broker: Broker | str | None = None,
    limits: Limits | None = None,
    presence: PresenceStore | None = None,
    tokens: bool = True,
    **rules: Any,
) -> AsyncIterator[Stage]:
    """A hub that runs. `rules` go to `Reception`; with `tokens` those of `SECRET` are verified."""
    if channels is None:
        channels = {"*": ChannelOptions(history=100)}
    hub = Hub(broker or "memory://", channels=channels, limits=limits, presence=presence)
    verifier = TokenVerifier(TokenRules(StaticKeys(SECRET)), leeway=0.0) if tokens else None
    async with hub:
        yield Stage(hub, codec, Reception(hub.hooks, verifier, **rules))
    assert hub.counters.session_errors == 0, "something failed that nobody expected; see the log"


def token_for(user: str, **claims: Any) -> str:
    """A connection token; it has no end unless `expires_in` says so."""
    return issue_connection_token(SECRET, user, **{"expires_in": None, **claims})


def ticket_for(user: str, channel: str, **claims: Any) -> str:
    """A subscription token, likewise."""
    return issue_subscription_token(SECRET, user, channel, **{"expires_in": None, **claims})
