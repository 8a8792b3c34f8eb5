"""What clients send: publications, calls, and what they must not send."""

from __future__ import annotations

import asyncio

import centrifuge  # type: ignore[import-not-found]

from ..stage import Stage, code_of, scenario, scenario_in_json


@scenario
async def publishes_to_others_and_to_itself_and_says_who_it_is(stage: Stage) -> None:
    channel = stage.channel("room")
    ada = await stage.connected(token=stage.token("ada", info={"name": "Ada"}))
    bob = await stage.connected(token=stage.token("bob"))
    seats = [await stage.subscribed(ada, channel), await stage.subscribed(bob, channel)]
    await seats[0].sub.publish(stage.encode({"n": 1}))
    await ada.client.publish(channel, stage.encode({"n": 2}))
    for seat in seats:
        assert await seat.numbers(2) == [1, 2]
        publication = seat.log.all("publication")[0].pub
        assert (publication.offset, publication.info.user, publication.info.client) == (1, "ada", ada.id)
        assert stage.decode(publication.info.conn_info) == {"name": "Ada"}


@scenario
async def keeps_the_order_of_sixty_publications_that_were_not_awaited(stage: Stage) -> None:
    ada = await stage.connected()
    seat = await stage.subscribed(ada, stage.channel("room"))
    await asyncio.gather(*(seat.sub.publish(stage.encode({"n": n})) for n in range(1, 61)))
    assert await seat.numbers(60) == list(range(1, 61))


@scenario
async def may_not_publish_where_clients_must_not_nor_to_an_unknown_channel(stage: Stage) -> None:
    ada = await stage.connected()
    seat = await stage.subscribed(ada, stage.channel("stream"))
    assert await code_of(seat.sub.publish(stage.encode({}))) == 103
    assert await code_of(ada.client.publish(stage.channel("nowhere"), stage.encode({}))) == 102
    assert len(ada.log.all("connected")) == 1


@scenario
async def calls_a_method_and_gets_its_answer(stage: Stage) -> None:
    ada = await stage.connected(token=stage.token("ada"))
    said = {"text": "żółw", "list": [1, 2.5, None]}
    result = await ada.client.rpc("echo", stage.encode(said))
    assert stage.decode(result.data) == {"user": "ada", "said": said}


@scenario
async def is_told_that_a_method_is_unknown_and_what_went_wrong_in_one(stage: Stage) -> None:
    ada = await stage.connected()
    assert await code_of(ada.client.rpc("nothing", stage.encode({}))) == 104
    assert await code_of(ada.client.rpc("fail", stage.encode({}))) == 1234
    assert await code_of(ada.client.rpc("crash", stage.encode({}))) == 100


@scenario_in_json
async def is_told_that_data_is_not_JSON_and_nothing_of_it_is_published(stage: Stage) -> None:  # noqa: N802
    channel = stage.channel("room")
    other = await stage.subscribed(await stage.connected(), channel)
    ada = await stage.connected()
    try:
        await ada.client.publish(channel, {"not": float("nan")})
    except centrifuge.CentrifugeError:
        pass  # an error, or a disconnect with 3501: both are allowed
    else:
        raise AssertionError("was accepted")
    await stage.backend.publish(channel, {"n": 1})
    assert await other.numbers(1) == [1]


@scenario
async def is_closed_after_a_message_that_is_too_large_and_comes_back(stage: Stage) -> None:
    ada = await stage.connected()
    seat = await stage.subscribed(ada, stage.channel("room"))
    try:
        await seat.sub.publish(stage.encode({"text": "x" * 300_000}))
    except centrifuge.CentrifugeError:
        pass
    assert await ada.log.gone(3) == "message size limit"  # what the library makes of the close code 1009
    await ada.log.next("connected", 2)
