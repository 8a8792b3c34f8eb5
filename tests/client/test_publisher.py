"""Publishing to a hub elsewhere, and what happens while it is away."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import deque
from typing import Any

import pytest

from gapless import AsyncPublisher, ConfigError, Overloaded, Position, Publisher
from gapless.client.backoff import Backoff
from gapless.client.outgoing import Batch
from gapless.client.publisher import BATCH_BYTES
from gapless.client.receipt import Dropped
from gapless.client.remote import NotTheHub, Refused, Remote
from gapless.client.ways import HttpWay

from ..support.commands import environment
from ..support.until import DEADLINE, until
from .scripted import CUT, publications

pytestmark = pytest.mark.anyio


def at_once() -> Backoff:
    return Backoff(first=0.0, longest=0.0)


def publisher(
    url: str, said: list[str] | None = None, token: str | None = None, **options: Any
) -> AsyncPublisher:
    report = said.append if said is not None else lambda line: None
    way = HttpWay(Remote.parse(url, token), backoff=at_once())
    return AsyncPublisher(way, report=report, **{"close_timeout": 0.0, **options})


async def test_publications_arrive_in_order_with_the_credential() -> None:
    async with publications() as api, publisher(api.url, token="secret") as out:
        for number in range(20):
            await out.publish("logs", {"n": number})
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [{"n": number} for number in range(20)]
        assert {request["channel"] for request in api.sent} == {"logs"}
        assert {fields["x-api-key"] for fields in api.headers} == {"secret"}
        assert out.publisher.published == 20


async def test_a_receipt_gives_the_position() -> None:
    async with publications() as api, publisher(api.url) as out:
        receipts = [await out.publish("logs", number) for number in range(3)]
        assert [await receipt for receipt in receipts] == [Position(n, "E") for n in (1, 2, 3)]
        assert await receipts[0] == Position(1, "E")
        assert receipts[1].result(0) == Position(2, "E")


async def test_a_receipt_can_be_waited_for_in_a_thread_and_says_when_that_takes_too_long() -> None:
    async with publications() as api, publisher(api.url) as out:
        api.answer.clear()
        receipt = await out.publish("logs", 1)
        with pytest.raises(TimeoutError, match="not answered"):
            await asyncio.to_thread(receipt.result, 0.01)
        waiting = asyncio.create_task(asyncio.to_thread(receipt.result, DEADLINE))
        await until(lambda: api.requests)
        api.answer.set()
        assert await waiting == Position(1, "E")


@pytest.mark.parametrize("trouble", [CUT, 500, 503, 429, 408])
async def test_a_retry_is_not_a_second_copy(trouble: int | str) -> None:
    script = deque([None, trouble, trouble, None])
    async with publications(script=script) as api, publisher(api.url) as out:
        await out.publish("logs", 0)
        assert await out.flush(DEADLINE) == 0
        for number in (1, 2):
            await out.publish("logs", number)
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [0, 1, 2]
        assert len(api.requests) > 3
        keys = [body["key"] for _, body in api.requests]
        assert len(set(keys)) < len(keys)


async def test_what_comes_while_the_hub_is_away_is_delivered_when_it_is_back() -> None:
    said: list[str] = []
    async with publications() as api:
        port = int(api.url.rpartition(":")[2])
    async with publisher(api.url, said) as out:
        for number in range(5):
            await out.publish("logs", number)
        await until(lambda: said)
        assert "gapless serve" in said[0]
        async with publications(port) as api:
            assert await out.flush(DEADLINE) == 0
            assert api.taken == list(range(5))
        assert "answers again" in said[1]
        assert len(said) == 2


async def away(out: AsyncPublisher) -> None:
    """Until the publisher knows that its hub is gone."""
    await until(lambda: out.publisher.trouble is not None)


async def test_what_does_not_fit_while_the_hub_is_away_is_dropped_counted_and_marked_in_its_place() -> None:
    said: list[str] = []
    async with publications() as api:
        port = int(api.url.rpartition(":")[2])
    async with publisher(api.url, said, max_bytes=4096, overflow="block_while_up") as out:
        await out.publish("logs", 0)
        await away(out)
        for number in range(1, 100):
            await out.publish("logs", number)
        dropped = out.publisher.dropped
        assert 50 < dropped < 100
        async with publications(port) as api:
            assert await out.flush(DEADLINE) == 0
            await out.publish("logs", "later")
            assert await out.flush(DEADLINE) == 0
        *before, mark, later = api.taken
        assert before == list(range(100 - dropped))
        assert (mark["kind"], mark["count"]) == ("feeder_gap", dropped)
        assert "the hub was away for too long (no hub answers" in mark["message"]
        assert later == "later"


async def test_while_the_hub_answers_who_publishes_waits_and_nothing_is_dropped() -> None:
    async with publications() as api:
        api.answer.clear()
        async with publisher(api.url, max_bytes=1024, overflow="block_while_up") as out:
            publishing = asyncio.create_task(_publish(out, 50))
            await until(lambda: api.requests)
            assert not publishing.done()
            api.answer.set()
            await asyncio.wait_for(publishing, DEADLINE)
            assert await out.flush(DEADLINE) == 0
            assert api.taken == list(range(50))
            assert out.publisher.dropped == 0


async def test_whoever_waits_for_room_while_the_hub_goes_away_is_let_go() -> None:
    async with publications(script=deque([CUT])) as api:
        api.answer.clear()
        port = int(api.url.rpartition(":")[2])
        out = publisher(api.url, max_bytes=1024, overflow="block_while_up")
        publishing = asyncio.create_task(_publish(out, 50))
        await until(lambda: api.requests)
        assert not publishing.done()
        api.script.extend([503] * 100_000)
        api.answer.set()
        await asyncio.wait_for(publishing, DEADLINE)
        assert out.publisher.dropped > 0
    async with publications(port) as api, out:
        assert await out.flush(DEADLINE) == 0
        assert [row["kind"] for row in api.taken if isinstance(row, dict)] == ["feeder_gap"]


async def test_blocking_waits_for_room_and_drops_nothing() -> None:
    async with publications() as api:
        api.answer.clear()
        async with publisher(api.url, max_bytes=1024) as out:
            publishing = asyncio.create_task(_publish(out, 50))
            await until(lambda: api.requests)
            assert not publishing.done()
            api.answer.set()
            await asyncio.wait_for(publishing, DEADLINE)
            assert await out.flush(DEADLINE) == 0
            assert api.taken == list(range(50))
            assert out.publisher.dropped == 0


async def _publish(out: AsyncPublisher, count: int) -> None:
    for number in range(count):
        await out.publish("logs", number)


async def test_the_oldest_are_dropped_where_that_is_asked_for_and_a_mark_stands_before_the_rest() -> None:
    async with publications() as api:
        api.answer.clear()
        async with publisher(api.url, max_bytes=8192, overflow="drop_oldest") as out:
            receipts = [await out.publish("logs", 0)]
            await until(lambda: api.requests)
            receipts += [await out.publish("logs", number) for number in range(1, 100)]
            assert out.publisher.dropped > 50
            with pytest.raises(Dropped, match="faster than the hub took them"):
                receipts[1].result(0)
            api.answer.set()
            assert await out.flush(DEADLINE) == 0
            first, mark, *rest = api.taken
            assert (first, mark["kind"]) == (0, "feeder_gap")
            assert rest == list(range(1 + mark["count"], 100))
            assert mark["count"] == out.publisher.dropped


async def test_publishing_raises_where_that_is_asked_for() -> None:
    async with publications() as api:
        api.answer.clear()
        async with publisher(api.url, max_bytes=1024, overflow="raise") as out:
            with pytest.raises(Overloaded):
                await _publish(out, 100)
        api.answer.set()


async def test_channels_do_not_wait_for_each_other_and_each_keeps_its_order() -> None:
    async with publications() as api, publisher(api.url) as out:
        for number in range(50):
            await out.publish(f"c{number % 3}", number)
        assert await out.flush(DEADLINE) == 0
        for name in range(3):
            found = [one["data"] for one in api.sent if one["channel"] == f"c{name}"]
            assert found == list(range(name, 50, 3))


async def test_a_channel_may_have_any_name() -> None:
    async with publications() as api, publisher(api.url) as out:
        await out.publish("a/b c?d#ä%20", 1)
        assert await out.flush(DEADLINE) == 0
        assert api.sent[0]["channel"] == "a/b c?d#ä%20"


async def test_one_that_is_refused_costs_only_itself() -> None:
    said: list[str] = []
    async with publications(refuse=lambda data: data == 1) as api, publisher(api.url, said) as out:
        receipts = [await out.publish("logs", number) for number in (0, 1, 1, 2)]
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [0, 2]
        assert (out.publisher.published, out.publisher.refused) == (2, 2)
        assert said == ["a publication to logs was not taken: error 107: bad request: no"]
        with pytest.raises(Refused, match="bad request: no"):
            await receipts[1]
        assert await receipts[3] == Position(2, "E")


async def test_what_waits_travels_together_within_bounds() -> None:
    async with publications() as api, publisher(api.url) as out:
        api.answer.clear()
        await out.publish("logs", 0)
        await until(lambda: api.requests)
        for number in range(1, 400):
            await out.publish("logs", number)
        await out.publish("logs", "x" * BATCH_BYTES)
        await out.publish("logs", "last")
        api.answer.set()
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [*range(400), "x" * BATCH_BYTES, "last"]
        assert [len(body["rows"]) for _, body in api.requests] == [1, 399, 1, 1]
        assert out.publisher.published == 402


async def test_what_the_hub_wants_again_is_sent_again_and_nothing_is_lost() -> None:
    busy = {3}
    async with publications(busy=lambda data: data in busy) as api, publisher(api.url) as out:
        for number in range(6):
            await out.publish("logs", number)
        await until(lambda: len(api.requests) > 3)
        busy.clear()
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [0, 1, 2, 3, 4, 5]
        assert out.publisher.published == 6


@pytest.mark.parametrize(
    ("status", "fix"), [(401, "--token"), (403, "--token"), (404, "--url"), (301, "--url")]
)
async def test_a_wrong_credential_or_address_is_said_and_may_be_right_later(status: int, fix: str) -> None:
    script = deque([status] * 1000)
    async with publications(script=script) as api, publisher(api.url) as out:
        await out.publish("logs", 1)
        with pytest.raises(NotTheHub, match=fix):
            await out.flush(DEADLINE)
        await out.publish("logs", 2)
        api.script.clear()
        await until(lambda: api.taken == [1, 2])


async def test_flush_gives_up_in_time_and_says_how_many_are_left() -> None:
    async with publications() as api:
        api.answer.clear()
        async with publisher(api.url) as out:
            for number in range(3):
                await out.publish("logs", number)
            assert await out.flush(0.01) == 3
        api.answer.set()


async def test_what_json_cannot_carry_is_the_callers_mistake() -> None:
    async with publications() as api, publisher(api.url) as out:
        with pytest.raises(TypeError):
            await out.publish("logs", object())
        await out.publish("logs", 1)
        assert await out.flush(DEADLINE) == 0
        assert api.taken == [1]


async def test_threads_share_one_and_each_keeps_its_order() -> None:
    async with publications() as api:
        with Publisher(api.url, report=lambda line: None, close_timeout=DEADLINE) as out:

            def publish(name: int) -> None:
                for number in range(200):
                    out.publish("logs", [name, number])

            threads = [threading.Thread(target=publish, args=(name,)) for name in range(4)]
            for thread in threads:
                thread.start()
            await until(lambda: len(api.taken) == 800)
            for thread in threads:
                thread.join(DEADLINE)
        for name in range(4):
            assert [number for who, number in api.taken if who == name] == list(range(200))


async def test_it_works_from_one_loop_after_another() -> None:
    async with publications() as api:
        out = publisher(api.url)

        def publish(number: int) -> object:
            async def once() -> object:
                return await (await out.publish("logs", number))

            return asyncio.run(once())

        for number in (1, 2):
            assert await asyncio.to_thread(publish, number) == Position(number, "E")
        await out.close()
        with pytest.raises(ValueError, match="closed"):
            await out.publish("logs", 3)


FORKS = """
import os, sys, warnings
from gapless import Publisher
# Since 3.12 Python says of every fork beside a thread that it may go wrong. That it does not is the test.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
out = Publisher(sys.argv[1])
out.publish("logs", "parent").result(20)
out.publish("logs", "parent again")
child = os.fork()
out.publish("logs", "child" if child == 0 else "parent still").result(20)
if child:
    os.waitpid(child, 0)
