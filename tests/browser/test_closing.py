"""Why a connection was closed, as a browser tells its page: a code that a reset would take along is 1006."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext

from .real_hub import RealHub

TIMES = 5

SEND = """async ([url, size, times]) => {
  const closed = () => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send("x".repeat(size));
    socket.onclose = (event) => resolve([event.code, event.reason]);
  });
  const found = [];
  while (found.length < times) found.push(await closed());
  return found;
}"""


@pytest.fixture(scope="module")
def hub() -> Iterator[RealHub]:
    with RealHub() as running:
        yield running


@pytest.mark.parametrize("size", [300_000, 3_000_000], ids=["a little too large", "much too large"])
@pytest.mark.parametrize("path", ["ws?channel=now", "connection/websocket"])
def test_a_message_that_is_too_large_is_1009_every_time(
    hub: RealHub, context: BrowserContext, path: str, size: int
) -> None:
    page = context.new_page()
    page.goto(hub.root)
    url = hub.url.replace("http", "ws", 1) + path
    found = page.evaluate(SEND, [url, size, TIMES])
    assert found == [[1009, "a message is larger than this server takes"]] * TIMES
