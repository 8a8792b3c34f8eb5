"""Coming in, staying in, and leaving nothing behind."""

from __future__ import annotations

import asyncio

from ..stage import Stage, scenario, unique


@scenario
async def connects_without_a_token(stage: Stage) -> None:
    ada = await stage.connected()
    assert len(ada.id) == 36
    assert ada.log.all("connected")[0].version


@scenario
async def connects_with_a_token_and_is_its_user(stage: Stage) -> None:
    user = unique()
    ada = await stage.connected(token=stage.token(user, info={"name": "Ada"}))
    room = await stage.subscribed(ada, stage.channel("room"))
    clients = (await room.sub.presence()).clients
    assert list(clients) == [ada.id]
    assert clients[ada.id].user == user
    assert stage.decode(clients[ada.id].conn_info) == {"name": "Ada"}


@scenario
async def stays_away_after_an_invalid_token(stage: Stage) -> None:
    eve = stage.client(token=stage.token("eve", secret="x" * 40))
    await eve.client.connect()
    assert await eve.log.gone(3500) == "invalid token"
    assert eve.client.state.value == "disconnected"


@scenario
async def fetches_a_new_token_when_its_own_has_expired(stage: Stage) -> None:
    asked = 0

    async def get_token() -> str:
        nonlocal asked
        asked += 1
        return stage.token("ada")

    await stage.connected(token=stage.token("ada", lasts=-60), get_token=get_token)
    assert asked == 1


def _briefly(stage: Stage) -> str:
    """A token that runs out within a scenario; on a busy machine perhaps before the client is connected."""
    return stage.token("ada", lasts=4)


@scenario
async def refreshes_its_token_before_the_connection_expires(stage: Stage) -> None:
    refreshed = 0

    async def get_token() -> str:
        nonlocal refreshed
        if not ada.log.all("connected"):
            return _briefly(stage)
        refreshed += 1
        return stage.token("ada")

    ada = stage.client(token=_briefly(stage), get_token=get_token)
    await ada.client.connect()
    await ada.log.next("connected")
    await asyncio.sleep(7.5)  # beyond the expiry and the grace of the first token
    assert refreshed == 1
    await ada.client.rpc("echo", stage.encode({"still": "here"}))
    assert len(ada.log.all("connected")) == 1


@scenario
async def is_closed_as_expired_when_it_does_not_refresh_and_comes_back(stage: Stage) -> None:
    async def get_token() -> str:
        if not ada.log.all("connected"):
            return _briefly(stage)
        if ada.client.state.value == "connected":
            await asyncio.Event().wait()
        return stage.token("ada")

    ada = stage.client(token=_briefly(stage), get_token=get_token)
    await ada.client.connect()
    assert await ada.log.gone(3005) == "connection expired"
    await ada.log.next("connected", 2)


@scenario
async def exchanges_data_with_the_connect_hook(stage: Stage) -> None:
    ada = await stage.connected(data=stage.encode({"greet": "Zoë"}))
    assert stage.decode(ada.log.all("connected")[0].data) == {"greeting": "hello Zoë"}


@scenario
async def stays_away_when_the_connect_hook_says_so(stage: Stage) -> None:
    ada = stage.client(data=stage.encode({"refuse": 4501}))
    await ada.client.connect()
    assert await ada.log.gone(4501) == "refused by the hook"
    assert ada.client.state.value == "disconnected"


@scenario
async def answers_pings_and_is_pinged_on_time(stage: Stage) -> None:
    # The client gives up 3 s after a ping that is due, whatever else it gets; the server without a pong.
    ada = await stage.connected(max_server_ping_delay=3)
    channel = stage.channel("live")
    seat = await stage.subscribed(ada, channel)
    for n in range(1, 29):
        await stage.backend.publish(channel, {"n": n})
        await asyncio.sleep(0.25)
    assert await seat.numbers(28) == list(range(1, 29))
    assert len(ada.log.all("connected")) == 1


@scenario
async def connects_and_closes_a_hundred_times_and_leaves_nobody_behind(stage: Stage) -> None:
    channel = stage.channel("room")

    async def come_and_go(turn: int) -> None:
        # Each time a little later: before the handshake, in the middle of it, after the replies.
        ada = stage.client(token=stage.token("ada"))
        seat = await stage.seat(ada, channel)
        connecting = asyncio.create_task(ada.client.connect())
        if turn % 4 == 3:
            await seat.log.next("subscribed")
        else:
            await asyncio.sleep(turn / 4000)
        await ada.client.disconnect()
        await connecting

    async def lane(first: int) -> None:
        for turn in range(first, 100, 10):
            await come_and_go(turn)

    await asyncio.gather(*(lane(first) for first in range(10)))
    await stage.present(channel)
