"""Calls that are answered at once: never otherwise than `call` answers them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless import ChannelOptions, Hub
from gapless.api import BadBody, at_once, call

from ..support.broker import FakeBroker

pytestmark = pytest.mark.anyio

CHANNELS = {"logs": ChannelOptions(history=100), "now": ChannelOptions()}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
PUBLISH = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(["logs", "now", "unknown", "", "a\x00", 'q"', "lögs"]) | VALUES,
        "data": VALUES,
        "b64data": st.sampled_from(["MQ==", "", "*", "/w=="]),
        "tags": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2) | VALUES,
        "skip_history": st.booleans(),
        "idempotency_key": st.sampled_from(["k", "", "x" * 65]),
        "version": st.integers(-1, 3),
        "other": VALUES,
    },
)
BROADCAST = st.fixed_dictionaries(
    {"data": VALUES}, optional={"channels": st.lists(st.sampled_from(["logs", "now", "unknown"])) | VALUES}
)
BATCH = st.fixed_dictionaries(
    {"commands": st.lists(st.fixed_dictionaries({"publish": PUBLISH | VALUES}), max_size=4) | VALUES},
    optional={"parallel": st.booleans()},
)
CALLS = st.one_of(
    *(
        st.tuples(st.just(method), said)
        for method, said in (("publish", PUBLISH), ("broadcast", BROADCAST), ("batch", BATCH))
    )
)


async def both(method: str, body: bytes) -> tuple[Any, Any]:
    """What is answered at once, and what `call` answers, each by a hub of its own; with what is kept."""
    answers: list[Any] = []
    for way in ("at once", "call"):
        async with Hub(channels=CHANNELS) as hub:
            try:
                said = (
                    at_once.METHODS[method](hub, body) if way == "at once" else await call(hub, method, body)
                )
            except BadBody:
                said = None
            if said is not None and not isinstance(said, bytes):
                said = await said
            kept = [publication.payload for publication in (await hub.history("logs")).publications]
            epoch = str((await hub.history("logs")).top).partition(":")[0].encode()
            answers.append((said and said.replace(epoch, b"EPOCH"), kept, hub.counters.published))
    return answers[0], answers[1]


@given(CALLS, st.sampled_from([None, 1]))
@settings(max_examples=300, deadline=None)
def test_an_answer_at_once_is_the_answer_of_call(said: tuple[str, Any], indent: int | None) -> None:
    method, arguments = said
    at_once_, call_ = asyncio.run(both(method, json.dumps(arguments, indent=indent).encode()))
    if at_once_[0] is None:
        assert at_once_[1:] == ([], 0), "what is left to `call` is untouched"
    else:
        assert at_once_ == call_


@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: b'{"channel":"logs","data":' + text.encode())
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_answered_as_by_call_or_left_to_it(body: bytes) -> None:
    at_once_, call_ = asyncio.run(both("publish", body))
    assert at_once_[0] is None or at_once_ == call_


@pytest.mark.parametrize(
    "body",
    [
        b'{"channel":"logs","data":1}',
        b'{ "channel" : "now" , "data" : {"a": [1, "}"]} }',
        b'{"data":1,"channel":"logs"}',
    ],
)
async def test_what_is_stored_at_once_is_answered_without_waiting(body: bytes) -> None:
    async with Hub(channels=CHANNELS) as hub:
        said = at_once.publish(hub, body)
        assert isinstance(said, bytes)
        assert said.startswith(b'{"result":')


async def test_a_broker_that_answers_later_is_awaited_and_its_failure_told() -> None:
    broker = FakeBroker()
    broker.slow_answers = True
    async with Hub(broker, channels=CHANNELS) as hub:
        said = at_once.broadcast(hub, b'{"channels":["logs","now"],"data":1}')
        assert said is not None
        assert not isinstance(said, bytes)
        broker.slow_answers = False
        broker.answer_all()
        responses = json.loads(await said)["result"]["responses"]
        assert [response["result"].get("offset") for response in responses] == [1, None]
        broker.down = True
        failed = at_once.publish(hub, b'{"channel":"logs","data":1}')
        failed = failed if isinstance(failed, bytes | None) else await failed
        assert failed is not None
        assert json.loads(failed)["error"]["code"] == 100


async def test_a_long_batch_is_left_to_call_which_gives_others_their_turns() -> None:
    async with Hub(channels=CHANNELS) as hub:
        for count, at_once_ in ((at_once.TOGETHER, True), (at_once.TOGETHER + 1, False)):
            commands = [{"publish": {"channel": "logs", "data": 1}}] * count
            assert (at_once.batch(hub, json.dumps({"commands": commands}).encode()) is not None) is at_once_
