"""`ConnectionManager` with threads and event loops: wherever a broadcast comes from, it arrives."""

from __future__ import annotations

import asyncio
import threading
import warnings

import httpx
import pytest

from gapless import ConnectionManager

from ..support.until import DEADLINE, until
from .copied import application, client, message, served

with warnings.catch_warnings():
    # It prefers a successor of httpx, and says so.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

pytestmark = pytest.mark.anyio


async def test_broadcasts_from_other_threads_and_sync_routes_arrive() -> None:
    manager = ConnectionManager()
    loop = asyncio.get_running_loop()

    def before() -> None:
        asyncio.run(manager.broadcast(message("app:logs", "before anybody came")))
        manager.publish(message("app:logs", "and from sync code"))

    await asyncio.to_thread(before)
    async with served(manager) as address, client(address) as one:
        history = await one.next()
        assert [entry["data"] for entry in history["data"]] == ["before anybody came", "and from sync code"]

        async def several(name: str) -> None:
            for n in range(50):
                await manager.broadcast(message("app:stats", f"{name}{n}"))

        def by_run() -> None:
            asyncio.run(several("run"))

        def by_coroutine() -> None:
            asyncio.run_coroutine_threadsafe(several("coroutine"), loop).result(DEADLINE)

        def by_publish() -> None:
            for n in range(50):
                manager.publish(message("app:stats", f"publish{n}"))

        async with httpx.AsyncClient(base_url=address.http(""), trust_env=False) as browser:
            threads = [asyncio.to_thread(work) for work in (by_run, by_coroutine, by_publish)]
            routes = [browser.post(f"/say/{n}") for n in range(20)]
            await asyncio.gather(*threads, *routes)
        seen = [(await one.next())["data"] for _ in range(170)]
        for name in ("run", "coroutine", "publish"):
            assert [data for data in seen if str(data).startswith(name)] == [f"{name}{n}" for n in range(50)]
        assert sorted(data for data in seen if isinstance(data, int)) == list(range(20))


async def test_a_loop_of_another_thread_that_broadcasts_first_does_not_take_the_clients_away() -> None:
    manager = ConnectionManager()
    stop = threading.Event()

    async def pump() -> None:
        n = 0
        while not stop.is_set():
            await manager.broadcast(message("app:logs", n))
            n += 1
            await asyncio.sleep(0.001)

    thread = threading.Thread(target=lambda: asyncio.run(pump()))
    thread.start()
    try:
        await until(lambda: manager.log_buffer)
        async with served(manager) as address, client(address) as one:
            history = [entry["data"] for entry in (await one.next())["data"]]
            live = [(await one.next())["data"] for _ in range(20)]
            assert history + live == list(range(history[0], live[-1] + 1))
    finally:
        stop.set()
        await asyncio.to_thread(thread.join, DEADLINE)


def test_starlettes_test_client_works_with_one_loop_after_another() -> None:
    manager = ConnectionManager()
    browser = TestClient(application(manager))
    for n in range(3):
        with browser.websocket_connect("/ws") as one:
            if n:
                history = one.receive_json()
                assert [entry["data"] for entry in history["data"]] == [*range(n)]
            assert browser.post(f"/say/{n}").json() == "said"
            assert one.receive_json() == message("app:events", n)
        assert len(manager.log_buffer) == n + 1


def test_starlettes_test_client_works_with_several_loops_at_once() -> None:
    manager = ConnectionManager()
    browser = TestClient(application(manager))
    with browser.websocket_connect("/ws") as one, browser.websocket_connect("/ws") as other:
        for n in range(5):
            browser.post(f"/say/{n}")
        for peer in (one, other):
            assert [peer.receive_json()["data"] for _ in range(5)] == list(range(5))
        assert len(manager.active) == 2
    with browser.websocket_connect("/ws") as one:
        assert len(one.receive_json()["data"]) == 5
        assert len(manager.active) == 1


def test_starlettes_test_client_works_with_one_loop_for_all() -> None:
    manager = ConnectionManager()
    with (
        TestClient(application(manager)) as browser,
        browser.websocket_connect("/ws") as one,
        browser.websocket_connect("/ws") as other,
    ):
        browser.post("/say/1")
        assert one.receive_json() == other.receive_json() == message("app:events", 1)


def test_one_manager_may_be_used_on_one_loop_after_another_of_the_same_thread() -> None:
    manager = ConnectionManager()

    async def session(n: int) -> int:
        async with served(manager) as address, client(address) as one:
            await until(lambda: len(manager.active) == 1)
            kept = len((await one.next())["data"]) if n else 0
            await manager.broadcast(message("app:logs", n))
            while (await one.next())["data"] != n:
                pass
            return kept

    for n in range(3):
        assert asyncio.run(session(n)) == n
        manager.publish(message("app:stats", "while there is no loop"))