"""


async def test_after_a_fork_both_publish_and_nothing_is_sent_twice() -> None:
    async with publications() as api:
        ended = await _python(FORKS, api.url)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert sorted(api.taken) == ["child", "parent", "parent again", "parent still"]


FORKS_MEANWHILE = """
import linecache, os, signal, sys, threading, warnings
from gapless.client import receipt

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
held, go_on = threading.Event(), threading.Event()

def trace(frame, event, argument):
    if event == "line" and "self.done = True" in linecache.getline(frame.f_code.co_filename, frame.f_lineno):
        held.set()
        go_on.wait()
    return trace

def settle():
    sys.settrace(trace)
    receipt.Receipt().settle(None)

thread = threading.Thread(target=settle)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(10)
    receipt.Receipt().settle(None)
    os._exit(0)
go_on.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


async def test_a_child_that_is_forked_while_a_receipt_is_settled_settles_its_own() -> None:
    ended = await _python(FORKS_MEANWHILE, "")
    assert (ended.returncode, ended.stderr) == (0, "")


LEAVES = """
import sys
from gapless import Publisher
out = Publisher(sys.argv[1])
for number in range(1000):
    out.publish("logs", number)
"""


async def test_what_waits_at_the_end_of_the_interpreter_is_sent() -> None:
    async with publications() as api:
        ended = await _python(LEAVES, api.url)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert api.taken == list(range(1000))


