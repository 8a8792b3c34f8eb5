"""Subscriptions that the server decides on."""

from __future__ import annotations

from ..stage import Stage, scenario, scenario_since, unique


@scenario
async def is_subscribed_by_its_token(stage: Stage) -> None:
    news, mine = stage.channel("stream"), stage.channel("live")
    ada = await stage.connected(token=stage.token("ada", channels=[news, mine]))
    contexts = {context.channel: context for context in await ada.log.next("subscribed", 2)}
    assert set(contexts) == {news, mine}
    assert contexts[news].recoverable
    await stage.backend.publish_numbers(news, 1, 2)
    assert await stage.server_side(ada).numbers(2) == [1, 2]


@scenario
async def is_subscribed_by_its_token_with_data_of_its_own(stage: Stage) -> None:
    channel = stage.channel("room")
    subs = {channel: {"data": {"seat": 4}, "info": {"rank": "captain"}}}
    ada = await stage.connected(token=stage.token("ada", subs=subs))
    [context] = await ada.log.next("subscribed")
    assert stage.decode(context.data) == {"seat": 4}
    [member] = (await ada.client.presence(channel)).clients.values()
    assert stage.decode(member.chan_info) == {"rank": "captain"}


@scenario
async def is_subscribed_by_the_connect_hook(stage: Stage) -> None:
    channel = stage.channel("stream")
    ada = await stage.connected(data=stage.encode({"channels": [channel]}))
    await ada.log.next("subscribed")
    await stage.backend.publish_numbers(channel, 1, 1)
    assert await stage.server_side(ada).numbers(1) == [1]


@scenario
async def recovers_what_the_server_subscribed_it_to(stage: Stage) -> None:
    channel = stage.channel("stream")
    wire = await stage.wire()
    ada = await stage.connected(wire=wire, token=stage.token("ada", channels=[channel]))
    seat = stage.server_side(ada)
    await ada.log.next("subscribed")
    await stage.backend.publish_numbers(channel, 1, 2)
    await seat.numbers(2)
    async with wire.down():
        await stage.backend.publish_numbers(channel, 3, 50)
    again = (await ada.log.next("subscribed", 2))[1]
    assert (again.was_recovering, again.recovered) == (True, True)
    await stage.backend.publish_numbers(channel, 53, 1)
    assert await seat.numbers(53) == list(range(1, 54))


# Before 0.7 the library skips subscribe pushes.
@scenario_since(0, 7)
async def is_subscribed_and_unsubscribed_through_the_servers_API(stage: Stage) -> None:  # noqa: N802
    user, channel = unique(), stage.channel("stream")
    ada = await stage.connected(token=stage.token(user))
    seat = stage.server_side(ada)
    await stage.backend.publish_numbers(channel, 1, 3)
    await stage.backend.api("subscribe", user=user, channel=channel, data={"from": "the back end"})
    [context] = await ada.log.next("subscribed")
    assert (context.channel, context.recoverable, context.stream_position.offset) == (channel, True, 3)
    assert stage.decode(context.data) == {"from": "the back end"}
    await stage.backend.publish_numbers(channel, 4, 1)
    assert await seat.numbers(1) == [4]
    await stage.backend.api("unsubscribe", user=user, channel=channel)
    await ada.log.next("unsubscribed")
    await stage.backend.publish_numbers(channel, 5, 1)
    await ada.client.rpc("echo", stage.encode({}))
    assert len(seat.data()) == 1


@scenario
async def may_not_subscribe_itself_to_what_the_server_subscribed_it_to(stage: Stage) -> None:
    channel = stage.channel("stream")
    ada = await stage.connected(token=stage.token("ada", channels=[channel]))
    seat = await stage.seat(ada, channel)
    assert await seat.log.gone(105)


@scenario
async def comes_back_when_the_stream_of_a_server_side_subscription_begins_anew(stage: Stage) -> None:
    channel = stage.channel("stream")
    ada = await stage.connected(token=stage.token("ada", channels=[channel]))
    await ada.log.next("subscribed")
    await stage.backend.publish_numbers(channel, 1, 3)
    await stage.server_side(ada).numbers(3)
    await stage.backend.control("new-epoch", channel=channel, first=1, count=1)
    assert await ada.log.gone(3010) == "insufficient state"
    again = (await ada.log.next("subscribed", 2))[1]
    assert (again.was_recovering, again.recovered) == (True, False)
