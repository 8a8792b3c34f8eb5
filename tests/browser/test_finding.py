"""Finding: the query, what it marks, facets, keys, details, links to a line, copying."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from .fake_hub import FakeHub
from .seeing import STILL, back, facet, field, lines, log, marks, messages, rows, visit

pytestmark = pytest.mark.browser

TRACE = "Traceback (most recent call last):\n  File …\nTimeoutError: pool"


def test_a_query_filters_rows_and_never_gaps_and_stays_in_the_address(page: Page, hub: FakeHub) -> None:
    hub.publish(
        "logs", log("pool exhausted", "error", fields={"id": "9f2c"}), log("fine"), log("slow", "warning")
    )
    visit(page, hub)
    back(hub, "logs")
    gap = {"from": None, "to": None, "count": 2, "reason": "unnumbered", "epoch": "first"}
    hub.send("logs", {"gap": gap})
    field(page).fill("level>=warning")
    expect(messages(page)).to_have_text(["pool exhausted", "slow"])
    expect(marks(page, ".lost")).to_have_count(1)
    field(page).fill("9F2C")
    expect(messages(page)).to_have_text(["pool exhausted"])
    expect(page).to_have_url(re.compile("q=9F2C"))
    hub.publish("logs", log("passed over"), log("unlike", "error"))
    expect(lines(page)).to_contain_text("5 lines")
    expect(messages(page)).to_have_text(["pool exhausted"])
    page.reload()
    expect(field(page)).to_have_value("9F2C")
    expect(messages(page)).to_have_text(["pool exhausted"])
    field(page).fill("nowhere")
    expect(page.locator(".live .empty")).to_contain_text("0 of 5 lines match.")
    page.get_by_role("button", name="Clear filter").click()
    expect(messages(page)).to_have_text(["pool exhausted", "fine", "slow", "passed over", "unlike"])


def test_what_the_address_asks_for_hides_lines_before_queries_can_be_read(page: Page, hub: FakeHub) -> None:
    held: list[Route] = []
    page.route("**/log/language.js", lambda route: held.append(route))
    hub.publish("logs", log("one", "error"), log("two"))
    visit(page, hub, "#/live?q=level%3Aerror")
    expect(lines(page)).to_contain_text("2 lines")
    expect(messages(page)).to_have_count(0)
    expect(page.locator(".live .empty")).to_be_hidden()
    for route in held:
        route.continue_()
    expect(messages(page)).to_have_text(["one"])


def test_what_the_address_asks_for_and_cannot_be_read_hides_nothing(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two"))
    visit(page, hub, "#/live?q=(one")
    expect(page.locator("#query-problem")).to_contain_text('a ")" is missing here')
    expect(messages(page)).to_have_text(["one", "two"])


def test_what_is_found_is_in_sight_and_marked(page: Page, hub: FakeHub) -> None:
    fields = {f"field{number}": "x" * 20 for number in range(30)} | {"needle": "in a haystack"}
    hub.publish("logs", log("a message", fields=fields), log("needle in the message"))
    visit(page, hub)
    field(page).fill("needle")
    expect(messages(page)).to_have_count(2)
    expect(page.locator(".live .hit:visible")).to_have_count(2)
    for hit in page.locator(".live .hit").all():
        expect(hit).to_be_in_viewport()


def test_a_wrong_query_says_where_and_the_last_one_stays(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one", "error"), log("two"))
    visit(page, hub)
    field(page).fill("level:error")
    expect(messages(page)).to_have_text(["one"])
    field(page).fill('level:error "x')
    expect(page.get_by_role("alert").first).to_contain_text("the closing quote is missing")
    expect(messages(page)).to_have_text(["one"])
    field(page).fill("level:info")
    expect(page.locator(".query-problem")).to_be_hidden()
    expect(messages(page)).to_have_text(["two"])


def test_an_expression_that_takes_too_long_is_given_up_and_said(page: Page, hub: FakeHub) -> None:
    slow = "a" * 28 + "!"  # each further letter doubles how long this takes
    hub.publish("logs", log("one"), log("two"))
    visit(page, hub, "#/live?q=two")
    expect(messages(page)).to_have_text(["two"])
    field(page).fill("/(a+)+$/ two")
    expect(messages(page)).to_have_count(0)
    hub.publish("logs", log(slow))
    problem = page.get_by_role("alert").filter(has_text="takes too long")
    expect(problem).to_be_visible(timeout=60_000)
    expect(messages(page).first).to_have_text("one")
    field(page).fill("two")
    expect(messages(page)).to_have_text(["two"])
    expect(problem).to_be_hidden()
    field(page).fill("/(a+)+$/")
    expect(problem).to_be_visible(timeout=60_000)
    expect(messages(page)).to_have_text(["two"])  # the last query that can be used stays


def test_find_marks_and_hides_nothing_and_reaches_what_is_not_in_the_document(
    page: Page, hub: FakeHub
) -> None:
    hub.publish(
        "logs", *(log("needle" if number in (5, 500) else f"hay {number}") for number in range(1_000))
    )
    visit(page, hub)
    expect(messages(page).last).to_have_text("hay 999")  # it is found from what is in sight on
    expect(messages(page).filter(has_text="needle")).to_have_count(0)
    page.locator("body").press("Control+f")
    expect(field(page)).to_be_focused()
    page.keyboard.type("needle")
    expect(page.locator(".hits")).to_have_text("– of 2")
    page.keyboard.press("Enter")
    expect(page.locator(".live .row.current .message")).to_have_text("needle")
    expect(page.locator(".hits")).to_have_text("1 of 2")
    page.keyboard.press("Enter")
    expect(page.locator(".hits")).to_have_text("2 of 2")
    expect(page.locator(".pause")).to_have_text("Resume")
    expect(messages(page).filter(has_text="hay 499")).to_be_visible()


def test_facets_say_what_there_is_and_filter_by_a_click(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one", "error"), log("two"), log("three", logger="app.http"))
    visit(page, hub)
    expect(facet(page, "info").locator(".number")).to_have_text("2")
    facet(page, "app.db").click()
    expect(messages(page)).to_have_text(["one", "two"])
    expect(field(page)).to_have_value("logger:app.db")
    expect(facet(page, "app.db")).to_have_attribute("aria-pressed", "true")
    facet(page, "error").click(modifiers=["Alt"])
    expect(messages(page)).to_have_text(["two"])
    facet(page, "app.db").click()
    expect(field(page)).to_have_value("-level:error")


def test_a_click_on_a_row_opens_everything_about_it(page: Page, hub: FakeHub) -> None:
    exception = {"type": "TimeoutError", "text": TRACE}
    hub.publish(
        "logs",
        log("failed", "error", exception=exception, fields={"n": 5, "deep": {"er": [1, 2]}}),
        log("other"),
    )
    visit(page, hub)
    messages(page).first.click()
    detail = page.locator(".detail")
    expect(detail).to_contain_text("logs@first:1")
    expect(detail.locator(".tree").first).to_contain_text("er")
    detail.get_by_role("tab", name="Exception").click()
    expect(detail.locator(".block")).to_have_text(TRACE)
    detail.get_by_role("tab", name="Raw").click()
    expect(detail.locator(".block")).to_contain_text('"type": "TimeoutError"')
    detail.get_by_role("tab", name="Context").click()
    expect(detail.locator(".context li")).to_have_count(2)
    detail.get_by_role("tab", name="Fields").click()
    detail.locator(".leaf", has_text="n5").hover()
    detail.get_by_role("button", name="Only lines with this n").click()
    expect(field(page)).to_have_value("n:5")
    expect(messages(page)).to_have_text(["failed"])
    page.keyboard.press("Escape")
    expect(detail).to_be_hidden()


def test_the_exception_of_a_row_is_a_button_in_it(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("failed", "error", exception={"type": "TimeoutError", "text": TRACE}))
    visit(page, hub)
    page.get_by_role("button", name="TimeoutError: TimeoutError: pool").click()
    expect(page.locator(".detail .block")).to_have_text(TRACE)


def test_a_traceback_that_is_too_long_to_show_is_a_file(page: Page, hub: FakeHub) -> None:
    text = "Traceback\n" + "  frame\n" * 40_000 + "TimeoutError: no answer"
    failure = {"type": "TimeoutError", "message": "no answer", "text": text}
    hub.publish("logs", log("failed", "error", exception=failure))
    visit(page, hub)
    rows(page).first.get_by_role("button", name="TimeoutError").click()
    expect(page.locator(".detail")).to_contain_text("more characters: download them")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.path().read_text() == text


def test_numbers_stay_what_they_are(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("big", fields={"id": 1234567890123456789}))
    visit(page, hub)
    expect(rows(page).locator(".fields")).to_contain_text("id=1234567890123456789")
    messages(page).first.click()
    expect(page.locator(".detail .tree")).to_contain_text("1234567890123456789")


def test_the_keyboard_reaches_everything(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two", "error"), log("three"), log("four", "error"))
    visit(page, hub)
    expect(messages(page)).to_have_count(4)
    page.keyboard.press("k")
    current = page.locator(".live .row.current .message")
    expect(page.locator(".pause")).to_have_text("Resume")
    page.keyboard.press("E")
    expect(current).to_have_text("two")
    page.keyboard.press("e")
    expect(current).to_have_text("four")
    page.keyboard.press("ArrowUp")
    expect(current).to_have_text("three")
    page.keyboard.press("Enter")
    expect(page.locator(".detail")).to_contain_text("logs@first:3")
    page.keyboard.press("j")
    expect(page.locator(".detail")).to_contain_text("logs@first:4")
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    expect(page.locator(".pause")).to_have_text("Pause")
    page.keyboard.press("5")
    expect(field(page)).to_have_value("level>=error")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next error")
    page.keyboard.press("Escape")
    facet(page, "error").click()
    page.keyboard.press("/")  # also after a click on a facet
    expect(field(page)).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="What to do")).to_be_focused()
    page.keyboard.type("filter for it")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(field(page)).to_have_value("filter for it")


def test_a_link_leads_to_its_line_wherever_it_is_kept(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"line {number}") for number in range(5_000)))
    visit(page, hub, "#/live?ch=logs&at=first:1001")
    expect(page.locator(".live .row.current .message")).to_have_text("line 1000")
    expect(page.locator(".pause")).to_have_text("Resume")
    expect(page.locator("#completeness")).to_contain_text("2,799 not loaded")
    hub.trim("logs", 4_900)
    page.goto("about:blank")
    visit(page, hub, "#/live?ch=logs&at=first:12")
    expect(page.locator(".note")).to_have_text(
        "This line (number 12) is no longer kept. The oldest kept line is 4,900, from 14 May 14:02."
    )


def test_lines_are_copied_as_they_are_seen(page: Page, hub: FakeHub, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    hub.publish("logs", *(log(f"line {number}", fields={"n": number}) for number in range(300)))
    visit(page, hub)
    expect(messages(page).last).to_have_text("line 299")
    messages(page).last.click()
    expect(page.locator(".detail")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    expect(page.locator(".note")).to_have_text("Line copied")
    copied = "2026-05-14 14:02:11.093  I  app.db  line 299  n=299"
    assert page.evaluate("navigator.clipboard.readText()") == copied
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.count("\n") == 299
    assert text.splitlines()[0].endswith("line 0  n=0")


def test_selected_text_stays_selected_while_lines_stream(
    page: Page, hub: FakeHub, context: BrowserContext
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    hub.publish("logs", *(log(f"line {number}") for number in range(100)))
    visit(page, hub)
    message = messages(page).last
    expect(message).to_have_text("line 99")
    page.evaluate(STILL)
    box = message.bounding_box()
    assert box
    page.mouse.move(box["x"] + 1, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 32, box["y"] + 8, steps=4)
    page.mouse.up()
    expect(page.locator(".pause")).to_have_text("Resume")
    selected = page.evaluate("getSelection().toString()")
    assert selected
    assert selected in "line 99"
    hub.publish("logs", *(log(f"new {number}") for number in range(10_000)))
    expect(page.locator(".newer")).to_have_text("↓ 10,000 new")
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == selected
