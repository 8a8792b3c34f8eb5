"""Records of OpenTelemetry."""

from __future__ import annotations

import asyncio

import pytest

from gapless.logging import HubLogExporter

from ..client.scripted import publications
from .logged import fits

pytestmark = pytest.mark.anyio


async def test_opentelemetry() -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    async with publications() as api:
        exporter = HubLogExporter(api.url)
        provider = LoggerProvider(Resource.create({"service.name": "shop"}))
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))  # type: ignore[arg-type]  # by its methods
        provider.get_logger("cart").emit(
            LogRecord(
                timestamp=1_700_000_000_000_000_000,
                severity_number=SeverityNumber.WARN2,
                body="low",
                attributes={"user": 7, "exception.type": "ValueError", "exception.message": "boo"},
            )
        )
        assert await asyncio.to_thread(exporter.force_flush, 20_000)
        provider.shutdown()
        (row,) = api.taken
    fits(row)
    assert (row["level"], row["logger"], row["message"], row["source"]) == ("warning", "cart", "low", "shop")
    assert row["time"] == "2023-11-14T22:13:20.000000+00:00"
    assert (row["fields"], row["exception"]["type"]) == ({"user": 7}, "ValueError")
