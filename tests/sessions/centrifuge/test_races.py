"""Thousands of interleavings, and planted faults that must not go unnoticed in them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gapless import Disconnect
from gapless.core.channel import Channel
from gapless.core.cursor import Cursor, Lost, State
from gapless.core.log import Ring
from gapless.model import History, Publication
from gapless.node.flush import Flush
from gapless.protocol.centrifuge import messages as m
from gapless.sessions.centrifuge import subscribing
from gapless.sessions.centrifuge.peer import Peer
from gapless.sessions.flow import Flow
from gapless.sessions.session import Session
from gapless.sessions.subscription import Subscription
from gapless.sessions.subscriptions import Subscriptions

from ...support.presence import FakePresence
from .races import Broken, play

INTERLEAVINGS = int(os.environ.get("GAPLESS_INTERLEAVINGS", "20000"))
"""At night a hundred times as many."""

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """A broker that fails is everyday here, and each time worth a line in the log."""
    caplog.set_level(logging.CRITICAL + 1)


@pytest.mark.no_cover  # counting lines would double what it costs; what it runs is run elsewhere too
def test_no_interleaving_breaks_a_promise() -> None:
    play(range(INTERLEAVINGS))


# -- faults


def live_before_the_reply(patch: pytest.MonkeyPatch) -> None:
    answer = Peer.answer

    def late(self: Peer, id: int, outcome: Any) -> None:  # noqa: A002
        if isinstance(outcome, m.SubscribeResult):
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: loop.call_soon(answer, self, id, outcome))
        else:
            answer(self, id, outcome)

    patch.setattr(Peer, "answer", late)


def awaits_before_the_reply(patch: pytest.MonkeyPatch) -> None:
    join = subscribing.join

    async def slow(*args: Any, **how: Any) -> Any:
        joined = await join(*args, **how)
        await asyncio.sleep(0)
        return joined

    patch.setattr(subscribing, "join", slow)


def keeps_the_subscription_of_a_refused_subscribe(patch: pytest.MonkeyPatch) -> None:
    drop = Subscriptions.drop

    def forget(self: Subscriptions, subscription: Subscription) -> None:
        if subscription.told or subscription.session.flow.closed is not None:
            drop(self, subscription)

    patch.setattr(Subscriptions, "drop", forget)


def never_asks_whether_it_was_given_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Subscriptions, "is_current", lambda self, subscription: True)


def speaks_of_a_channel_before_its_reply(patch: pytest.MonkeyPatch) -> None:
    sit = Subscription.sit

    def boast(self: Subscription, channel: Channel) -> None:
        sit(self, channel)
        self.told = True

    patch.setattr(Subscription, "sit", boast)


def answers_an_unsubscribe_before_it_leaves(patch: pytest.MonkeyPatch) -> None:
    drop = Subscriptions.drop

    def late(self: Subscriptions, subscription: Subscription) -> None:
        if subscription.told and subscription.session.flow.closed is None:
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: loop.call_soon(drop, self, subscription))
        else:
            drop(self, subscription)

    patch.setattr(Subscriptions, "drop", late)


def begins_at_the_head(patch: pytest.MonkeyPatch) -> None:
    def place(self: Cursor, ring: Ring, not_before: int = 0) -> bool:
        self.stand_at_head(ring)
        return True

    patch.setattr(Cursor, "place", place)


def takes_a_page_as_it_comes(patch: pytest.MonkeyPatch) -> None:
    def admit(self: Cursor, page: History) -> tuple[list[Publication], Lost | None]:
        self.epoch = page.top.epoch
        if page.publications:
            self.offset = page.publications[-1].offset
        return page.publications, None

    patch.setattr(Cursor, "admit", admit)


def closes_without_leaving(patch: pytest.MonkeyPatch) -> None:
    def end(self: Session, disconnect: Disconnect) -> None:
        self.flow.end(disconnect)
        self.node.roster.discard(self)

    patch.setattr(Session, "end", end)


def leaves_without_giving_back_its_hold(patch: pytest.MonkeyPatch) -> None:
    def leave(self: Subscription) -> None:
        self.cursor.state = State.CLOSED
        if self.channel is not None:
            self.channel.discard(self)
            self.channel = None

    patch.setattr(Subscription, "leave", leave)


def stays_present(patch: pytest.MonkeyPatch) -> None:
    async def forget(self: FakePresence, channel: str, client: str, *, announce: bool) -> None:
        return None

    patch.setattr(FakePresence, "leave", forget)


def forgets_who_had_no_turn(patch: pytest.MonkeyPatch) -> None:
    mark = Flush.mark

    def forget(self: Flush, channel: Channel) -> None:
        if sys._getframe(1).f_code is not Flow.flush.__code__:
            mark(self, channel)

    patch.setattr(Flush, "mark", forget)


@pytest.mark.parametrize(
    "plant",
    [
        live_before_the_reply,
        awaits_before_the_reply,
        keeps_the_subscription_of_a_refused_subscribe,
        never_asks_whether_it_was_given_up,
        speaks_of_a_channel_before_its_reply,
        answers_an_unsubscribe_before_it_leaves,
        begins_at_the_head,
        takes_a_page_as_it_comes,
        closes_without_leaving,
        leaves_without_giving_back_its_hold,
        stays_present,
        forgets_who_had_no_turn,
    ],
)
def test_a_planted_fault_is_seen(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(Broken):
        play(range(5000))
