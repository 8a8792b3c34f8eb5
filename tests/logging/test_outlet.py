"""Where records go to: a hub elsewhere or here, which holds nobody up."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.config
import threading
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, HubHandler
from gapless.client.receipt import Receipt

from ..client.scripted import publications
from ..support.until import DEADLINE, until
from .logged import logged

pytestmark = pytest.mark.anyio


async def test_a_hub_of_the_same_process(logger: logging.Logger) -> None:
    async with Hub(channels={"logs": ChannelOptions(history=10)}) as hub:
        handler = HubHandler(hub)
        logger.addHandler(handler)
        for number in range(5):
            logger.info("%d", number)  # on the hub's own thread
        await until(lambda: handler.wait(0) == 0, pause=0.01)
        page = await hub.history("logs")
        assert [json.loads(one.payload)["message"] for one in page.publications] == ["0", "1", "2", "3", "4"]


async def test_what_sending_itself_logs_is_not_sent(logger: logging.Logger) -> None:
    class Hub:
        """Whatever is published to it makes it log."""

        taken = 0

        def publish(self, channel: str, data: Any, *, idempotency_key: str | None = None) -> Receipt:
            self.taken += 1
            logger.info("published %d", self.taken)
            receipt = Receipt()
            receipt.settle(None)
            return receipt

    hub = Hub()
    handler = HubHandler(hub)
    logger.addHandler(handler)
    for number in range(3):
        logger.info("%d", number)
        assert await asyncio.to_thread(handler.wait, DEADLINE) == 0
    assert (hub.taken, handler.failed) == (3, 0)


async def test_a_hub_that_hangs_or_is_gone_holds_nobody_up(logger: logging.Logger) -> None:
    async with publications() as api:
        api.answer.clear()
        for handler in (HubHandler(api.url, "hangs"), HubHandler("http://127.0.0.1:9", "gone")):
            logger.addHandler(handler)
        for number in range(5000):
            logger.info("%d", number)  # the test's own deadline is the bound: nothing here may wait
        api.answer.set()
        await until(lambda: len(api.taken) == 5000)


async def test_many_threads_log_at_once(logger: logging.Logger) -> None:
    def act(log: logging.Logger) -> None:
        def work(name: int) -> None:
            for number in range(100):
                log.info("%d %d", name, number)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)

    rows = await logged(act, logger)
    assert len(rows) == 400
    assert all(row["fields"]["thread"].startswith("Thread-") for row in rows)
