"""The page at `/`: what a reader sees of histories, live publications, cuts and gaps."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .fake_hub import FakeHub, Stream

pytestmark = pytest.mark.browser


COLOURS = """(cells) => cells.map((cell) => {
  // The name of the custom property that a level is drawn in; critical is the ground of its word.
  const { color, backgroundColor } = getComputedStyle(cell);
  const names = ["trace", "debug", "info", "success", "warning", "error", "critical"];
  const probe = document.body.appendChild(document.createElement("i"));
  return names.find((name) => {
    probe.style.color = `var(--${name})`;
    return [color, backgroundColor].includes(getComputedStyle(probe).color);
  });
})"""


def log(message: str, level: str = "info", **more: Any) -> dict[str, Any]:
    return {
        "time": "2026-05-14T12:02:11.093Z",
        "level": level,
        "logger": "app.db",
        "message": message,
        **more,
    }


def at(second: int, message: str) -> dict[str, Any]:
    return {"time": f"2026-05-14T12:00:{second:02}Z", "message": message}


def visit(page: Page, hub: FakeHub, query: str = "") -> None:
    """Open the page and wait until it is live."""
    page.goto(hub.url + query)
    expect(page.locator("#status-words")).to_have_text("Live")


def messages(page: Page) -> Locator:
    return page.locator("#list .row .message")


def back(hub: FakeHub, channel: str) -> None:
    hub.wait_for("the subscription", lambda: any(channel in visit.subscribed for visit in hub.visits))


def test_history_is_shown_and_then_what_is_live_in_order(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["one", "two"])
    hub.publish("logs", log("three"))
    hub.publish("logs", log("four"), log("five"))
    expect(messages(page)).to_have_text(["one", "two", "three", "four", "five"])
    row = page.locator("#list .row").first
    expect(row.locator(".time")).to_have_text("14:02:11.093")  # in the zone of the reader
    expect(row.locator(".level")).to_have_text("info")
    expect(row.locator(".source")).to_have_text("app.db")
    expect(row.locator(".channel")).to_be_hidden()  # there is but one
    expect(page.locator("#rows")).to_have_text("5 rows")
    expect(page.locator("#ledger")).to_have_text("nothing missing")


def test_several_histories_are_one_list_by_time(page: Page, hub: FakeHub) -> None:
    hub.publish("a", at(1, "a1"), at(4, "a4"))
    hub.publish("b", at(2, "b2"), at(3, "b3"), at(5, "b5"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["a1", "b2", "b3", "a4", "b5"])


def test_what_came_while_the_page_was_paused_is_put_in_the_order_of_time(page: Page, hub: FakeHub) -> None:
    hub.publish("a", at(1, "a1"))
    hub.publish("b", at(2, "b2"))
    visit(page, hub)
    page.get_by_role("button", name="Pause").click()
    hub.publish("b", at(5, "b5"))
    hub.publish("a", at(3, "a3"), at(6, "a6"))
    expect(page.locator("#newer")).to_have_text("↓ 3 new")
    expect(messages(page)).to_have_text(["a1", "b2"])
    page.get_by_role("button", name="Follow").click()
    expect(messages(page)).to_have_text(["a1", "b2", "a3", "b5", "a6"])


def test_a_cut_is_resumed_without_a_double_row_and_the_page_says_so(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two"))
    visit(page, hub)
    expect(messages(page)).to_have_count(2)
    hub.cut()
    hub.publish("logs", log("three"), log("four"))
    expect(messages(page)).to_have_text(["one", "two", "three", "four"])
    assert hub.visits[0].query["since"] == "logs@first:2"
    note = page.locator("#list li").nth(2)
    expect(note).to_have_text(re.compile(r"^Back after \d+ s: 2 recovered, nothing missing$"))
    expect(page.locator("#announcements")).to_have_text(re.compile("nothing missing"))
    expect(page.locator("#ledger")).to_have_text("nothing missing")


def test_what_cannot_be_recovered_is_a_row_of_its_own_in_its_place(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(messages(page)).to_have_count(1)
    hub.refuses = True
    hub.cut()
    hub.publish("logs", *(log(f"number {number}") for number in range(2, 8)))
    hub.trim("logs", 6)
    hub.refuses = False
    items = page.locator("#list li")
    expect(items).to_have_count(5)
    words = "offsets 2–5 are gone: trimmed, the history no longer reaches back that far (4 publications)"
    expect(items.nth(1)).to_have_text(re.compile(r"Back after \d+ s: 2 recovered, 4 lost"))
    expect(items.nth(2)).to_have_text(f"logs {words}")
    expect(items.nth(2)).to_have_class(re.compile("gap"))
    expect(messages(page)).to_have_text(["one", "number 6", "number 7"])
    expect(page.locator("#ledger")).to_have_text("1 gap, 4 lost")


def test_a_stream_that_began_anew_says_so_and_goes_on(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(messages(page)).to_have_count(1)
    hub.streams["logs"] = Stream("second", 1, [(1, log("first of the second"))])
    hub.cut()
    expect(messages(page)).to_have_text(["one", "first of the second"])
    words = "logs the stream began a new life: whatever the old one held from offset 2 on is gone"
    expect(page.locator("#list .gap")).to_have_text(words)
    expect(page.locator("#ledger")).to_have_text("1 gap, not all of it is known")


def test_a_gap_while_live_stands_before_what_follows_it(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    back(hub, "logs")
    hub.send(
        "logs", {"gap": {"from": None, "to": None, "count": 7, "reason": "unnumbered", "epoch": "first"}}
    )
    hub.publish("logs", log("two"))
    expect(page.locator("#list li").nth(1)).to_contain_text("7 publications were missed")
    expect(messages(page)).to_have_text(["one", "two"])


def test_levels_have_their_words_and_colours(page: Page, hub: FakeHub) -> None:
    levels = ["trace", "debug", "info", "success", "warning", "error", "critical"]
    hub.publish("logs", *(log("words", level) for level in levels), log("other", "WARN"), log("python", 40))  # type: ignore[arg-type]
    visit(page, hub)
    cells = page.locator("#list .level")
    expect(cells).to_have_text([*levels, "warning", "error"])
    colours = cells.evaluate_all(COLOURS)
    assert colours == [*levels, "warning", "error"]


def test_hostile_text_is_text_and_what_it_hides_is_marked(page: Page, hub: FakeHub) -> None:
    hostile = "<img src=x onerror=alert(1)> \x1b[31mred \u202egnp.exe\x07 \x9b2J"
    hub.publish(hostile, {"level": "info", "logger": hostile, "message": hostile, hostile: hostile})
    hub.publish("events", {"type": hostile, "data": {"name": hostile, "page": f"{hostile}\n\n<b>bold</b>"}})
    visit(page, hub)
    shown = "<img src=x onerror=alert(1)> ⟨ESC[31m⟩red ⟨RLO⟩gnp.exe⟨BEL⟩ ⟨009B⟩2J"
    for cell in (".message", ".source", ".channel"):
        expect(page.locator(f"#list li:has(.fields) {cell}").first).to_have_text(shown)
    expect(page.locator("#list .fields").first).to_have_text(f"{shown}={shown}")
    expect(page.locator(".chip", has_text="img")).to_have_text(re.compile(re.escape(shown)))
    page.locator("#list li:has(.fields) .details-opener").click(force=True)
    expect(page.locator(".details")).to_contain_text("⟨RLO⟩")
    page.get_by_role("button", name="Open page").click()
    expect(page.locator("#page-body p")).to_have_text([shown, "<b>bold</b>"])
    titles = page.evaluate(
        "[...document.querySelectorAll('[title]')].map((element) => element.title).join('')"
    )
    everything = page.evaluate("document.body.textContent") + titles
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", everything)
    assert page.locator("#list img, #page-body :is(img, b), .chip img").count() == 0


def test_what_is_being_read_does_not_move(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"old {number}") for number in range(200)))
    visit(page, hub)
    expect(messages(page).last).to_be_in_viewport()
    page.locator("#scroller").hover()
    page.mouse.wheel(0, -900)
    expect(page.locator("#newer")).to_have_text("↓ Newest")
    watched = page.locator("#list .row", has_text="old 140")
    expect(watched).to_be_in_viewport()
    place = watched.bounding_box()
    hub.publish("logs", *(log(f"new {number}", "error" if number < 2 else "info") for number in range(300)))
    expect(page.locator("#newer")).to_have_text("↓ 300 new · 2 errors")
    assert watched.bounding_box() == place
    expect(messages(page)).to_have_count(200)
    page.locator("#newer").click()
    expect(messages(page).last).to_have_text("new 299")
    expect(messages(page).last).to_be_in_viewport()
    hub.publish("logs", log("newest"))
    expect(messages(page).last).to_have_text("newest")
    expect(messages(page).last).to_be_in_viewport()


def test_it_does_not_move_either_when_rows_come_and_go_above_it(page: Page, hub: FakeHub) -> None:
    hub.publish("a", *(at(9, f"a {number}") for number in range(200)))
    hub.publish("b", *(at(3, f"b {number}") for number in range(200)))
    visit(page, hub, "?channel=a")
    expect(messages(page)).to_have_count(200)
    page.locator("#scroller").hover()
    page.mouse.wheel(0, -900)
    watched = page.locator("#list .row", has_text="a 140")
    expect(watched).to_be_in_viewport()
    place = watched.bounding_box()
    switch = page.locator(".chip", has_text=re.compile("^b"))
    switch.click()
    expect(messages(page)).to_have_count(400)
    assert watched.bounding_box() == place
    switch.click()
    expect(messages(page)).to_have_count(200)
    assert watched.bounding_box() == place


def test_scrolling_to_the_end_by_hand_follows_again(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"old {number}") for number in range(200)))
    visit(page, hub)
    expect(messages(page).last).to_be_in_viewport()
    page.locator("#scroller").hover()
    page.mouse.wheel(0, -300)
    expect(page.locator("#newer")).to_be_visible()
    page.mouse.wheel(0, 600)
    expect(page.locator("#newer")).to_be_hidden()
    hub.publish("logs", log("newest"))
    expect(messages(page).last).to_have_text("newest")


def test_the_oldest_rows_leave_and_are_counted(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"old {number}") for number in range(1500)))
    visit(page, hub)
    older = page.locator("#older")
    expect(older).to_have_text("500 older publications on the server, not loaded")
    expect(messages(page)).to_have_count(1000)
    for start in range(0, 4500, 500):
        hub.publish("logs", *(log(f"new {start + number}") for number in range(500)))
    expect(messages(page).last).to_have_text("new 4499")
    expect(messages(page)).to_have_count(5000)
    expect(messages(page).first).to_have_text("old 1000")
    expect(page.locator("#list ol:empty")).to_have_count(0)
    expect(older).to_have_text(
        "500 older rows left this page · 500 older publications on the server, not loaded"
    )


def test_a_server_that_says_stay_away_is_left_alone_until_a_click(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    hub.cut(3503, "force disconnect")
    expect(page.locator("#status-words")).to_have_text("Disconnected: force disconnect (3503)")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#status-words")).to_have_text("Disconnected: force disconnect (3503)")
    assert hub.visits == []
    expect(messages(page)).to_have_text(["one"])
    page.get_by_role("button", name="Connect again").click()
    expect(page.locator("#status-words")).to_have_text("Live")


def test_waiting_for_the_server_counts_down_and_can_be_cut_short(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    hub.refuses = True
    hub.cut()
    expect(page.locator("#status-words")).to_have_text(re.compile(r"Reconnecting in \d+ s"))
    hub.refuses = False
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#status-words")).to_have_text("Live")


def test_a_channel_is_switched_off_and_on_again_without_losing_anything(page: Page, hub: FakeHub) -> None:
    hub.publish("a", at(1, "a1"))
    hub.publish("b", at(2, "b2"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["a1", "b2"])
    switch = page.locator(".chip", has_text=re.compile("^b"))
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(messages(page)).to_have_text(["a1"])
    hub.wait_for("the command", lambda: hub.visits[0].subscribed == {"a"})
    hub.publish("b", at(3, "b3"))
    hub.publish("a", at(4, "a4"))
    expect(messages(page)).to_have_text(["a1", "a4"])
    switch.click()
    expect(messages(page)).to_have_text(["a1", "b2", "b3", "a4"])
    assert hub.visits[0].commands[-1]["since"] == "first:1"
    hub.publish("b", at(5, "b5"))
    expect(messages(page)).to_have_text(["a1", "b2", "b3", "a4", "b5"])


def test_channels_that_the_address_names_are_on_and_the_others_wait(page: Page, hub: FakeHub) -> None:
    hub.publish("a", log("of a"))
    hub.publish("b", log("of b"))
    visit(page, hub, "?channel=b&channel=c")
    expect(messages(page)).to_have_text(["of b"])
    expect(page.locator("#list .channel")).to_be_visible()  # as c may show something, too
    expect(page.locator(".chip")).to_have_text([re.compile("^b"), re.compile("^c"), re.compile("^a")])
    page.locator(".chip", has_text=re.compile("^a")).click()
    expect(messages(page)).to_have_count(2)


def test_a_channel_that_is_refused_says_so_and_leaves_the_others(page: Page, hub: FakeHub) -> None:
    hub.refusals["secret"] = [103]
    hub.publish("logs", log("one"))
    visit(page, hub, "?channel=logs&channel=secret")
    chip = page.locator(".chip", has_text="secret")
    expect(chip).to_contain_text("refused")
    expect(chip).to_have_attribute("title", "no (103)")
    expect(messages(page)).to_have_text(["one"])


def test_rows_are_filtered_by_level_and_text_and_gaps_are_not(page: Page, hub: FakeHub) -> None:
    hub.publish(
        "logs", log("pool exhausted", "error", fields={"id": "9f2c"}), log("fine"), log("slow", "warning")
    )
    visit(page, hub)
    back(hub, "logs")
    hub.send("logs", {"gap": {"from": 4, "to": 5, "reason": "latest", "epoch": "first"}})
    page.get_by_label("Level").select_option(label="warning and above")
    expect(messages(page)).to_have_text(["pool exhausted", "slow"])
    expect(page.locator("#list .gap")).to_have_count(1)
    page.keyboard.press("Escape")
    page.get_by_label("Filter by text").fill("9F2C")
    expect(messages(page)).to_have_text(["pool exhausted"])
    expect(page.locator("#rows")).to_have_text("1 of 3 rows")
    hub.publish("logs", log("passed over"), log("this too"), log("unlike", "error"))
    expect(page.locator("#rows")).to_have_text("1 of 4 rows")
    expect(messages(page)).to_have_text(["pool exhausted"])
    page.get_by_label("Filter by text").fill("nowhere")
    expect(messages(page)).to_have_count(0)
    page.get_by_role("button", name="Clear the filter").click()
    expect(messages(page)).to_have_text(["pool exhausted", "fine", "slow", "unlike"])


def test_a_long_message_is_cut_and_opens(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("x" * 5_000), log("\n".join(f"line {number}" for number in range(40))))
    visit(page, hub)
    openers = page.get_by_role("button", name="show all")
    expect(openers).to_have_count(2)
    assert [len(text) for text in messages(page).all_inner_texts()] == [
        1_000,
        len("line 0\n") * 10 + len("line 10\n") + 7,
    ]
    openers.first.click()
    assert len(messages(page).first.inner_text()) == 5_000
    openers.first.click()
    expect(messages(page).last).to_contain_text("line 39")


def test_an_exception_and_the_details_open_in_the_row(page: Page, hub: FakeHub) -> None:
    trace = "Traceback (most recent call last):\n  File …\nTimeoutError: pool"
    hub.publish(
        "logs", log("failed", "error", exception={"type": "TimeoutError", "text": trace}, fields={"n": 5})
    )
    visit(page, hub)
    opener = page.get_by_role("button", name="TimeoutError: pool")
    opener.click()
    expect(page.locator(".trace")).to_have_text(trace)
    expect(opener).to_have_attribute("aria-expanded", "true")
    opener.click()
    expect(page.locator(".trace")).to_have_count(0)
    page.locator("#list .row").hover()
    page.get_by_role("button", name="Details").click()
    expect(page.locator(".details")).to_contain_text("logs@first:1")
    expect(page.locator(".details")).to_contain_text('"type": "TimeoutError"')


def test_an_event_shows_its_type_and_opens_its_page(page: Page, hub: FakeHub) -> None:
    text = (
        "---\nrepo: core\n---\n# Function `f`\n\nIt **adds**, *well*. [Docs](https://example.org/x) "
        "[no](javascript:alert)\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n"
        "```python\n# not a heading\n```\n\n- one\n  - two\n\n1. three\n\n> four\n"
        "\n<script>alert(1)</script>\n"
    )
    hub.publish("events", {"type": "documented", "data": {"name": "f", "rank": "B", "page": text}})
    visit(page, hub)
    row = page.locator("#list .row")
    expect(row.locator(".source")).to_have_text("documented")
    expect(row.locator(".message")).to_have_text("f")
    expect(row.locator(".fields")).to_have_text("rank=B")
    row.get_by_role("button", name="Open page").click()
    body = page.locator("#page-body")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(body.locator("table.header td")).to_have_text("core")
    expect(body.locator("h1")).to_have_text("Function f")
    expect(body.locator("tbody td")).to_have_text(["core", "1", "2"])
    expect(body.locator("pre")).to_have_text("# not a heading")
    expect(body.locator("ul > li > ul > li")).to_have_text("two")
    expect(body.locator("ol > li")).to_have_text("three")
    expect(body.locator("blockquote")).to_have_text("four")
    expect(body.locator("a")).to_have_attribute("href", "https://example.org/x")
    expect(body.locator("p").last).to_have_text("<script>alert(1)</script>")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_statistics_are_shown_as_their_latest_values(page: Page, hub: FakeHub) -> None:
    hub.publish("app:stats", {"time": 1, "jobs": {"total": 81}})
    hub.publish("other:stats", {"up": True})
    hub.publish("logs", log("one"))
    visit(page, hub)
    board = page.get_by_role("region", name="Latest values")
    expect(board.locator("section").first).to_have_text("app:statsjobs.total81")
    hub.publish("app:stats", {"time": 2, "jobs": {"total": 1234, "failed": 2}})
    expect(board.locator("dd")).to_have_text(["1,234", "2", "true"])
    expect(messages(page)).to_have_text(["one"])
    page.locator(".chip", has_text="app:stats").click()
    expect(board.locator("dd")).to_have_text(["true"])
    page.locator(".chip", has_text="other:stats").click()
    expect(board).to_be_hidden()


def test_an_empty_hub_says_how_to_begin_and_the_page_goes_on_by_itself(page: Page, hub: FakeHub) -> None:
    page.goto(hub.url)
    expect(page.locator("#empty")).to_contain_text("Nothing has been published yet.")
    expect(page.locator("#empty")).to_contain_text(f"curl {hub.url}api/publish")
    hub.publish("logs", log("hello"))
    expect(messages(page)).to_have_text(["hello"])
    expect(page.locator("#empty")).to_be_hidden()


def test_the_keyboard_reaches_everything(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two"))
    visit(page, hub)
    expect(messages(page)).to_have_count(2)
    page.locator("#scroller").focus()
    page.keyboard.press("k")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#list .row").first).to_be_focused()
    expect(page.locator("#follow")).to_have_text("Follow")
    page.keyboard.press("Enter")
    expect(page.locator(".details")).to_contain_text("logs@first:1")
    page.keyboard.press("Space")
    expect(page.locator("#follow")).to_have_text("Pause")
    page.keyboard.press("/")
    expect(page.get_by_label("Filter by text")).to_be_focused()


def test_signing_in_sets_the_cookie_and_shows_the_page(page: Page, hub: FakeHub) -> None:
    hub.token = "correct"
    hub.publish("logs", log("secret"))
    page.goto(hub.url)
    token = page.get_by_label("Token")
    expect(token).to_be_focused()
    token.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not the token of this server.")
    hub.sign_in_status = 429
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Too many tries. Try again in 30 s.")
    hub.sign_in_status = 0
    token.fill("correct")
    page.get_by_role("button", name="Sign in").click()
    expect(messages(page)).to_have_text(["secret"])


def test_a_sign_in_that_ran_out_is_told_from_a_server_that_is_away(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    hub.token = "changed"
    hub.cut()
    expect(page.locator("#status-words")).to_have_text("Signed out")
    expect(messages(page)).to_have_text(["one"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Token")).to_be_visible()
