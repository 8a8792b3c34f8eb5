"""Presence, joins and leaves, history."""

from __future__ import annotations

import centrifuge  # type: ignore[import-not-found]

from ..stage import Seat, Stage, code_of, scenario, unique


@scenario
async def sees_who_is_in_the_channel(stage: Stage) -> None:
    channel = stage.channel("room")
    user = unique()
    ada = await stage.connected(token=stage.token(user))
    twin = await stage.connected(token=stage.token(user))
    bob = await stage.connected(token=stage.token("bob"))
    first, second, _ = [await stage.subscribed(client, channel) for client in (ada, twin, bob)]
    clients = (await first.sub.presence()).clients
    assert set(clients) == {ada.id, twin.id, bob.id}
    assert clients[bob.id].user == "bob"
    stats = await first.sub.presence_stats()
    assert (stats.num_clients, stats.num_users) == (3, 2)
    await second.sub.unsubscribe()
    await bob.client.disconnect()
    await stage.present(channel, ada)


@scenario
async def hears_who_joins_and_who_leaves_itself_included(stage: Stage) -> None:
    channel = stage.channel("room")
    ada = await stage.connected(token=stage.token("ada"))
    seat = await stage.subscribed(ada, channel, join_leave=True)
    [own] = await seat.log.next("join")
    assert (own.info.client, own.info.user) == (ada.id, "ada")
    bob = await stage.connected(token=stage.token("bob"))
    await stage.subscribed(bob, channel)
    assert (await seat.log.next("join", 2))[1].info.user == "bob"
    await bob.client.disconnect()
    [left] = await seat.log.next("leave")
    assert left.info.client == bob.id


@scenario
async def is_refused_presence_and_history_where_they_are_off(stage: Stage) -> None:
    seat = await stage.subscribed(await stage.connected(), stage.channel("live"))
    assert await code_of(seat.sub.presence()) == 108
    assert await code_of(seat.sub.presence_stats()) == 108
    assert await code_of(seat.sub.history(limit=1)) == 108


async def _filled(stage: Stage, count: int) -> Seat:
    channel = stage.channel("stream")
    seat = await stage.subscribed(await stage.connected(), channel)
    await stage.backend.publish_numbers(channel, 1, count)
    return seat


@scenario
async def pages_through_the_history_in_both_directions(stage: Stage) -> None:
    seat = await _filled(stage, 25)
    first = await seat.sub.history(limit=10)
    assert [p.offset for p in first.publications] == list(range(1, 11))
    assert (first.offset, bool(first.epoch)) == (25, True)
    since = centrifuge.StreamPosition(10, first.epoch)
    second = await seat.sub.history(limit=10, since=since)
    assert [stage.decode(p.data)["n"] for p in second.publications] == list(range(11, 21))
    newest = await seat.sub.history(limit=10, reverse=True)
    assert [p.offset for p in newest.publications] == list(range(25, 15, -1))
    older = await seat.sub.history(limit=10, reverse=True, since=centrifuge.StreamPosition(16, first.epoch))
    assert [p.offset for p in older.publications] == list(range(15, 5, -1))


@scenario
async def asks_for_the_position_alone_and_for_everything(stage: Stage) -> None:
    seat = await _filled(stage, 7)
    top = await seat.sub.history(limit=0)
    assert (top.publications, top.offset) == ([], 7)
    everything = await seat.sub.history(limit=-1)
    assert [p.offset for p in everything.publications] == list(range(1, 8))
    assert await code_of(seat.sub.history(limit=1, since=centrifuge.StreamPosition(1, "elsewhere"))) == 112
