"""Records of structlog and loguru."""

from __future__ import annotations

import asyncio
import logging
import logging.config
from typing import Any

import pytest

from gapless.logging import HubProcessor, HubSink

from ..client.scripted import publications
from ..support.until import DEADLINE
from .logged import fits

pytestmark = pytest.mark.anyio


async def test_structlog(logger: logging.Logger) -> None:
    structlog = pytest.importorskip("structlog")
    async with publications() as api:
        processor = HubProcessor(api.url)
        written: list[Any] = []

        def last(logger: Any, name: str, event_dict: Any) -> Any:
            written.append(dict(event_dict))
            raise structlog.DropEvent

        log = structlog.wrap_logger(
            None,
            processors=[structlog.processors.add_log_level, processor, last],
            wrapper_class=structlog.BoundLogger,
        )
        log.bind(user=7).warning("low", disk="sda")
        try:
            raise ValueError("boo")
        except ValueError:
            log.error("bad", exc_info=True)
        assert await asyncio.to_thread(processor.wait, DEADLINE) == 0
        low, bad = api.taken
    fits(low)
    assert (low["level"], low["message"], low["fields"]) == ("warning", "low", {"user": 7, "disk": "sda"})
    assert (bad["exception"]["type"], bad["exception"]["message"]) == ("ValueError", "boo")
    assert written[0] == {"user": 7, "disk": "sda", "event": "low", "level": "warning"}


async def test_loguru() -> None:
    loguru = pytest.importorskip("loguru")
    async with publications() as api:
        sink = HubSink(api.url)
        number = loguru.logger.add(sink, format="{message}", level="DEBUG")
        try:
            loguru.logger.bind(user=7).success("{} done", 3)
            try:
                raise ValueError("boo")
            except ValueError:
                loguru.logger.exception("bad")
            assert await asyncio.to_thread(sink.wait, DEADLINE) == 0
        finally:
            loguru.logger.remove(number)
        done, bad = api.taken
    fits(done)
    assert (done["level"], done["message"], done["fields"]["user"]) == ("success", "3 done", 7)
    assert bad["exception"]["frames"][-1]["function"] == "test_loguru"
