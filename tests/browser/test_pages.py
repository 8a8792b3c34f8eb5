"""The pages beside Live, and the element, against a real hub that is mounted below a path."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .real_hub import RealHub
from .seeing import log

pytestmark = pytest.mark.browser

HANDSHAKE = (
    "GET /live/ws?channel=flood&batch=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def real() -> Iterator[RealHub]:
    with RealHub() as hub:
        yield hub


def event(kind: str, **data: Any) -> dict[str, Any]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"type": kind, "timestamp": stamp, "data": data}


def tile(page: Page, title: str) -> Any:
    return page.locator(".tile", has=page.get_by_role("heading", name=title, exact=True))


def test_a_documentation_worker_has_its_board(page: Page, real: RealHub) -> None:
    line = {
        "event": "cycle begins",
        "timestamp": "2026-05-14T12:00:00Z",
        "log_level": "info",
        "component": "daemon",
    }
    real.publish("codeworm:logs", line)
    written = {"name": "add", "repo": "core", "file_path": "core/sum.py", "page": "# add\n\nIt **adds**."}
    real.publish(
        "codeworm:events",
        event("cycle_starting", repo="core"),
        event("documentation_committed", **written),
        event("documentation_committed", **written | {"name": "sub", "repo": "web", "file_path": "web/a.ts"}),
        event("next_cycle", in_seconds=3_000),
        event("generating", target="mul", repo="core", index=3, of=4),
    )
    real.publish("codeworm:stats", {"total_documented": 2, "errors": 0})
    page.goto(f"{real.url}#/board")
    expect(tile(page, "Now")).to_contain_text("generating mul")
    expect(tile(page, "Now")).to_contain_text("3 of 4")
    expect(tile(page, "Next cycle").locator("strong")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    expect(tile(page, "Total documented")).to_contain_text("2")
    expect(tile(page, "By repository").locator(".name")).to_have_text(["core", "web"])
    expect(tile(page, "By language").locator(".name")).to_have_text(["Python", "TypeScript"])
    expect(tile(page, "Log").locator(".row:visible .message")).to_have_text(["cycle begins"])
    expect(tile(page, "Log").locator(".row:visible .logger")).to_have_text(["daemon"])
    real.publish("codeworm:stats", {"total_documented": 3, "errors": 0})
    expect(tile(page, "Total documented")).to_contain_text("3")
    tile(page, "Recent pages").get_by_role("button", name="add").click()
    expect(page.get_by_role("dialog").locator("strong")).to_have_text("adds")


def test_a_flood_of_logs_leaves_the_countdown_where_it_is(page: Page, real: RealHub) -> None:
    real.publish("w:events", event("next_cycle", in_seconds=3_000))
    page.goto(f"{real.url}#/board")
    expect(tile(page, "Next cycle").locator("strong")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    real.publish("w:logs", *(log(f"line {number}") for number in range(5_000)))
    expect(tile(page, "Log").locator(".row:visible .message").last).to_have_text("line 4999")
    expect(tile(page, "Next cycle").locator("strong")).to_have_text(re.compile(r"^\d\d:\d\d$"))


def test_a_board_derives_itself_from_what_there_is(page: Page, real: RealHub) -> None:
    page.goto(f"{real.url}#/board")
    expect(page.get_by_text("Nothing to show on a board yet.")).to_be_visible()
    real.publish("app:stats", {"queue": 12, "by_state": {"done": 5, "failed": 1}})
    real.publish("app:events", event("deploy", name="1.2.3", region="eu"))
    expect(tile(page, "Queue")).to_contain_text("12")
    expect(tile(page, "By state").locator("li")).to_have_count(2)
    expect(tile(page, "deploy")).to_contain_text("1.2.3")


def test_a_tile_that_shows_a_number_does_not_wait_for_one(page: Page, real: RealHub) -> None:
    """What was kept does not always say when it was; that it is there is seen all the same."""
    real.publish("app:stats", {"queue": 12})
    page.goto(f"{real.url}#/board")
    expect(tile(page, "Queue")).to_contain_text("12")
    expect(tile(page, "Queue").locator(".age")).to_have_text("")


@pytest.mark.parametrize("name", ["channels", "clients"])
def test_on_a_wide_screen_numbers_stay_near_what_they_are_of(page: Page, real: RealHub, name: str) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    real.publish("logs", log("one"))
    page.goto(f"{real.url}#/{name}")
    expect(page.locator("tbody tr").first).to_be_visible()
    box = page.locator(".table table").bounding_box()
    assert box is not None
    assert box["width"] <= 1_200


def test_on_a_wide_screen_the_parts_of_the_server_stand_beside_one_another(page: Page, real: RealHub) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    real.publish("logs", log("one"))
    page.goto(f"{real.url}#/server")
    expect(page.locator(".numbers")).to_be_visible()
    [sources, node] = [part.bounding_box() for part in page.locator(".server .node").all()[:2]]
    assert sources is not None
    assert node is not None
    assert abs(sources["y"] - node["y"]) < 2
    assert node["x"] > sources["x"] + 600


def test_channels_show_what_is_kept_and_publish(page: Page, real: RealHub) -> None:
    real.publish("logs", *(log(f"line {number}") for number in range(30)))
    page.goto(f"{real.url}#/channels")
    row = page.locator("tbody tr", has_text="logs")
    expect(row.locator("td").nth(5)).to_have_text("30")
    row.click()
    drawer = page.locator(".drawer")
    expect(drawer.locator(".context li").first).to_contain_text("line 29")
    drawer.get_by_label("What to publish").fill('{"message": "by hand"}')
    drawer.get_by_role("button", name="Publish").click()
    expect(page.locator(".note")).to_have_text("Published as number 31")
    drawer.get_by_role("button", name="Open in Live").click()
    expect(page.locator(".live .row:visible .message").last).to_have_text("by hand")


def test_what_is_known_of_a_channel_stands_in_its_drawer(page: Page, real: RealHub) -> None:
    real.publish("logs", log("one"), log("two"))
    page.goto(f"{real.url}#/channels")
    page.locator("tbody tr", has_text="logs").click()
    facts = page.locator(".drawer .facts")
    expect(facts).to_contain_text("Kept2, from 1 to 2")
    expect(facts).to_contain_text(re.compile(r"Oldest(now|\d+ s ago)"))
    expect(facts).to_contain_text(re.compile(r"Retentionat most [\d,]+ publications"))
    expect(facts).to_contain_text(re.compile(r"Epoch\S+ begun (now|\d+ s ago)"))


def test_more_channels_than_a_page_holds_are_sorted_and_found_by_the_server(
    page: Page, real: RealHub
) -> None:
    for number in range(250):
        real.publish(f"c{number:03}", number)
    real.publish("busy", *range(20))
    page.goto(f"{real.url}#/channels")
    tools, rows = page.locator(".pane-tools"), page.locator("tbody tr")
    expect(tools).to_contain_text("1 to 200 of 251 channels")
    expect(page.get_by_role("button", name="Head")).to_be_disabled()
    heading = page.locator("thead button", has_text="Channel")
    heading.click()
    expect(rows.first.locator("th")).to_have_text("busy")
    expect(rows.last.locator("th")).to_have_text("c198")
    page.get_by_role("button", name="Next page").click()
    expect(tools).to_contain_text("201 to 251 of 251 channels")
    expect(rows.first.locator("th")).to_have_text("c199")
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()
    heading.click()
    expect(rows.first.locator("th")).to_have_text("c249")
    expect(tools).to_contain_text("1 to 200 of 251 channels")
    page.get_by_label("Find a channel").fill("c00")
    expect(tools).to_contain_text("10 channels")
    expect(rows).to_have_count(10)
    expect(page.get_by_role("button", name="Head")).to_be_enabled()


def test_more_clients_than_a_page_holds_are_told_in_pages(page: Page, real: RealHub) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(205):
            client = stack.enter_context(socket.create_connection(real.address))
            client.sendall(HANDSHAKE.encode())
        page.goto(f"{real.url}#/clients")
        tools, rows = page.locator(".pane-tools"), page.locator("tbody tr")
        expect(tools).to_contain_text("1 to 200 of 206 connected")
        page.locator("thead button", has_text="Channels").click()
        expect(rows.first).to_contain_text("this page")
        page.get_by_role("button", name="Next page").click()
        expect(tools).to_contain_text("201 to 206 of 206 connected")
        expect(rows).to_have_count(6)
        page.get_by_role("button", name="Page before").click()
        expect(rows.first).to_contain_text("this page")


def test_what_is_known_of_a_client_stands_in_its_drawer(page: Page, real: RealHub) -> None:
    page.goto(f"{real.url}#/clients")
    page.locator("tbody tr", has_text="this page").click()
    facts = page.locator(".drawer .facts")
    expect(facts).to_contain_text("SoftwareMozilla/5.0")
    expect(facts).to_contain_text(re.compile(r"Connectedfor \d+ s"))
    expect(facts).to_contain_text("Gapsnone")


def test_clients_that_do_not_read_stand_first(page: Page, real: RealHub) -> None:
    with socket.create_connection(real.address) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.sendall(HANDSHAKE.encode())
        page.goto(f"{real.url}#/clients")
        expect(page.locator("tbody tr")).to_have_count(2)
        real.publish("flood", *(["x" * 2_000, number] for number in range(6_000)))
        first = page.locator("tbody tr").first
        expect(first.locator(".state")).to_have_text("behind")
        expect(first.locator("td").nth(1)).to_have_text(re.compile(r"^[\d,]+ lines$"))
        first.click()
        expect(page.locator(".drawer")).to_contain_text("flood")
        page.locator(".drawer").get_by_role("button", name="Disconnect").click()
        expect(page.locator(".note")).to_have_text("Disconnected")
        expect(page.locator("tbody tr")).to_have_count(1)


def test_the_server_page_has_numbers_and_worries(page: Page, real: RealHub) -> None:
    real.publish("logs", log("somebody reads this"))
    page.goto(f"{real.url}#/server")
    expect(page.locator(".numbers")).to_contain_text("Connections1")
    expect(page.locator(".fine")).to_have_text("✔ Nothing was refused, dropped or lost.")


def test_every_page_is_reached_by_keys_and_has_a_name(page: Page, real: RealHub) -> None:
    page.goto(real.url)
    for key, name in (("2", "Board"), ("3", "Channels"), ("4", "Clients"), ("5", "Server"), ("1", "Live")):
        page.keyboard.press(f"Shift+{key}")
        expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
        expect(page.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        expect(page).to_have_title(f"{name} · Gapless")


def test_the_element_shows_a_list_on_anybodys_page(page: Page, real: RealHub) -> None:
    real.publish("logs", log("fine"), log("slow", "warning"))
    page.goto(real.root)
    element = page.locator("gapless-log")
    shown = element.locator(".row:visible .message")
    expect(shown).to_have_text(["slow"])
    real.publish("logs", log("failed", "error"))
    expect(shown).to_have_text(["slow", "failed"])
    assert element.evaluate("(element) => element.exportText()").endswith("E  app.db  failed")
    pick = "(element) => element.addEventListener('select', ({ detail }) => (window.picked = detail.data))"
    element.evaluate(pick)
    shown.first.click()
    page.wait_for_function("window.picked?.message === 'slow'")
    element.evaluate("(element) => { element.query = '' }")
    expect(shown).to_have_text(["fine", "slow", "failed"])
    problem = element.evaluate(
        "(element) => { try { element.query = '(' } catch (error) { return error.message } }"
    )
    assert "missing" in problem
    expect(shown).to_have_count(3)
