"""What arrives at a hub of what is logged."""

from __future__ import annotations

import asyncio
import logging
import logging.config
from collections.abc import Callable
from typing import Any

from gapless import HubHandler
from gapless.logging.record import SCHEMA

from ..client.scripted import publications
from ..support.until import DEADLINE


async def logged(
    act: Callable[[logging.Logger], object], logger: logging.Logger, **options: Any
) -> list[Any]:
    """What arrives of what is logged."""
    async with publications() as api:
        handler = HubHandler(api.url, **options)
        logger.addHandler(handler)
        act(logger)
        assert await asyncio.to_thread(handler.wait, DEADLINE) == 0
        assert handler.failed == 0
        return api.taken


def fits(row: Any) -> None:
    """Does a record say what the schema says it does?"""
    assert set(row) <= set(SCHEMA["properties"])
    assert set(SCHEMA["required"]) <= set(row)
    assert all(isinstance(row[name], str) for name in SCHEMA["required"])
