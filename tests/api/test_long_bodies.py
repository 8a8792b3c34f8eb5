"""Calls with much in them are read beside the loop, and answered as others are."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import httpx
import pytest

from gapless import Access, ChannelOptions, Hub, Limits
from gapless.api import LONG, MANY, BadBody, call, call_lines, is_long
from gapless.api.arguments import CONTAINERS, Fields
from gapless.doors.guard import Guard
from gapless.doors.http import ApiDoor
from gapless.doors.request import Aside
from gapless.errors import Overloaded

pytestmark = pytest.mark.anyio

CHANNELS = {"logs": ChannelOptions(history=10)}


class Noted:
    """An aside that notes what is read there."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def read(self, size: int, work: Callable[[], Fields]) -> Fields:
        self.sizes.append(size)
        return work()


def said(data: object) -> bytes:
    return json.dumps({"channel": "logs", "data": data}).encode()


@pytest.mark.parametrize(
    ("body", "aside"),
    [
        (said(1), False),
        (said("x" * (LONG - 40)), False),
        (said("x" * LONG), True),
        (said([[]] * (MANY - 2)), False),
        (said([[]] * MANY), True),
        (said("[" * MANY), True),
    ],
)
async def test_a_body_that_is_long_or_holds_much_is_read_beside_the_loop(body: bytes, aside: bool) -> None:
    noted = Noted()
    async with Hub(channels=CHANNELS) as hub:
        answer = await call(hub, "publish", body, noted.read)
    assert answer is not None
    assert json.loads(answer)["result"]["offset"] == 1
    assert noted.sizes == ([len(body)] if aside else [])
    assert is_long(body) is aside


async def test_a_batch_is_told_apart_there_too() -> None:
    commands = [{"publish": {"channel": "logs", "data": "x" * 1000}}] * 100 + [{"publish": 1}, 2, {"no": {}}]
    noted = Noted()
    async with Hub(channels=CHANNELS) as hub:
        answer = await call(hub, "batch", json.dumps({"commands": commands}).encode(), noted.read)
    assert answer is not None
    replies = json.loads(answer)["replies"]
    assert [one["publish"]["offset"] for one in replies[:100]] == list(range(1, 101))
    assert [one["error"]["code"] for one in replies[100:]] == [107, 107, 104]
    assert len(noted.sizes) == 1


async def test_what_is_no_call_is_refused_as_on_the_loop() -> None:
    noted = Noted()
    async with Hub(channels=CHANNELS) as hub:
        for body in (b"[" * LONG * 2, b'{"channel":"logs","channel":"%b"}' % (b"x" * LONG)):
            with pytest.raises(BadBody, match="the body is a JSON object"):
                await call(hub, "publish", body, noted.read)
    assert len(noted.sizes) == 2


async def test_lines_of_old_clients_are_read_there_each_by_itself() -> None:
    noted = Noted()
    lines = [
        b'{"id":1,"method":"publish","params":%b}' % said("x"),
        b'{"id":2,"method":"publish","params":%b}' % said("x" * LONG),
    ]
    async with Hub(channels=CHANNELS) as hub:
        answers = (await call_lines(hub, b"\n".join(lines), noted.read)).splitlines()
    assert [json.loads(one)["id"] for one in answers] == [1, 2]
    assert len(noted.sizes) == 2, "the line, and what it is called with"


async def test_where_too_much_waits_the_answer_says_so() -> None:
    async def full(size: int, work: Callable[[], Fields]) -> Fields:
        raise Overloaded(size, 1)

    async with Hub(channels=CHANNELS) as hub:
        answer = await call(hub, "publish", said("x" * LONG), full)
        lines = await call_lines(hub, b'{"id":1,"method":"publish","params":%b}' % said("x" * LONG), full)
    assert answer is not None
    assert json.loads(answer)["error"]["code"] == 100
    assert json.loads(lines)["error"]["code"] == 100


async def test_what_is_in_base64_is_read_on_the_loop_and_holds_less() -> None:
    def encoded(raw: bytes) -> bytes:
        return json.dumps({"channel": "logs", "b64data": base64.b64encode(raw).decode()}).encode()

    async with Hub(channels=CHANNELS) as hub:
        for raw, code in (
            (b"[" + b"[]," * (CONTAINERS - 1) + b"1]", 0),
            (b" [" + b"[]," * CONTAINERS + b"1]", 107),
            (b"\0" + b"[{" * CONTAINERS, 0),
        ):
            answer = await call(hub, "publish", encoded(raw), Noted().read)
            assert answer is not None
            assert json.loads(answer).get("error", {}).get("code", 0) == code


async def test_the_door_has_a_thread_for_them() -> None:
    sizes: list[int] = []

    class NotedAside(Aside):
        async def read(self, size, work):  # type: ignore[no-untyped-def]
            sizes.append(size)
            return await super().read(size, work)

    async with Hub(channels=CHANNELS, limits=Limits()) as hub:
        door = ApiDoor(Guard(hub, Access(open_api=True)), NotedAside(hub.limits.body_bytes))

        async def app(scope, receive, send):  # type: ignore[no-untyped-def]
            await door({**scope, "path_params": {"method": "publish"}}, receive, send)

        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
        async with client:
            for data in ("x", "x" * LONG):
                answer = await client.post("/api/publish", content=said(data), headers=JSON)
                assert answer.json()["result"]["epoch"]
    assert sizes == [len(said("x" * LONG))]


JSON = {"content-type": "application/json"}
