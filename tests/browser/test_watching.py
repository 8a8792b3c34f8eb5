"""What the hub says of itself: who feeds it, who is behind, how far this page is."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .fake_hub import FakeHub
from .seeing import back, lines, log, marks, messages, visit

pytestmark = pytest.mark.browser

OWN = {"$stats", "$sources", "$clients", "$notices"}


@pytest.fixture
def watched(hub: FakeHub) -> FakeHub:
    hub.unkept |= OWN
    hub.about = {"features": ["watch"]}
    return hub


def source(name: str, state: str = "up", **more: Any) -> dict[str, Any]:
    known = {"channel": "logs", "via": "http", "since": time.time() - 12, "last_seen": time.time() - 3}
    return {"source": name, "state": state, **known, "rows": 81, "dropped": 0, "error": None, **more}


def client(name: str, behind: int = 0, **more: Any) -> dict[str, Any]:
    at = {"user": "", "transport": "websocket", "protocol": "plain", "address": "127.0.0.1", "node": "n"}
    subscription = {"channel": "logs", "state": "lagging" if behind else "live", "behind": behind}
    state = "behind" if behind else "ok"
    reading = {"late": None, "unsent": 0, "waiting": False, "num_subs": 1, "subscriptions": [subscription]}
    return {"client": name, "state": state, "behind": behind, **at, **reading, **more}


def heads(hub: FakeHub, rate: float, ahead: int) -> dict[str, Any]:
    stream = hub.streams["logs"]
    head = {"num_clients": 1, "epoch": stream.epoch, "offset": stream.head + ahead, "rate": rate}
    return {"channels": {"logs": head}, "num_channels": 1}


def test_who_feeds_the_hub_is_in_the_bar_of_every_page(page: Page, watched: FakeHub) -> None:
    watched.publish("logs", log("one"))
    visit(page, watched)
    bar = page.locator("#sources")
    expect(bar).to_be_hidden()
    back(watched, "$sources")
    watched.publish("$sources", {"sources": [source("web-1"), source("web-2")], "total": 2})
    expect(bar).to_have_text("2 sources up")
    down = source("redis:main", "down", error="connection refused")
    watched.publish("$sources", {"sources": [source("web-1"), down], "total": 2})
    expect(bar).to_have_text(re.compile(r"^redis:main down 1\d s$"))
    expect(bar).to_have_class(re.compile("trouble"))
    expect(bar).to_have_attribute(
        "title", re.compile(r"^redis:main: down since .* \d\d:\d\d, connection refused$")
    )
    watched.answers_api["info"] = {"nodes": []}
    bar.click()
    states = page.locator(".sources-part .state")
    expect(states).to_have_text([re.compile(r"^down since .* \d\d:\d\d \(\d+ s\)$"), "up"])
    page.go_back()
    watched.publish("$sources", {"sources": [down | {"since": None}], "total": 1})
    expect(bar).to_have_text("redis:main down")
    assert "$sources" not in page.locator(".facets").inner_text()


def test_a_page_that_is_behind_says_so_and_jumps_to_now(page: Page, watched: FakeHub) -> None:
    watched.publish("logs", log("one"))
    visit(page, watched)
    back(watched, "$stats")
    words = page.locator("#connection-words")
    watched.publish("$stats", heads(watched, 100, 320))
    watched.publish("$stats", heads(watched, 100, 0))
    watched.publish("$stats", heads(watched, 100, 320))
    expect(words).to_have_text("Live")  # one reading may be of the moment before a batch
    for _ in range(100):  # readings come again and again; those before the page listened are not its own
        watched.publish("$stats", heads(watched, 100, 320))
        page.wait_for_timeout(100)
        if words.inner_text().startswith("Catching up"):
            break
    expect(words).to_have_text("Catching up: 3.2 s behind")
    for visit_ in watched.visits:  # what is published now does not come through any more
        visit_.subscribed.discard("logs")
    watched.publish("logs", *(log(f"late {at}") for at in range(1_000)))
    page.locator("#connection").click()
    expect(messages(page).last).to_have_text("late 999")
    page.locator("body").press("g")
    behind = marks(page, ".unloaded")
    expect(behind).to_contain_text("This browser fell behind; 800 lines skipped to catch up")
    behind.get_by_role("button", name="Fetch").click()
    expect(lines(page)).to_contain_text("1,001 lines")
    expect(page.locator("#completeness")).to_have_text("✔ nothing missing")


def test_clients_are_told_and_not_asked_for(page: Page, watched: FakeHub) -> None:
    page.goto(f"{watched.url}#/clients")
    back(watched, "$clients")
    everybody = {"all": True, "clients": [client("aaaa"), client("bbbb")], "total": 2}
    watched.publish("$clients", everybody)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    change = client("bbbb", 1_200, late=2.4, unsent=65_536)
    watched.publish("$clients", {"clients": [change], "gone": ["aaaa"], "total": 1})
    expect(rows).to_have_count(1)
    expect(rows.locator("td")).to_have_text(
        ["behind", "1,200 lines", "2.4 s", "64 KB", "0", "–", "–", "–", "1", "websocket", "127.0.0.1"]
    )
    rows.click()
    drawer = page.locator(".drawer")
    expect(drawer).to_contain_text("at most 1,200")
    expect(drawer).to_contain_text("behind, 1,200 lines")
    watched.publish("$clients", {"clients": [client("bbbb")], "total": 1})
    expect(drawer).to_contain_text("caught up")
    assert "clients" not in watched.calls
    page.keyboard.press("Shift+1")
    watched.wait_for(
        "the end of it", lambda: not any("$clients" in each.subscribed for each in watched.visits)
    )


def test_an_older_server_is_asked_instead(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    page.keyboard.press("Shift+4")
    hub.wait_for("the question", lambda: "clients" in hub.calls)
    assert not any(name in OWN for each in hub.visits for name in each.subscribed)


def test_another_version_of_the_server_is_said(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    hub.about = {"version": "1.0.0", "digest": hub.digest}
    visit(page, hub)
    access = page.locator("#access")
    expect(access).to_have_text("local, no sign-in")
    hub.about = {"version": "1.1.0", "digest": "another"}
    hub.cut()
    expect(access).to_have_text("This page is from version 1.0.0, the server is 1.1.0. Reload.")


def test_a_hub_that_is_open_to_everybody_says_so_in_red(page: Page, hub: FakeHub) -> None:
    hub.about = {"open": "insecure"}
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(page.locator("#access.exposed")).to_have_text("open to everybody: no sign-in")


def test_signing_out_is_a_click(page: Page, hub: FakeHub) -> None:
    hub.token = "correct"
    page.goto(hub.url)
    page.get_by_label("Token").fill("correct")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="signed in").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
