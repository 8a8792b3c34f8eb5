"""`/ws`, what a client may say, and what each thing it should not say is answered with."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gapless import (
    ChannelOptions,
    ClientError,
    Disconnect,
    Grant,
    Hub,
    Limits,
    PermissionDenied,
    PublishEvent,
    Replace,
)

from ..support.sockets import masked
from ..support.until import until
from .conftest import OpenDoors

pytestmark = pytest.mark.anyio

KEPT = ChannelOptions(history=1000)
CHAT = ChannelOptions(history=1000, client_publish=True)


# -- the table


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("ping", {"type": "pong"}),
        ({"type": "ping"}, {"type": "pong"}),
        ({"type": "ping", "id": 0}, {"type": "pong", "id": 0}),
        ({"type": "ping", "id": "one"}, {"type": "pong", "id": "one"}),
        ({"type": "unsubscribe", "channel": "logs"}, {"type": "unsubscribed", "channel": "logs"}),
        (
            {"type": "unsubscribe", "channel": "logs", "id": 7},
            {"type": "unsubscribed", "channel": "logs", "id": 7},
        ),
    ],
)
async def test_a_command_has_its_answer(open_doors: OpenDoors, said: Any, answer: Any) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client() as client:
        assert await client.ask(said) == answer
        await client.quiet()


BAD_COMMANDS = [
    ("", 107, "a command is the word ping or a JSON object: not valid JSON at character 0"),
    ("Ping", 107, "a command is the word ping or a JSON object: not valid JSON at character 0"),
    ("[1]", 107, "a command is the word ping or a JSON object: not an object"),
    ('{"type":"ping","type":"ping"}', 107, "a command is the word ping or a JSON object: "),
    ('{"type":NaN}', 107, "a command is the word ping or a JSON object: not valid JSON"),
    ("[" * 100, 107, "a command is the word ping or a JSON object: "),
    ({}, 107, "type is missing"),
    ({"type": 1}, 107, "type is not a string"),
    ({"type": "dance"}, 107, "type is one of ping, subscribe, unsubscribe, publish"),
    ({"type": "subscribe"}, 107, "channel is missing"),
    ({"type": "subscribe", "channel": 1}, 107, "channel is not a string"),
    ({"type": "subscribe", "channel": ""}, 107, "a channel's name is empty"),
    ({"type": "subscribe", "channel": "x" * 256}, 107, "256 is above the limit of 255"),
    ({"type": "subscribe", "channel": "a\nb"}, 107, "control characters"),
    ({"type": "subscribe", "channel": "logs", "history": -1}, 107, "history is a whole number, 0 for none"),
    ({"type": "subscribe", "channel": "logs", "history": True}, 107, "history is a whole number"),
    ({"type": "subscribe", "channel": "logs", "history": 1.0}, 107, "history is a whole number"),
    ({"type": "subscribe", "channel": "logs", "since": 4}, 107, "since is not a string"),
    ({"type": "subscribe", "channel": "logs", "since": "4"}, 107, "since: a position is EPOCH:OFFSET"),
    ({"type": "subscribe", "channel": "logs", "joins": 1}, 107, "joins is true or false"),
    ({"type": "subscribe", "channel": "nope"}, 102, "unknown channel: no pattern of this hub matches it"),
    ({"type": "unsubscribe"}, 107, "channel is missing"),
    ({"type": "publish", "channel": "chat"}, 107, "publish needs data"),
    ({"type": "publish", "data": 1}, 107, "channel is missing"),
    ({"type": "publish", "channel": "nope", "data": 1}, 102, "unknown channel"),
    ({"type": "publish", "channel": "logs", "data": 1}, 103, "clients may not publish to this channel"),
    ({"type": "publish", "channel": "chat", "data": 1}, 103, "subscribe to the channel before publishing"),
    ({"type": "ping", "id": -1}, 107, "id is a whole number from 0 to 2^53, or a string of at most 64"),
    ({"type": "ping", "id": True}, 107, "id is a whole number"),
    ({"type": "ping", "id": 1.5}, 107, "id is a whole number"),
    ({"type": "ping", "id": None}, 107, "id is a whole number"),
    ({"type": "ping", "id": "x" * 65}, 107, "id is a whole number"),
]


async def test_each_bad_command_is_told_what_was_wrong_and_costs_nothing_else(open_doors: OpenDoors) -> None:
    limits = Limits(rejected_commands=len(BAD_COMMANDS))
    async with open_doors({"logs": KEPT, "chat": CHAT}, limits=limits) as doors, doors.client() as client:
        for said, code, message in BAD_COMMANDS:
            answer = await client.ask(said)
            assert (answer["type"], answer["code"]) == ("error", code), (said, answer)
            assert message in answer["message"], (said, answer)
        await client.quiet()
        assert doors.hub.counters.client_errors == len(BAD_COMMANDS)
        assert doors.hub.stats().subscriptions == 0


async def test_an_error_carries_the_id_and_the_channel_of_its_command(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client() as client:
        assert await client.ask({"type": "subscribe", "channel": "nope", "id": 3}) == {
            "type": "error",
            "code": 102,
            "message": "unknown channel: no pattern of this hub matches it",
            "channel": "nope",
            "id": 3,
        }
        answer = await client.ask({"type": "publish", "channel": "logs", "id": "p"})
        assert (answer["id"], answer["channel"]) == ("p", "logs")
        answer = await client.ask({"type": "dance", "id": 4})
        assert (answer["id"], "channel" in answer) == (4, False)


HALF_AN_EMOJI = '{"type":"publish","id":5,"channel":"chat","data":"Hi \\ud83d"}'
BEYOND = [
    (HALF_AN_EMOJI, "half of a surrogate pair (an emoji cut in two) at character"),
    ('{"type":"publish","id":5,"channel":"chat","data":123456789012345678901}', "more than 20 digits"),
    (
        json.dumps(
            {"type": "publish", "id": 5, "channel": "chat", "data": dict.fromkeys(map(str, range(1001)))}
        ),
        "more than 1000 members",
    ),
    ('{"type":"publish","id":5,"channel":"chat","data":' + "[" * 70 + "]" * 70 + "}", "deeper than 64"),
    ('{"type":"publish","id":5,"channel":"chat","data":"' + "x" * 200_000 + '"}', "above the limit of 65536"),
]


async def test_what_a_client_waits_for_is_answered_however_it_is_refused(open_doors: OpenDoors) -> None:
    async with open_doors({"chat": CHAT}) as doors, doors.client("?channel=chat") as client:
        await client.history("chat")
        for said, message in BEYOND:
            answer = await client.ask(said)
            assert (answer["type"], answer["code"]) == ("error", 107)
            assert (answer["id"], answer["channel"]) == (5, "chat"), said[:100]
            assert message in answer["message"]
        await doors.hub.publish("chat", "it goes on")
        assert (await client.next())["data"] == "it goes on"


# -- subscribing and unsubscribing


async def test_a_subscribe_command_is_answered_with_history_and_its_id_once(open_doors: OpenDoors) -> None:
    async with (
        open_doors({"logs": KEPT}, limits=Limits(history_frame_bytes=4096)) as doors,
        doors.client() as client,
    ):
        for _ in range(30):
            await doors.hub.publish("logs", "x" * 500)
        await client.say({"type": "subscribe", "channel": "logs", "id": 1})
        frames = await client.history("logs")
        assert [frame.get("id") for frame in frames] == [1] + [None] * (len(frames) - 1)
        assert len(frames) > 1


async def test_a_subscribe_command_may_ask_for_some_history_or_resume(open_doors: OpenDoors) -> None:
    async with open_doors({"*": KEPT}) as doors, doors.client() as client:
        for n in range(1, 6):
            for name in ("a", "b"):
                position = await doors.hub.publish(name, n)
        assert position is not None
        some = await client.ask({"type": "subscribe", "channel": "a", "history": 2})
        assert [item["data"] for item in some["history"]] == [4, 5]
        missed = await client.ask({"type": "subscribe", "channel": "b", "since": f"{position.epoch}:3"})
        assert (missed["recovered"], [item["data"] for item in missed["history"]]) == (True, [4, 5])


async def test_subscribing_twice_is_refused_and_the_subscription_goes_on(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client("?channel=logs") as client:
        await client.history("logs")
        answer = await client.ask({"type": "subscribe", "channel": "logs"})
        assert (answer["code"], answer["message"]) == (105, "already subscribed")
        await doors.hub.publish("logs", 1)
        assert (await client.next())["data"] == 1
        await client.quiet()


async def test_more_subscriptions_than_allowed_are_refused(open_doors: OpenDoors) -> None:
    async with (
        open_doors({"*": KEPT}, limits=Limits(subscriptions=2)) as doors,
        doors.client("?channel=a&channel=b") as client,
    ):
        await client.take(2)
        answer = await client.ask({"type": "subscribe", "channel": "c"})
        assert answer["code"] == 106
        assert answer["message"] == "subscriptions of this connection: 3 is above the limit of 2"
        await client.ask({"type": "unsubscribe", "channel": "a"})
        assert (await client.ask({"type": "subscribe", "channel": "c"}))["channel"] == "c"


async def test_nothing_of_a_channel_follows_its_unsubscribe_reply(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors:
        going = True

        async def publish() -> None:
            while going:
                await doors.hub.publish("logs", 1)

        publisher = asyncio.create_task(publish())
        try:
            async with doors.client() as client:
                for _ in range(5):
                    await client.say({"type": "subscribe", "channel": "logs", "history": 0})
                    await client.live(3)
                    await client.say({"type": "unsubscribe", "channel": "logs"})
                    while (await client.next()) != {"type": "unsubscribed", "channel": "logs"}:
                        pass
                    await client.quiet()
                assert doors.hub.stats().subscriptions == 0
        finally:
            going = False
            await publisher


async def test_unsubscribing_in_the_middle_of_a_long_history_ends_it(open_doors: OpenDoors) -> None:
    options = ChannelOptions(history=3000, history_bytes=None)
    async with open_doors({"logs": options}) as doors:
        for _ in range(3000):
            await doors.hub.publish("logs", "x" * 5000)
        async with doors.lazy("?channel=logs") as client:
            await client.next()
            await client.say({"type": "unsubscribe", "channel": "logs"})
            frames = 1
            while "type" not in (frame := await client.next()):
                frames += 1
            assert frame == {"type": "unsubscribed", "channel": "logs"}
            assert frames < 3000 * 5000 / (256 * 1024)
            await client.quiet()
            again = await client.ask({"type": "subscribe", "channel": "logs", "history": 1})
            assert again["history"][0]["offset"] == 3000


async def test_commands_that_arrive_while_the_query_is_answered_keep_their_order(
    open_doors: OpenDoors,
) -> None:
    hub = Hub(channels={"*": KEPT})
    asked, allowed = asyncio.Event(), asyncio.Event()

    @hub.on_subscribe("slow")
    async def wait(event: Any) -> None:
        asked.set()
        await allowed.wait()

    async with open_doors(hub=hub) as doors, doors.client("?channel=slow&channel=b") as client:
        await asked.wait()
        for n in range(70):
            await client.say({"type": "ping", "id": n})
        await client.say({"type": "subscribe", "channel": "c"})
        await client.say({"type": "unsubscribe", "channel": "b"})
        allowed.set()
        frames = await client.take(74)
        seen = [frame.get("channel") or frame["id"] for frame in frames]
        assert seen == ["slow", "b", *range(70), "c", "b"]


# -- publishing


async def test_a_publication_of_a_client_says_who_published_and_is_acknowledged(
    open_doors: OpenDoors,
) -> None:
    hub = Hub(channels={"chat": CHAT})

    @hub.on_connect
    async def who(event: Any) -> Grant:
        return Grant(user=event.query["user"])

    async with (
        open_doors(hub=hub) as doors,
        doors.client("?channel=chat&user=a") as a,
        doors.client("?channel=chat&user=b") as b,
    ):
        (first,) = await a.history("chat")
        await b.history("chat")
        said = {"type": "publish", "channel": "chat", "data": {"text": "hi"}, "id": 9}
        await a.say(said)
        frames = await a.take(2)
        (answer,) = [frame for frame in frames if "type" in frame]
        assert answer == {
            "type": "published",
            "channel": "chat",
            "epoch": first["epoch"],
            "offset": 1,
            "id": 9,
        }
        live = await b.next()
        assert live.pop("info")["user"] == "a"
        assert live == {"channel": "chat", "offset": 1, "data": {"text": "hi"}}


async def test_publishing_where_no_history_is_kept_is_acknowledged_without_a_position(
    open_doors: OpenDoors,
) -> None:
    async with (
        open_doors({"now": ChannelOptions(client_publish=True)}) as doors,
        doors.client("?channel=now") as client,
    ):
        await client.history("now")
        await client.say({"type": "publish", "channel": "now", "data": 1})
        answers = [frame for frame in await client.take(2) if "type" in frame]
        assert answers == [{"type": "published", "channel": "now"}]


async def test_the_payload_is_passed_on_byte_for_byte(open_doors: OpenDoors) -> None:
    payload = '{"a": 1.0e5, "b":"\\u00e9", "big": 12345678901234567890, "c":[ ]}'
    async with open_doors({"chat": CHAT}) as doors, doors.client("?channel=chat") as client:
        await client.history("chat")
        await client.say('{"type":"publish","channel":"chat","data":' + payload.replace(", ", ",\r\n ") + "}")
        texts = [await client.text(), await client.text()]
        (live,) = [text for text in texts if '"data":' in text]
        assert f'"data":{payload}' in live


async def test_a_publication_above_the_bound_is_refused(open_doors: OpenDoors) -> None:
    limits = Limits(client_payload_bytes=100)
    async with open_doors({"chat": CHAT}, limits=limits) as doors, doors.client("?channel=chat") as client:
        await client.history("chat")
        answer = await client.ask({"type": "publish", "channel": "chat", "data": "x" * 99})
        assert (answer["code"], answer["message"]) == (
            107,
            "bytes of a publication: 101 is above the limit of 100",
        )
        await client.quiet()


async def test_publishing_too_fast_is_refused_with_111(open_doors: OpenDoors) -> None:
    limits = Limits(publish_rate=0.001, publish_burst=3)
    async with open_doors({"chat": CHAT}, limits=limits) as doors, doors.client("?channel=chat") as client:
        await client.history("chat")
        for _ in range(4):
            await client.say({"type": "publish", "channel": "chat", "data": 1})
        answers = [frame for frame in await client.take(7) if "type" in frame]
        assert [answer["type"] for answer in answers] == ["published"] * 3 + ["error"]
        assert (answers[-1]["code"], answers[-1]["message"]) == (111, "too many requests: slow down")


async def test_a_hook_allows_replaces_and_refuses_what_clients_publish(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"chat:{room}": KEPT})

    @hub.on_publish("chat:{room}")
    def check(event: PublishEvent, room: str) -> Replace | None:
        if event.data == "spam":
            raise PermissionDenied("no spam, please")
        if event.data == "teapot":
            raise ClientError("a teapot", code=418)
        if event.data == "bug":
            raise ZeroDivisionError
        if event.data == "out":
            raise Disconnect(4501, "go away")
        return Replace({"room": room, "said": event.data}) if event.data == "wrap" else None

    async with open_doors(hub=hub) as doors, doors.client("?channel=chat:1") as client:
        await client.history("chat:1")

        async def publish(data: str) -> Any:
            await client.say({"type": "publish", "channel": "chat:1", "data": data})
            while "type" not in (frame := await client.next()):
                published.append(frame["data"])
            return frame

        published: list[Any] = []
        assert (await publish("hello"))["type"] == "published"
        assert (await publish("wrap"))["type"] == "published"
        refused = await publish("spam")
        assert (refused["code"], refused["message"]) == (103, "no spam, please")
        assert (await publish("teapot"))["code"] == 418
        assert (await publish("bug"))["code"] == 100
        assert doors.hub.counters.hook_errors == 1
        await client.quiet()
        async with doors.client("?channel=chat:1") as other:
            (frame,) = await other.history("chat:1")
            assert [item["data"] for item in frame["history"]] == ["hello", {"room": "1", "said": "wrap"}]
        await client.say({"type": "publish", "channel": "chat:1", "data": "out"})
        assert await client.closed() == (4501, "go away")


async def test_a_hook_guards_who_subscribes_to_what(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"*": KEPT})
    asked: list[tuple[str, str]] = []

    @hub.on_subscribe("orders:{order_id}")
    async def check(event: Any, order_id: str) -> bool:
        asked.append((event.channel, order_id))
        return order_id == "7"

    async with open_doors(hub=hub) as doors:
        async with doors.client("?channel=orders:7&channel=orders:8&channel=logs") as client:
            seven, eight, logs = await client.take(3)
            assert (seven["channel"], logs["channel"]) == ("orders:7", "logs")
            assert (eight["code"], eight["channel"]) == (103, "orders:8")
        assert asked == [("orders:7", "7"), ("orders:8", "8")]
        await doors.settled()


# -- too much


async def test_too_many_rejected_commands_close_with_a_code_to_come_back_from(open_doors: OpenDoors) -> None:
    async with (
        open_doors({"logs": KEPT}) as doors,
        doors.client("?channel=logs") as neighbour,
        doors.client() as client,
    ):
        await neighbour.history("logs")
        for _ in range(20):
            assert (await client.ask("nonsense"))["code"] == 107
        await client.say("nonsense")
        assert await client.closed() == (3013, "too many errors")
        await doors.hub.publish("logs", "fine")
        assert (await neighbour.next())["data"] == "fine"
        assert doors.hub.counters.bad_protocol == 1


async def test_commands_that_keep_coming_too_fast_close_with_3013(open_doors: OpenDoors) -> None:
    limits = Limits(commands=1000.0, commands_burst=20, commands_seconds=0.0)
    async with open_doors({"logs": KEPT}, limits=limits) as doors, doors.client() as client:
        for _ in range(500):
            await client.say("ping")
        assert await client.closed() == (3013, "too many requests")
        assert doors.hub.counters.rate_limited >= 2


async def test_a_burst_of_commands_is_answered_whole(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client() as client:
        for n in range(200):
            await client.say({"type": "ping", "id": n})
        assert [frame["id"] for frame in await client.take(200)] == list(range(200))


async def test_a_binary_message_closes_with_1003(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client() as client:
        await client.connection.send(b'{"type":"ping"}')
        assert await client.closed() == (1003, "this door speaks text frames only")


@pytest.mark.parametrize("text", ["x" * 1001, "é" * 501])
@pytest.mark.parametrize("server", [{}, {"ws_max_size": 1000}])
async def test_a_message_above_the_bound_closes_with_1009(
    open_doors: OpenDoors, text: str, server: dict[str, int]
) -> None:
    limits = Limits(message_bytes=1000)
    async with open_doors({"logs": KEPT}, limits=limits, server=server) as doors, doors.client() as client:
        await client.say("é" * 500)
        assert (await client.next())["code"] == 107
        await client.say(text)
        code, _ = await client.closed()
        assert code == 1009


async def test_text_that_is_not_utf8_closes_with_1007(open_doors: OpenDoors) -> None:
    async with open_doors({"logs": KEPT}) as doors, doors.client() as client:
        client.connection.transport.write(masked(1, b"\xff\xfe"))
        code, _ = await client.closed()
        assert code == 1007
    await until(lambda: not doors.hub.node.roster)


# -- the operator


async def test_the_operator_can_end_a_connection_with_a_code_and_a_reason(open_doors: OpenDoors) -> None:
    hub = Hub(channels={"logs": KEPT})

    @hub.on_connect
    async def who(event: Any) -> str:
        return str(event.query["user"])

    async with open_doors(hub=hub) as doors:
        async with (
            doors.client("?channel=logs&user=a") as a,
            doors.client("?channel=logs&user=a") as also_a,
            doors.client("?channel=logs&user=b") as b,
        ):
            for client in (a, also_a, b):
                await client.history("logs")
            assert hub.disconnect(user="a") == 2
            assert await a.closed() == (3503, "force disconnect")
            assert await also_a.closed() == (3503, "force disconnect")
            await b.quiet()
            assert hub.disconnect(user="b", code=4000, reason="later") == 1
            assert await b.closed() == (4000, "later")
