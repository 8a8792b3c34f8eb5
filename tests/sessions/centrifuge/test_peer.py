"""How one client of the Centrifuge doors is told: in its codec, bare or not, and when it missed something."""

from __future__ import annotations

import pytest

from gapless import ChannelOptions
from gapless.core.cursor import Lost, Reason
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge.codecs import Codec
from gapless.sessions.subscription import Subscription

from ...support.centrifuge.stage import Peer, Stage, stage

pytestmark = pytest.mark.anyio

GAP = Lost(2, 5, Reason.TRIMMED, "epoch")


async def subscribed(here: Stage, **how: bool) -> tuple[Peer, Subscription]:
    peer = await here.client()
    await peer.get("subscribe", channel="a")
    peer.forget()
    subscription = peer.session.subscriptions["a"]
    if how and subscription.admission is not None:
        subscription.admission.server_side = how["server_side"]
    return peer, subscription


class TestTelling:
    async def test_a_push_is_wrapped_unless_the_client_is_bare(self, codec: Codec) -> None:
        async with stage(codec) as here:
            for bare in (False, True):
                peer = here.peer(bare=bare)
                peer.session.announce(m.UnsubscribePush("a", 2000, "why"))
                push = {"channel": "a", "unsubscribe": {"code": 2000, "reason": "why"}}
                assert peer.said == ([push] if bare else [{"push": push}])

    async def test_the_end_of_a_subscription_is_said_only_of_one_that_it_knows_of(self, codec: Codec) -> None:
        async with stage(codec) as here:
            for told in (True, False):
                peer, subscription = await subscribed(here)
                subscription.told = told
                peer.session.unsubscribe_from_server("a", 2500)
                assert [push["unsubscribe"]["code"] for push in peer.pushes] == ([2500] if told else [])
                assert not peer.session.subscriptions
                peer.session.unsubscribe_from_server("a")
                assert len(peer.pushes) == told, "it is in no such channel any more"

    async def test_all_who_see_entries_the_same_way_share_a_view(self, codec: Codec) -> None:
        async with stage(codec) as here:
            one, other = (here.peer().session for _ in range(2))
            one.framing = other.framing
            assert one.view() is other.view()
            assert one.view(joins=True) is other.view(joins=True)
            assert one.view(joins=True) is not one.view()
            tags = m.FilterNode(key="k", cmp="eq", val="v")
            assert one.view(tags=tags).key != one.view().key


class TestWhatIsLost:
    """Insufficient state: the client comes back for it, and how depends on who subscribed it."""

    @pytest.mark.parametrize(("server_side", "code"), [(False, None), (True, 3010)])
    async def test_it_is_unsubscribed_or_closed(
        self, codec: Codec, server_side: bool, code: int | None
    ) -> None:
        async with stage(codec) as here:
            peer, subscription = await subscribed(here, server_side=server_side)
            assert not peer.session.tell_lost(subscription, GAP)
            assert peer.closed == code
            assert [push["unsubscribe"]["code"] for push in peer.pushes] == ([] if server_side else [2500])

    async def test_where_the_channel_wants_it_the_slow_are_closed(self, codec: Codec) -> None:
        async with stage(codec, {"*": ChannelOptions(history=5, on_gap="disconnect")}) as here:
            peer, subscription = await subscribed(here)
            assert not peer.session.tell_lost(subscription, GAP)
            assert (peer.closed, here.hub.counters.slow_disconnects) == (3008, 1)

    @pytest.mark.parametrize(
        "lost", [Lost(2, 5, Reason.LATEST, "epoch"), Lost(None, None, Reason.UNNUMBERED, "epoch", 3)]
    )
    async def test_what_is_no_state_is_not_spoken_of(self, codec: Codec, lost: Lost) -> None:
        async with stage(codec) as here:
            peer, subscription = await subscribed(here)
            assert peer.session.tell_lost(subscription, lost)
            assert (peer.said, peer.closed) == ([], None)
