"""A request has an id that its records carry."""

from __future__ import annotations

import asyncio
import logging
import logging.config
from typing import Any

import pytest

from gapless import HubHandler
from gapless.logging import RequestIds

from ..client.scripted import publications
from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio


async def test_a_request_has_an_id_that_its_records_carry(logger: logging.Logger) -> None:
    async with publications() as api:
        handler = HubHandler(api.url)
        logger.addHandler(handler)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.to_thread(logger.info, "in a thread")
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def ask(*headers: tuple[bytes, bytes]) -> str:
            sent: list[Any] = []

            async def send(message: Any) -> None:
                sent.append(message)

            async def receive() -> Any:
                raise AssertionError("nobody reads")

            await RequestIds(app)({"type": "http", "headers": list(headers)}, receive, send)
            return str(dict(sent[0]["headers"])[b"x-request-id"].decode())

        brought = await ask((b"x-request-id", b"abc-1"))
        made = await ask((b"x-request-id", b"no good\n"))
        logger.info("outside")
        assert await asyncio.to_thread(handler.wait, DEADLINE) == 0
        ids = [row["fields"].get("request_id") for row in api.taken]
        assert (brought, len(made)) == ("abc-1", 32)
        assert ids == ["abc-1", made, None]
