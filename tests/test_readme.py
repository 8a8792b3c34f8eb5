"""The README: its example is run as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from .support.serving import serve
from .support.until import DEADLINE

pytestmark = pytest.mark.anyio

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def application() -> Any:
    """The application of the first Python example."""
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(blocks("python")[0], "README.md", "exec"), namespace)
    return namespace["app"]


def in_the_page(pattern: str) -> str:
    """What the HTML example says there."""
    found = re.search(pattern, blocks("html")[0])
    assert found is not None, f"the HTML example has no {pattern}"
    return found[1]


async def test_what_the_python_example_publishes_arrives_where_the_page_subscribes() -> None:
    base, channel = in_the_page(r'connect\("(.+?)"\)'), in_the_page(r'subscribe\("(.+?)"')
    order = channel.partition(":")[2]
    async with (
        serve(application(), lifespan="on") as address,
        httpx.AsyncClient(base_url=address.http(""), timeout=DEADLINE, trust_env=False) as browser,
        connect(address.ws(f"{base}/ws?channel={channel}"), proxy=None, open_timeout=DEADLINE) as websocket,
    ):
        history = json.loads(await websocket.recv())
        assert (history["history"], history["more"]) == ([], False)
        response = await browser.post(f"/orders/{order}/ship")
        assert response.status_code == 200
        publication = json.loads(await websocket.recv())
    assert publication == {"channel": channel, "offset": 1, "data": {"status": "shipped"}}


async def test_what_the_page_imports_is_served() -> None:
    path, name = in_the_page(r'from "(.+?)"'), in_the_page(r"import \{ (\w+) \}")
    async with (
        serve(application(), lifespan="on") as address,
        httpx.AsyncClient(base_url=address.http(""), timeout=DEADLINE, trust_env=False) as browser,
    ):
        response = await browser.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/javascript")
    assert re.search(rf"^export (async )?(function|const|class) {name}\b", response.text, re.MULTILINE)


def test_the_copied_class_has_the_methods_that_the_readme_names() -> None:
    from gapless import ConnectionManager

    (comment,) = re.findall(r"manager = ConnectionManager\(\)\s+# (.+)", README)
    for method in re.findall(r"(\w+)\(", comment):
        assert callable(getattr(ConnectionManager, method))


def test_it_can_be_read_in_a_few_minutes() -> None:
    assert len(README.splitlines()) < 150
