"""Events, numbers and activities of a program."""

from __future__ import annotations

from typing import Any

import pytest

import gapless
from gapless.logging import publish_to

from ..client.scripted import Publications, publications
from ..support.until import until

pytestmark = pytest.mark.anyio


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