async def test_a_hub_that_is_gone_does_not_hold_the_end_of_the_interpreter_up() -> None:
    async with publications() as api:
        pass
    ended = await _python(LEAVES, api.url)
    assert ended.returncode == 0
    assert "no hub answers" in ended.stderr


async def _python(source: str, url: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", source, url],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=DEADLINE,
        check=False,
    )


async def test_each_batch_is_shown_before_it_goes_and_one_of_an_earlier_life_goes_first() -> None:
    shown: list[tuple[str, list[bytes]]] = []

    class Shown:
        again = Batch("logs", [(b'"old"', None)], "earlier-1")

        def before(self, batch: Batch) -> None:
            shown.append((batch.key, [body for body, _ in batch.entries]))

    async with publications() as api:
        api.script.append(503)
        out = Publisher(HttpWay(Remote.parse(api.url), backoff=at_once()), report=lambda line: None)
        out.keep(Shown())
        await until(lambda: api.taken == ["old"])  # without anything that is published
        out.publish("logs", "new")
        api.refuse = lambda data: data == "bad"
        out.put("logs", [(b'"bad"', None), (b'"good"', None)])
        assert await asyncio.to_thread(out.flush, DEADLINE) == 0
        out.close()
        assert api.taken == ["old", "new", "good"]
        sent = [(request["idempotency_key"], request["data"]) for request in api.sent]
        assert [(key, json.loads(body)) for key, bodies in shown for body in bodies] == sent
        assert [key for key, _ in shown[:2]] == ["earlier-1", "earlier-1"]
        assert len({key for key, _ in shown}) == len(shown) - 1, "what is not the same goes under another key"


def test_an_unknown_policy_or_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="block_while_up"):
        Publisher("http://127.0.0.1:1", overflow="forget")
    with pytest.raises(ConfigError, match="http://HOST:PORT"):
        Publisher("ftp://x")


def test_the_environment_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAPLESS_URL", "http://127.0.0.1:1/live")
    assert Publisher().where == "http://127.0.0.1:1/live"
    monkeypatch.delenv("GAPLESS_URL")
    assert Publisher().where == "http://127.0.0.1:8765"
    assert os.environ.get("GAPLESS_URL") is None


def test_delays_double_up_to_a_bound_and_are_spread() -> None:
    low, high = Backoff(1.0, 10.0, random=lambda: 0.0), Backoff(1.0, 10.0, random=lambda: 1.0)
    assert [low.next() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 5.0]
    assert [high.next() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 10.0]
    low.reset()
    assert low.next() == 0.5
