"""Log records on their way to a hub, by every library that makes them; and nothing of it in anybody's way."""

from __future__ import annotations

import asyncio
import logging
import logging.config
from pathlib import Path

import pytest

from gapless import HubHandler

from ..client.scripted import publications
from ..support.until import DEADLINE, until
from .logged import fits, logged

pytestmark = pytest.mark.anyio


async def test_a_record_has_its_shape(logger: logging.Logger) -> None:
    (row,) = await logged(lambda log: log.warning("%d of %s", 3, "x", extra={"user": 7}), logger)
    fits(row)
    assert (row["level"], row["logger"], row["message"]) == ("warning", "app.worker", "3 of x")
    assert row["fields"]["user"] == 7
    assert (row["fields"]["func"], row["fields"]["file"]) == ("<lambda>", __file__)
    assert row["time"].endswith("+00:00")
    assert row["source"].count("@") == 1


async def test_a_record_may_go_elsewhere_and_the_hubs_own_go_nowhere(logger: logging.Logger) -> None:
    async with publications() as api:
        handler = HubHandler(api.url, "app:logs")
        for name in ("gapless", "gapless.server", "uvicorn.access", "gaplessness"):
            handler.handle(logging.makeLogRecord({"name": name, "msg": name, "levelno": 20}))
        logger.addHandler(handler)
        logger.info("audit", extra={"gapless_channel": "audit"})
        assert await asyncio.to_thread(handler.wait, DEADLINE) == 0
        found = [(one["channel"], one["data"]["message"]) for one in api.sent]
        assert sorted(found) == [("app:logs", "gaplessness"), ("audit", "audit")]


async def test_configuration_by_name(tmp_path: Path) -> None:
    async with publications() as api:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {
                    "hub": {
                        "class": "gapless.HubHandler",
                        "target": api.url,
                        "channel": "c",
                        "level": "WARNING",
                    }
                },
                "loggers": {"by.dict": {"handlers": ["hub"], "level": "DEBUG", "propagate": False}},
            }
        )
        configured = logging.getLogger("by.dict")
        configured.info("below")
        configured.warning("above")
        await until(lambda: api.taken)
        assert [row["message"] for row in api.taken] == ["above"]
        configured.handlers.clear()
