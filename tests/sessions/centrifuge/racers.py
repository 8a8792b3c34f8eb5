"""What races: a client that judges what it is told."""

from __future__ import annotations

from typing import Any

import orjson

from gapless import Client, Hub, Limits, Position
from gapless.auth.admission import Handshake, Reception
from gapless.protocol.centrifuge.codecs import JSON
from gapless.sessions.centrifuge.session import CentrifugeSession
from gapless.transports.inbox import Inbox

from ...support.broker import FakeBroker
from ...support.centrifuge.stage import Frames
from ...support.outlet import FakeOutlet

LIMITS = Limits(flush_bytes=60, recovery_bytes=40, history_frame_bytes=60, reads_at_once=3, slice_seconds=0.0)
"""Tiny, because limits are where bugs live: a few publications a write, a reply, a page."""


class Racer:
    """One client, and the judge of what it is told."""

    def __init__(self, hub: Hub, reception: Reception, broker: FakeBroker, name: str) -> None:
        self.name = name
        self.outlet = FakeOutlet()
        self.wrong: list[str] = []
        self.inside: dict[str, Position | None] = {}
        """Where the client stands in the channels that it knows it is in; None: they have no positions."""
        self.left_at: dict[str, Position] = {}
        self.session = CentrifugeSession(
            hub.node,
            self.outlet,
            Frames(),
            codec=JSON,
            reception=reception,
            handshake=Handshake(Client(name)),
        )
        self.session.open()
        self._broker = broker
        self._inbox = Inbox(hub.node, self.session)
        self._inbox.release()
        self._asked: dict[int, dict[str, Any]] = {}
        self._answered = 0
        self._unusable = False
        self._read = 0
        self._loose: set[tuple[str, Any]] = set()

    def say(self, name: str, **fields: Any) -> None:
        number = len(self._asked) + 1
        self._asked[number] = {name: fields}
        self._inbox.put(orjson.dumps({"id": number, name: fields}).decode())

    def subscribe(self, channel: str, *, resume: bool, flag: int = 0) -> None:
        self.observe()
        asked: dict[str, Any] = {"channel": channel}
        at = self.left_at.get(channel)
        if resume:
            asked |= {"recover": True, "flag": flag}
            asked |= {} if at is None else {"offset": at.offset, "epoch": at.epoch}
        self.say("subscribe", **asked)

    def stall(self) -> None:
        self.outlet.room = False

    def drain(self) -> None:
        self.outlet.room = True
        if self.session.flow.closed is None:
            self.session.flow.on_room()

    # -- judging

    def observe(self) -> None:
        """Read what was said since the last time."""
        frames = self.outlet.frames
        while self._read < len(frames):
            frame = frames[self._read]
            self._read += 1
            for line in frame.split(b"\n"):
                self._on_message(orjson.loads(line))

    def _on_message(self, said: dict[str, Any]) -> None:
        push = said.get("push")
        if push is None:
            self._on_reply(said)
        elif "pub" in push:
            self._on_publication(push["channel"], push["pub"])
        elif "subscribe" in push:
            self._enter(push["channel"], push["subscribe"], {})
        elif "unsubscribe" in push:
            self._leave(push["channel"], "an unsubscribe push")
        elif push["channel"] not in self.inside:
            self.wrong.append(f"a join or leave of {push['channel']} outside of it")

    def _on_reply(self, said: dict[str, Any]) -> None:
        self._answered += 1
        if said["id"] != self._answered:
            self.wrong.append(f"command {self._answered} is not answered when {said['id']} is")
        (asked,) = self._asked[said["id"]].values()
        if "subscribe" in said:
            self._enter(asked["channel"], said["subscribe"], asked)
        elif "unsubscribe" in said:
            self.inside.pop(asked["channel"], None)
        elif "error" in said:
            self._unusable |= said["id"] == 1
        elif "connect" in said:
            for channel, result in said["connect"].get("subs", {}).items():
                self._enter(channel, result, {})

    def _enter(self, channel: str, result: dict[str, Any], asked: dict[str, Any]) -> None:
        if channel in self.inside:
            self.wrong.append(f"in {channel} twice")
        if "epoch" not in result:
            self.inside[channel] = None
            return
        offset = asked.get("offset", 0) if result.get("recovered") else result.get("offset", 0)
        self.inside[channel] = self.left_at[channel] = Position(offset, result["epoch"])
        for publication in result.get("publications", ()):
            self._on_publication(channel, publication)

    def _leave(self, channel: str, by: str) -> None:
        if channel not in self.inside:
            self.wrong.append(f"{by} for {channel}, which it was not in")
        self.inside.pop(channel, None)

    def _on_publication(self, channel: str, publication: dict[str, Any]) -> None:
        if channel not in self.inside:
            self.wrong.append(f"{publication} of {channel} outside of it")
            return
        at = self.inside[channel]
        if "offset" not in publication:
            if (channel, publication["data"]) in self._loose:
                self.wrong.append(f"{publication} of {channel} twice")
            self._loose.add((channel, publication["data"]))
            return
        if at is None or publication["offset"] != at.offset + 1:
            self.wrong.append(f"{publication} of {channel} after {at}")
            at = Position(publication["offset"] - 1, "" if at is None else at.epoch)
        here = Position(at.offset + 1, at.epoch)
        if self._broker.stored.get((channel, here)) != orjson.dumps(publication["data"]):
            self.wrong.append(f"{publication} of {channel} is not what is at {here}")
        self.inside[channel] = self.left_at[channel] = here

    def judge(self) -> None:
        """Everything has come to rest: is the client where it should be, and was it told?"""
        self.observe()
        if self.outlet.late:
            self.wrong.append(f"{self.outlet.late} after the close")
        if self.session.flow.closed is not None:
            return
        if self._answered != (1 if self._unusable else len(self._asked)):
            self.wrong.append(f"{len(self._asked) - self._answered} commands without an answer")
        if set(self.inside) != set(self.session.subscriptions):
            self.wrong.append(f"in {set(self.inside)}, the server says {set(self.session.subscriptions)}")
        for channel, at in self.inside.items():
            if at is not None and at != self._broker.top(channel):
                self.wrong.append(f"at {at} in {channel}, the top is {self._broker.top(channel)}")
