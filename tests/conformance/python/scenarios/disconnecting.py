"""Ends that the server decides on: which ones the client comes back from."""

from __future__ import annotations

import asyncio

from ..stage import Connection, Seat, Stage, scenario, scenario_since, unique


async def _arranged(stage: Stage) -> tuple[str, Connection, Seat]:
    user = unique()
    ada = await stage.connected(token=stage.token(user))
    return user, ada, await stage.subscribed(ada, stage.channel("stream"))


async def _comes_back(stage: Stage, code: int, reason: str) -> None:
    user, ada, seat = await _arranged(stage)
    await stage.backend.api("disconnect", user=user, disconnect={"code": code, "reason": reason})
    assert await ada.log.gone(code) == reason
    await ada.log.next("connected", 2)
    assert (await seat.log.next("subscribed", 2))[1].recovered


async def _stays_away(stage: Stage, code: int, reason: str) -> None:
    user, ada, _ = await _arranged(stage)
    await stage.backend.api("disconnect", user=user, disconnect={"code": code, "reason": reason})
    assert await ada.log.gone(code) == reason
    await asyncio.sleep(0.3)  # longer than it waits before it comes back
    assert ada.client.state.value == "disconnected"
    assert len(ada.log.all("connected")) == 1


@scenario
async def comes_back_after_a_disconnect_with_3011(stage: Stage) -> None:
    await _comes_back(stage, 3011, "force reconnect")


@scenario
async def comes_back_after_a_disconnect_with_4321(stage: Stage) -> None:
    await _comes_back(stage, 4321, "back in a moment")


@scenario
async def stays_away_after_a_disconnect_with_3777(stage: Stage) -> None:
    await _stays_away(stage, 3777, "please go")


@scenario
async def stays_away_after_a_disconnect_with_4777(stage: Stage) -> None:
    await _stays_away(stage, 4777, "and do not return")


@scenario
async def stays_away_after_a_disconnect_without_a_code(stage: Stage) -> None:
    user, ada, _ = await _arranged(stage)
    await stage.backend.api("disconnect", user=user)
    assert await ada.log.gone(3503) == "force disconnect"
    assert ada.client.state.value == "disconnected"


@scenario_since(0, 7)
async def starts_over_with_a_new_token_when_its_state_is_invalidated(stage: Stage) -> None:
    user = unique()

    async def get_token() -> str:
        return stage.token(user)

    ada = await stage.connected(get_token=get_token)
    seat = await stage.subscribed(ada, stage.channel("stream"))
    how = {"code": 3014, "reason": "state invalidated"}
    await stage.backend.api("disconnect", user=user, disconnect=how)
    again = (await seat.log.next("subscribed", 2))[1]
    assert (again.was_recovering, again.recovered) == (True, False)
    await stage.backend.publish_numbers(seat.sub.channel, 1, 1)
    assert await seat.numbers(1) == [1]


@scenario
async def is_unsubscribed_for_good_through_the_servers_API(stage: Stage) -> None:  # noqa: N802
    user, ada, seat = await _arranged(stage)
    await stage.backend.api("unsubscribe", user=user, channel=seat.sub.channel)
    assert await seat.log.gone(2000) == "server unsubscribe"
    await stage.backend.publish_numbers(seat.sub.channel, 1, 1)
    await ada.client.rpc("echo", stage.encode({}))
    assert seat.data() == []
    assert len(ada.log.all("connected")) == 1
