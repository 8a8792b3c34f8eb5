"""Subscriptions that the client asks for."""

from __future__ import annotations

import asyncio

from ..stage import Stage, scenario, scenario_since, unique


@scenario
async def gets_what_is_published_after_its_subscribe_reply(stage: Stage) -> None:
    channel = stage.channel("live")
    seat = await stage.subscribed(await stage.connected(), channel)
    await stage.backend.publish(channel, {"text": "grüße 🌍"})
    await seat.log.next("publication")
    assert seat.data() == [{"text": "grüße 🌍"}]
    assert not seat.log.all("subscribed")[0].recoverable


# Version 0.4.0 cannot subscribe again to what it unsubscribed from.
@scenario_since(0, 4, 4)
async def gets_nothing_after_unsubscribing_and_misses_nothing_when_it_subscribes_again(stage: Stage) -> None:
    ada = await stage.connected()
    channel = stage.channel("stream")
    seat = await stage.subscribed(ada, channel)
    await stage.backend.publish_numbers(channel, 1, 3)
    await seat.numbers(3)
    await seat.sub.unsubscribe()
    await stage.backend.publish_numbers(channel, 4, 3)
    await ada.client.rpc("echo", stage.encode({}))
    assert len(seat.data()) == 3
    await seat.sub.subscribe()
    assert await seat.numbers(6) == [1, 2, 3, 4, 5, 6]
    again = seat.log.all("subscribed")[1]
    assert (again.was_recovering, again.recovered) == (True, True)


# Version 0.4.0 cannot subscribe again to what it unsubscribed from.
@scenario_since(0, 4, 4)
async def ends_up_subscribed_after_changing_its_mind_ten_times(stage: Stage) -> None:
    ada = await stage.connected()
    channel = stage.channel("live")
    seat = await stage.subscribed(ada, channel)
    for _ in range(10):
        await seat.sub.unsubscribe()
        await seat.sub.subscribe()
    await seat.sub.ready()
    await stage.backend.publish(channel, {"n": 1})
    assert await seat.numbers(1) == [1]
    assert len(ada.log.all("connected")) == 1


@scenario
async def subscribes_to_sixty_channels_as_soon_as_it_is_connected(stage: Stage) -> None:
    ada = stage.client()
    seats = [await stage.seat(ada, stage.channel("stream")) for _ in range(60)]
    await ada.client.connect()
    for seat in seats:
        await seat.log.next("subscribed")
    await asyncio.gather(*(stage.backend.publish(seat.sub.channel, {"n": 1}) for seat in seats))
    for seat in seats:
        assert await seat.numbers(1) == [1]


@scenario
async def is_refused_unknown_guarded_and_private_channels(stage: Stage) -> None:
    ada = await stage.connected(token=stage.token("ada"))
    limited = f"{stage.channel('limited')}#bob"
    refused = [
        (stage.channel("nowhere"), 102),
        (stage.channel("guarded"), 103),
        (f"${stage.channel('secret')}", 103),
        (limited, 103),
    ]
    for channel, code in refused:
        seat = await stage.seat(ada, channel)
        assert await seat.log.gone(code)
    await stage.subscribed(ada, f"{stage.channel('limited')}#bob,ada")


@scenario
async def is_in_a_private_channel_with_a_subscription_token(stage: Stage) -> None:
    ada = await stage.connected(token=stage.token("ada"))
    channel = f"${stage.channel('secret')}"
    token = stage.token("ada", channel=channel, info={"seat": 7}, data={"motto": "hush"})
    seat = await stage.subscribed(ada, channel, token=token)
    assert stage.decode(seat.log.all("subscribed")[0].data) == {"motto": "hush"}
    [member] = (await seat.sub.presence()).clients.values()
    assert stage.decode(member.chan_info) == {"seat": 7}


@scenario
async def is_disconnected_for_the_subscription_token_of_somebody_else(stage: Stage) -> None:
    ada = await stage.connected(token=stage.token("ada"))
    channel = f"${stage.channel('secret')}"
    await stage.seat(ada, channel, token=stage.token("bob", channel=channel))
    assert await ada.log.gone(3500) == "invalid token"


@scenario
async def fetches_a_new_subscription_token_when_its_own_has_expired(stage: Stage) -> None:
    ada = await stage.connected(token=stage.token("ada"))
    channel = f"${stage.channel('secret')}"
    asked: list[str] = []

    async def get_token(of: str) -> str:
        asked.append(of)
        return stage.token("ada", channel=channel)

    token = stage.token("ada", channel=channel, lasts=-60)
    await stage.subscribed(ada, channel, token=token, get_token=get_token)
    assert asked == [channel]


def _briefly(stage: Stage, channel: str) -> str:
    """A token that runs out within a scenario; on a busy machine perhaps before the reply to its use."""
    return stage.token("ada", channel=channel, lasts=4)


# Up to 0.4 the library leaves the channel out of its sub_refresh command.
@scenario_since(0, 5)
async def refreshes_its_subscription_token_before_the_subscription_expires(stage: Stage) -> None:
    ada = await stage.connected(token=stage.token("ada"))
    channel = f"${stage.channel('secret')}"
    refreshed = 0

    async def get_token(of: str) -> str:
        nonlocal refreshed
        if not seat.log.all("subscribed"):
            return _briefly(stage, of)
        refreshed += 1
        return stage.token("ada", channel=of)

    seat = await stage.seat(ada, channel, token=_briefly(stage, channel), get_token=get_token)
    await seat.log.next("subscribed")
    await asyncio.sleep(7.5)  # beyond the expiry and the grace of the first token
    assert refreshed == 1
    await stage.backend.publish(channel, {"n": 1})
    assert await seat.numbers(1) == [1]
    assert len(seat.log.all("subscribed")) == 1


@scenario
async def loses_a_subscription_that_is_not_refreshed_and_comes_back(stage: Stage) -> None:
    ada = await stage.connected(token=stage.token("ada"))
    channel = f"${stage.channel('secret')}"

    async def get_token(of: str) -> str:
        if not seat.log.all("subscribed"):
            return _briefly(stage, of)
        if seat.sub.state.value == "subscribed":
            await asyncio.Event().wait()
        return stage.token("ada", channel=of)

    seat = await stage.seat(ada, channel, token=_briefly(stage, channel), get_token=get_token)
    assert await seat.log.gone(2501) == "subscription expired"
    await seat.log.next("subscribed", 2)
    assert len(ada.log.all("connected")) == 1


@scenario
async def exchanges_data_with_the_subscribe_hook(stage: Stage) -> None:
    name = unique()
    ada = await stage.connected()
    seat = await stage.subscribed(ada, stage.channel("greeted"), data=stage.encode({"greet": name}))
    assert stage.decode(seat.log.all("subscribed")[0].data) == {"greeting": f"welcome {name}"}
