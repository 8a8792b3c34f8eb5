"""`client.js` in a page where no WebSocket comes through, against a real hub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from .real_hub import RealHub

pytestmark = pytest.mark.browser

START = """async (base) => {
  const { connect } = await import(base + "client.js");
  window.WebSocket = class {
    // Opens, as far as the page can see, and never says so: a proxy that swallows the upgrade.
    constructor() { queueMicrotask(() => queueMicrotask(() => this.onclose({ code: 1006, reason: "" }))) }
    close() {}
  };
  window.hub = connect(base);
  window.got = [];
  window.states = [];
  hub.onstate = ({ name }) => states.push(name);
  window.logs = hub.subscribe("logs", ({ data, offset, recovered }) => got.push([offset, data, recovered]));
}"""


@pytest.fixture(scope="module")
def hub() -> Iterator[RealHub]:
    with RealHub() as hub:
        yield hub


def wait_for(page: Page, count: int) -> list[list[object]]:
    page.wait_for_function("(count) => got.length >= count", arg=count)
    found: list[list[object]] = page.evaluate("got")
    return found


def test_history_live_commands_and_a_resume_come_by_a_stream(page: Page, hub: RealHub) -> None:
    hub.publish("logs", "one")
    page.goto(f"{hub.url}health")  # a document without a policy, which would forbid how a test waits
    page.evaluate(START, hub.url)
    assert wait_for(page, 1) == [[1, "one", False]]
    hub.publish("logs", "two \u2028 lines")
    assert wait_for(page, 2)[1] == [2, "two \u2028 lines", False]
    assert page.evaluate("states") == ["connecting", "connected"]
    history = page.evaluate("hub.history('logs', {limit: 1, reverse: true})")
    assert [each["offset"] for each in history["publications"]] == [2]
    refused = page.evaluate("hub.publish('logs', 1).catch(({code}) => code)")
    assert refused == 103
    hub.hub.node.tasks.loop.call_soon_threadsafe(lambda: hub.hub.connections().close(3001))
    page.wait_for_function("states.includes('waiting')")
    hub.publish("logs", "three")
    assert wait_for(page, 3)[2] == [3, "three", True]
