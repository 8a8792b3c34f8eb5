"""Channels, Clients and Server: what they tell, by mouse, by keys, and where much is amiss."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from .fake_hub import FakeHub
from .real_hub import RealHub
from .seeing import log, visit

pytestmark = pytest.mark.browser

OWN = {"$stats", "$sources", "$clients", "$notices"}
MANY = 100_000


@pytest.fixture
def real() -> Iterator[RealHub]:
    with RealHub() as hub:
        yield hub


def channels(**rows: dict[str, Any]) -> dict[str, Any]:
    return {"channels": {name: {"num_clients": 1, **row} for name, row in rows.items()}, "total": len(rows)}


def names(page: Page) -> list[str]:
    return page.locator(".table tbody th").all_inner_texts()


def node(**more: Any) -> dict[str, Any]:
    about = {"uid": "u", "name": "web-1", "version": "1.0.0", "uptime": 60}
    numbers = {"num_clients": 1, "num_users": 1, "num_subs": 2, "num_channels": 1}
    return {**about, **numbers, "metrics": {"items": {}}, "process": {"rss": 1 << 20}, **more}


def answered(status: int) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status)


# -- a file of a channel


def test_what_is_kept_is_saved_as_a_file_as_far_as_it_has_the_words(page: Page, real: RealHub) -> None:
    real.publish(
        "logs", *(log(f"line {number}", "error" if number == 7 else "info") for number in range(1_000))
    )
    page.goto(f"{real.url}#/channels")
    page.locator("tbody tr", has_text="logs").click()
    drawer = page.locator(".drawer")
    with page.expect_download() as saving:
        drawer.get_by_role("button", name="JSON lines").click()
    lines = Path(saving.value.path()).read_text("utf-8").splitlines()
    assert [json.loads(line)["offset"] for line in lines] == list(range(1, 1_001))
    assert re.fullmatch(r"logs-\d{8}T\d{6}Z\.ndjson", saving.value.suggested_filename)
    expect(drawer.get_by_role("status")).to_have_text(re.compile(r"^Saved [\d.]+ KB\.$"))
    drawer.get_by_label("Words that a line must have").fill("line 7")
    drawer.get_by_label("Level").select_option("error")
    with page.expect_download() as saving:
        drawer.get_by_role("button", name="CSV").click()
    _, row = csv.reader(io.StringIO(Path(saving.value.path()).read_text("utf-8")))
    assert (row[0], row[2], row[4]) == ("8", "error", "line 7")


def test_a_file_that_is_refused_says_why_and_one_under_way_can_be_stopped(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    hub.answers_api["channels"] = channels(logs={"offset": 1, "oldest": 1, "kept": 1, "epoch": "e"})
    page.goto(f"{hub.url}#/channels")
    page.locator("tbody tr").click()
    said = page.locator(".drawer").get_by_role("status")
    for status, words in (
        (429, "Too many files"),
        (404, "This server does not write files"),
        (401, "signed out"),
    ):
        page.route("**/api/export", answered(status), times=1)
        page.get_by_role("button", name="Text", exact=True).click()
        expect(said).to_contain_text(words)
    page.route("**/api/export", lambda route: None, times=1)  # it is never answered
    page.get_by_role("button", name="Text", exact=True).click()
    page.get_by_role("button", name="Stop").click()
    expect(said).to_have_text("Stopped.")
    expect(page.get_by_role("button", name="Text", exact=True)).to_be_enabled()


# -- what they tell


def test_bytes_and_gaps_of_channels_are_shown_and_sorted_by(page: Page, hub: FakeHub) -> None:
    told = {
        "a": {"offset": 7, "bytes_rate": 2_048.0, "gaps": 0, "last": 1},
        "b": {"offset": 5, "bytes_rate": 10.0, "gaps": 3},
        "now": {"bytes_rate": 5.0, "gaps": 0, "rate": 4.0},
    }
    hub.answers_api["channels"] = channels(**told) | {"total": 3}
    page.goto(f"{hub.url}#/channels")
    a, b, now = (
        page.locator("tbody tr", has=page.get_by_role("button", name=name, exact=True)) for name in told
    )
    expect(a.locator("td").nth(2)).to_have_text("2 KB")
    expect(b.locator("td").nth(4)).to_have_text("3")
    expect(now.locator("td").first).to_have_text("4.0")
    page.get_by_role("button", name="Bytes/s").click()
    assert names(page) == ["a", "b", "now"]
    page.get_by_role("button", name="Gaps").click()
    assert names(page)[0] == "b"
    expect(page.get_by_role("columnheader", name="Gaps")).to_have_attribute("aria-sort", "descending")


def test_what_is_said_of_no_source_has_no_column(page: Page, hub: FakeHub) -> None:
    about = {
        "channel": "logs",
        "via": "http",
        "state": "up",
        "since": 1,
        "rows": 3,
        "dropped": 0,
        "error": None,
    }
    rows = [{**about, "source": name, "last_seen": 1} for name in ("a", "b")]
    hub.answers_api["sources"] = {"sources": rows, "total": 2}
    hub.answers_api["info"] = {"nodes": [node()]}
    page.goto(f"{hub.url}#/server")
    head = page.locator(".sources-part thead th")
    expect(head).to_have_text(["Source", "State", "Channel", "By", "Lines", "Last"])
    rows[1] |= {"state": "down", "error": "refused"}
    expect(head).to_have_text(["Source", "State", "Channel", "By", "Lines", "Last", "Error"])
    expect(page.locator(".sources-part tbody .error")).to_have_text(["refused", ""])


def test_settings_say_who_said_them_and_what_somebody_said_stands_first(page: Page, hub: FakeHub) -> None:
    hub.about = {
        "configuration": [
            {"name": "host", "value": "127.0.0.1", "origin": "default"},
            {"name": "feeds", "value": ["redis://a/0", "redis://b/0"], "origin": "file"},
            {"name": "token", "value": None, "origin": "default"},
            {"name": "workers", "value": 2, "origin": "argument"},
        ]
    }
    hub.answers_api["info"] = {"nodes": [node()]}
    page.goto(f"{hub.url}#/server")
    page.get_by_text("Settings in effect").click()
    table = page.get_by_role("table", name="Settings in effect")
    expect(table.locator("tr")).to_have_text(
        ["feedsredis://a/0, redis://b/0file", "workers2argument", "host127.0.0.1default", "tokennonedefault"]
    )


def test_the_loop_says_how_late_half_of_its_timers_are_too(page: Page, hub: FakeHub) -> None:
    hub.unkept |= OWN
    hub.about = {"features": ["watch"]}
    hub.answers_api["info"] = {"nodes": [node()]}
    page.goto(f"{hub.url}#/server")
    hub.wait_for("the reader", lambda: any("$stats" in each.subscribed for each in hub.visits))
    lag = {"longest": 0.25, "p99": 0.03, "p50": 0.0004, "stalls": 0}
    hub.publish("$stats", {"time": 1, "nodes": [{"uid": "u", "loop_lag": lag}], "channels": {}})
    expect(page.locator(".numbers")).to_contain_text("30 ms99 of 100half 0.4 mslongest 250 ms")


def test_this_page_finds_itself_among_the_clients(page: Page, real: RealHub) -> None:
    real.publish("logs", log("one"))
    other = page.context.new_page()
    other.goto(real.url)
    expect(other.locator("#connection-words")).to_have_text("Live")
    page.goto(f"{real.url}#/clients")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator(".badge")).to_have_text(["this page"])
    page.locator("tbody tr", has=page.locator(".badge")).click()
    expect(page.locator(".drawer")).to_contain_text(": this page")
    other.goto(f"{real.url}#/clients")
    expect(other.locator(".badge")).to_have_text(["this page"])
    mine = page.locator("tbody th", has=page.locator(".badge")).inner_text()
    assert other.locator("tbody th", has=other.locator(".badge")).inner_text() != mine


def test_what_happens_to_the_hub_and_how_late_its_loop_is_stand_on_server(page: Page, real: RealHub) -> None:
    real.publish("logs", log("somebody reads this"))
    page.goto(f"{real.url}#/server")
    happens = page.locator(".notices-part")
    expect(happens).to_contain_text("Nothing was lost, refused or went away")
    tile = page.locator(".numbers > div", has_text="Loop lag")
    expect(tile.locator("dd").first).to_have_text(re.compile(r"^[\d.]+ m?s$"))
    expect(tile).to_contain_text("longest")
    expect(page.locator(".numbers > div", has_text="Processor").locator("dd").first).to_have_text(
        re.compile(r"^\d+ %$")
    )
    page.evaluate(
        "fetch('api/publish', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})"
    )
    expect(happens.locator("li").first).to_contain_text("calls of the HTTP API refused: 1")
    expect(happens.locator("li").first.locator(".level-mark")).to_have_text("W")
    page.keyboard.press("Shift+1")
    for _ in range(100):
        if "$notices" not in real.hub.node.own.at_work:
            break
        page.wait_for_timeout(100)
    assert "$notices" not in real.hub.node.own.at_work, "nobody looks any more"


def test_notices_are_lines_for_whoever_opens_them_in_live(page: Page, real: RealHub) -> None:
    page.goto(f"{real.url}#/live?ch=$notices")
    expect(page.locator("#connection-words")).to_have_text(re.compile("^Live"))
    ask = "fetch('api/publish', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})"
    shown = page.locator(".live .row:visible .message")
    for _ in range(100):
        page.evaluate(ask)
        page.wait_for_timeout(200)
        if shown.count():
            break
    expect(shown.first).to_contain_text("calls of the HTTP API refused")


# -- by keys, and under somebody's hand


def test_a_table_is_one_stop_and_its_rows_are_gone_through_and_opened_by_keys(
    page: Page, hub: FakeHub
) -> None:
    hub.publish("logs", log("one"))
    hub.answers_api["channels"] = channels(**{f"c{number}": {} for number in range(30)})
    page.goto(f"{hub.url}#/channels")
    expect(page.locator("tbody tr")).to_have_count(30)
    assert page.locator("tbody [tabindex='0']").count() == 1
    page.get_by_role("button", name="Last", exact=True).focus()
    page.keyboard.press("Tab")
    opener = page.get_by_role("button", name="c0", exact=True)
    expect(opener).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="c8", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".drawer")).to_be_visible()
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".drawer")).to_have_count(0)
    expect(page.get_by_role("button", name="c8", exact=True)).to_be_focused()


def test_rows_stay_where_they_are_while_somebody_points_at_them(page: Page, hub: FakeHub) -> None:
    def become(a: int, b: int) -> None:
        hub.answers_api["clients"] = {"clients": [client("aaaa", a), client("bbbb", b)], "total": 2}

    become(9, 5)
    page.goto(f"{hub.url}#/clients")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("tbody tr").first.hover()
    become(9, 50)
    expect(page.locator("tbody tr").nth(1)).to_contain_text("50 lines")
    assert names(page) == ["aaaa", "bbbb"]
    page.mouse.move(5, 5)
    expect(page.locator("tbody th").first).to_have_text("bbbb")


def client(name: str, behind: int) -> dict[str, Any]:
    at = {
        "user": "",
        "name": "",
        "transport": "websocket",
        "protocol": "plain",
        "address": "127.0.0.1",
        "node": "n",
    }
    reading = {"late": 0, "unsent": 0, "waiting": False, "num_subs": 0, "subscriptions": []}
    return {"client": name, "state": "ok", "behind": behind, **at, **reading}


@pytest.mark.parametrize("name", ["channels", "clients", "server", "board"])
def test_nothing_is_wider_than_a_phone(page: Page, real: RealHub, name: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    real.publish("a-very-long-channel-name-of-a-tenant:with:many:parts:and-then-some-more", log("one"))
    real.publish("app:stats", {"jobs": {"total": 81}, "by_repo": {"core": 12}})
    page.goto(f"{real.url}#/{name}")
    shown = {"server": ".numbers", "board": ".tile"}.get(name, "tbody tr")
    expect(page.locator(shown).first).to_be_visible()
    wide = page.evaluate(
        "[...document.querySelectorAll('main, .pane-body, .board')].map((e) => e.scrollWidth - e.clientWidth)"
    )
    assert max(wide) <= 0


# -- where much is amiss


def test_a_hundred_thousand_channels_are_counted_and_each_is_found(page: Page, real: RealHub) -> None:
    for number in range(MANY - 1):
        real.hub.publish(f"tenant:{number}", 1)
    real.publish("tenant:last", 1)
    page.goto(f"{real.url}#/channels")
    expect(page.locator(".pane-tools")).to_contain_text("1 to 200 of 100,000 channels")
    expect(page.locator("tbody tr")).to_have_count(200)
    page.get_by_label("Find a channel").fill("tenant:last")
    expect(page.locator("tbody th")).to_have_text(["tenant:last"])


def test_a_clock_that_jumps_makes_no_rate_of_it(page: Page, hub: FakeHub) -> None:
    hub.answers_api["channels"] = channels(logs={"offset": 10})
    hub.answers_api["info"] = {"nodes": [node()]}
    page.clock.install()
    page.goto(f"{hub.url}#/channels")
    rate = page.locator("tbody td").first
    page.clock.run_for(2_100)
    expect(rate).to_have_text("0")
    page.clock.set_system_time(page.evaluate("Date.now() - 3_600_000"))
    hub.answers_api["channels"] = channels(logs={"offset": 20})
    page.clock.run_for(2_100)
    expect(rate).to_have_text("0")
    hub.answers_api["channels"] = channels(logs={"offset": 40})
    page.clock.run_for(2_100)
    expect(rate).to_have_text(re.compile(r"^(9|10|\d\.\d)"))
    assert not re.search(r"NaN|Infinity|-\d", page.locator("tbody").inner_text())


@pytest.mark.parametrize("name", ["clients", "server"])
def test_a_server_of_another_version_says_what_it_does_not_tell(page: Page, hub: FakeHub, name: str) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    page.goto(f"{hub.url}#/{name}")
    expect(page.locator(".pane-notice")).to_contain_text("This server does not tell that.")
    hub.answers_api["clients"] = {"clients": [], "total": 0}
    hub.answers_api["info"] = {"nodes": [node()]}
    expect(page.locator(".pane-notice, .numbers").filter(visible=True)).to_contain_text(
        "Nobody is connected." if name == "clients" else "Uptime"
    )


def test_a_server_without_notices_shows_everything_else(page: Page, hub: FakeHub) -> None:
    hub.about = {"features": ["watch"]}
    hub.unkept |= OWN - {"$notices"}
    hub.refusals["$notices"] = [102]
    hub.answers_api["info"] = {"nodes": [node()]}
    page.goto(f"{hub.url}#/server")
    expect(page.locator(".numbers")).to_contain_text("Memory1 MB")
    expect(page.locator(".numbers")).to_contain_text("Loop lag–")


def test_what_was_kept_and_has_expired_is_said(page: Page, real: RealHub) -> None:
    real.publish("logs", log("one"))
    real.clear("logs")
    page.goto(f"{real.url}#/channels")
    page.locator("tbody tr", has_text="logs").click()
    drawer = page.locator(".drawer")
    expect(drawer).to_contain_text("Nothing is kept any more, or nothing came yet.")
    expect(drawer).to_contain_text("nothing just now")


@pytest.mark.parametrize("name", ["channels", "clients", "server"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "This page needs the server's token."),
        (500, "This could not be read."),
        (0, "The server does not answer."),
    ],
)
def test_each_silence_has_its_words(page: Page, hub: FakeHub, name: str, status: int, words: str) -> None:
    hub.publish("logs", log("one"))
    if status == 401:
        hub.api_status = status
    elif status:
        page.route(re.compile("/api/(channels|clients|info)$"), answered(status))
    else:
        page.route("**/api/*", lambda route: route.abort())
    page.goto(f"{hub.url}#/{name}")
    expect(page.locator(".pane-notice")).to_contain_text(words)
