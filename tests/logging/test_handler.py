"""Log records on their way to a hub, by every library that makes them; and nothing of it in anybody's way."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.config
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gapless
from gapless import ChannelOptions, Hub, HubHandler
from gapless.client.receipt import Receipt
from gapless.logging import HubLogExporter, HubProcessor, HubSink, RequestIds, publish_to
from gapless.logging.record import SCHEMA, dumps, iso, level_of, level_of_severity

from ..client.scripted import Publications, publications
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.Logger("app.worker", logging.DEBUG)
    yield made
    for handler in made.handlers:
        handler.close()


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


async def test_a_record_has_its_shape(logger: logging.Logger) -> None:
    (row,) = await logged(lambda log: log.warning("%d of %s", 3, "x", extra={"user": 7}), logger)
    fits(row)
    assert (row["level"], row["logger"], row["message"]) == ("warning", "app.worker", "3 of x")
    assert row["fields"]["user"] == 7
    assert (row["fields"]["func"], row["fields"]["file"]) == ("<lambda>", __file__)
    assert row["time"].endswith("+00:00")
    assert row["source"].count("@") == 1


async def test_an_exception_comes_as_text_and_as_frames(logger: logging.Logger) -> None:
    def act(log: logging.Logger) -> None:
        try:
            json.loads("{")
        except ValueError:
            log.exception("it failed")

    (row,) = await logged(act, logger)
    exception = row["exception"]
    assert exception["type"] == "json.decoder.JSONDecodeError"
    assert exception["text"].startswith("Traceback (most recent call last):")
    assert exception["message"].startswith("Expecting property name")
    assert exception["frames"][0]["function"] == "act"
    assert exception["frames"][0]["code"] == 'json.loads("{")'
    assert exception["frames"][0]["line"] > 0


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def circle() -> list[object]:
    made: list[object] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    "act",
    [
        lambda log: log.error("%d", "no number"),
        lambda log: log.error("x", extra={"value": Broken()}),
        lambda log: log.error("x", extra={"value": circle()}),
        lambda log: log.error("half \ud83d", extra={"half": "\ud83d"}),
        lambda log: log.error(Broken.__name__, extra={("a" * 10): {1: {2: object()}}}),
        lambda log: log.error("x" * 1_000_000),
        lambda log: log.error("x", extra={"much": "y" * 1_000_000}),
        lambda log: log.error("", exc_info=True),
        lambda log: log.log(33, "between levels"),
    ],
)
async def test_whatever_is_logged_arrives_and_nothing_is_raised(
    logger: logging.Logger, act: Callable[[logging.Logger], object]
) -> None:
    (row,) = await logged(act, logger)
    fits(row)
    assert len(json.dumps(row)) < 300_000


async def test_what_nobody_should_read_does_not_travel(logger: logging.Logger) -> None:
    (row,) = await logged(
        lambda log: log.info("x", extra={"password": "p", "Api_Token": "t", "user": "u"}), logger
    )
    assert (row["fields"]["password"], row["fields"]["Api_Token"], row["fields"]["user"]) == (
        "[redacted]",
        "[redacted]",
        "u",
    )


@given(st.floats(-6e10, 2e11) | st.integers(0, 2**33).map(lambda whole: whole + 0.9999999))
def test_a_time_is_what_datetime_makes_of_it(seconds: float) -> None:
    assert iso(seconds) == datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


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


@pytest.mark.parametrize(
    ("number", "name"), [(50, "critical"), (55, "critical"), (35, "warning"), (5, "trace"), (-1, "trace")]
)
def test_a_level_between_two_is_the_lower_one(number: int, name: str) -> None:
    assert level_of(number) == name


# -- other libraries


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


@pytest.mark.parametrize(
    ("number", "level"),
    [(1, "trace"), (5, "debug"), (9, "info"), (16, "warning"), (20, "error"), (24, "critical")],
)
def test_severities_are_levels(number: int, level: str) -> None:
    assert level_of_severity(number) == level
    assert level_of_severity(0, "NOTICE") == "notice"


# -- one line each


@pytest.fixture
async def said() -> Any:
    async with publications() as api:
        publish_to(api.url, events="app:events", stats="app:stats")
        yield api
        publish_to("http://127.0.0.1:9")


async def test_an_event_and_numbers_are_one_line_each(said: Publications) -> None:
    gapless.event("committed", name="f()", type_of="function")
    gapless.stats(jobs={"total": 81})
    await until(lambda: len(said.taken) == 2)
    found = {one["channel"]: one["data"] for one in said.sent}
    committed, numbers = found["app:events"], found["app:stats"]
    assert (committed["type"], committed["data"]) == ("committed", {"name": "f()", "type_of": "function"})
    assert (numbers["jobs"], set(numbers)) == ({"total": 81}, {"time", "jobs"})


async def test_an_activity_tells_how_it_goes(said: Publications) -> None:
    with gapless.activity("import", file="a.csv") as running:
        running.progress(1, 2, "half")
        running.progress(2, 2)
    with pytest.raises(ValueError):
        with gapless.activity("export"):
            raise ValueError("boo")
    await until(lambda: len(said.taken) == 6)
    states = [row["data"]["state"] for row in said.taken]
    assert states == ["started", "running", "running", "done", "started", "failed"]
    assert {row["data"]["id"] for row in said.taken[:4]} == {said.taken[0]["data"]["id"]}
    assert said.taken[1]["data"]["note"] == "half"
    assert said.taken[3]["data"]["file"] == "a.csv"
    assert said.taken[5]["data"]["exception"]["message"] == "boo"


# -- requests


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


def test_what_is_too_much_is_marked() -> None:
    row = json.loads(dumps({"message": "x", "fields": {"much": "y" * 1_000_000}}))
    assert row == {"message": "x", "truncated": True}
