"""The Live page: order, cuts and gaps, following and reading, what is kept and what is loaded."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .fake_hub import FakeHub, Stream
from .seeing import at, back, choose, facet, lines, log, marks, messages, rows, scroll, visit

pytestmark = pytest.mark.browser


def test_history_is_shown_and_then_what_is_live_in_order(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["one", "two"])
    hub.publish("logs", log("three"))
    hub.publish("logs", log("four"), log("five"))
    expect(messages(page)).to_have_text(["one", "two", "three", "four", "five"])
    row = rows(page).first
    expect(row.locator(".time")).to_have_text("14:02:11.093")  # in the zone of the reader
    expect(row.locator(".level")).to_have_text("I")
    expect(row.locator(".logger")).to_have_text("app.db")
    expect(row.locator(".channel")).to_be_hidden()  # there is but one
    expect(lines(page)).to_contain_text("5 lines")
    expect(page.locator("#completeness")).to_have_text("✔ nothing missing")


def test_several_histories_are_one_list_by_time(page: Page, hub: FakeHub) -> None:
    hub.publish("a", at(1, "a1"), at(4, "a4"))
    hub.publish("b", at(2, "b2"), at(3, "b3"), at(5, "b5"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["a1", "b2", "b3", "a4", "b5"])
    expect(rows(page).first.locator(".channel")).to_have_text("a")


def test_a_cut_is_resumed_without_a_double_row_and_the_page_says_so(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two"))
    visit(page, hub)
    expect(messages(page)).to_have_count(2)
    hub.cut()
    hub.publish("logs", log("three"), log("four"))
    expect(messages(page)).to_have_text(["one", "two", "three", "four"])
    assert hub.visits[0].query["since"] == "logs@first:2"
    expect(marks(page, ".recovered")).to_have_text(
        re.compile(r"^Back after \d+ s · 2 recovered · 0 missing$")
    )
    above = page.locator(".live .spacer > :visible").nth(3)
    expect(above).to_have_class(re.compile("recovered"))  # between what was there and what was missed
    expect(page.locator("#announcements")).to_have_text(re.compile("0 missing"))
    expect(page.locator("#completeness")).to_have_text("✔ nothing missing")


def test_what_cannot_be_recovered_is_a_row_of_its_own_in_its_place(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(messages(page)).to_have_count(1)
    hub.refuses = True
    hub.cut()
    hub.publish("logs", *(log(f"number {number}") for number in range(2, 8)))
    hub.trim("logs", 6)
    hub.refuses = False
    expect(messages(page)).to_have_text(["one", "number 6", "number 7"])
    expect(marks(page, ".recovered")).to_have_text(
        re.compile(r"^Back after \d+ s · 2 recovered · 4 missing$")
    )
    expect(marks(page, ".lost")).to_have_text("4 lines lost: older than the server keeps")
    expect(page.locator("#completeness")).to_have_text("✖ 4 lost")
    page.locator("#completeness").click()
    expect(page.get_by_role("dialog")).to_contain_text("4 lines lost")


def test_a_stream_that_began_anew_is_not_said_to_be_recovered(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(messages(page)).to_have_count(1)
    hub.streams["logs"] = Stream("second", 1, [(1, log("first of the second"))])
    hub.cut()
    expect(messages(page)).to_have_text(["one", "first of the second"])
    expect(marks(page, ".restart")).to_contain_text("the numbering began anew")
    words = r"^Back after \d+ s · 1 new line of a new life of the channel · what was missed is not known$"
    expect(marks(page, ".recovered")).to_have_text(re.compile(words))
    expect(page.locator("#completeness")).to_have_text("◐ 1 restart")


def test_a_gap_while_live_stands_before_what_follows_it(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    back(hub, "logs")
    hub.send(
        "logs", {"gap": {"from": None, "to": None, "count": 7, "reason": "unnumbered", "epoch": "first"}}
    )
    hub.publish("logs", log("two"))
    expect(page.locator(".live .spacer > :visible").nth(2)).to_contain_text("7 lines lost")
    expect(messages(page)).to_have_text(["one", "two"])


def test_much_that_was_missed_is_behind_a_gap_that_can_be_loaded(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(messages(page)).to_have_count(1)
    hub.refuses = True
    hub.cut()
    hub.publish("logs", *(log(f"number {number}") for number in range(2, 25_003)))
    hub.refuses = False
    expect(messages(page).last).to_have_text("number 25002")
    expect(page.locator("#completeness")).to_have_text("◐ 20,001 not loaded")
    page.keyboard.press("g")
    unloaded = marks(page, ".unloaded")
    expect(unloaded).to_contain_text("20,001 lines not loaded (still on the server)")
    unloaded.get_by_role("button", name="Load").click()
    expect(page.locator("#completeness")).to_have_text("✔ nothing missing", timeout=60_000)
    expect(lines(page)).to_contain_text("25,002 lines")
    texts = messages(page).all_inner_texts()
    assert texts[:4] == ["one", "number 2", "number 3", "number 4"]


def test_what_is_being_read_does_not_move(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"old {number}") for number in range(200)))
    visit(page, hub)
    expect(messages(page).last).to_be_in_viewport()
    scroll(page, -900)
    expect(page.locator(".newer")).to_have_text("↓ Newest")
    watched = messages(page).nth(12)
    text, place = watched.inner_text(), watched.bounding_box()
    hub.publish(
        "logs", *(log(f"new {number}", "error" if number < 2 else "info") for number in range(10_000))
    )
    expect(page.locator(".newer")).to_have_text("↓ 10,000 new · 2 errors")
    assert (watched.inner_text(), watched.bounding_box()) == (text, place)
    page.locator(".newer").click()
    expect(messages(page).last).to_have_text("new 9999")
    expect(messages(page).last).to_be_in_viewport(ratio=1)
    hub.publish("logs", log("newest"))
    expect(messages(page).last).to_have_text("newest")
    expect(messages(page).last).to_be_in_viewport(ratio=1)


def test_it_does_not_move_either_when_rows_come_and_go_above_it(page: Page, hub: FakeHub) -> None:
    hub.publish("a", *(at(9, f"a {number}") for number in range(200)))
    hub.publish("b", *(at(3, f"b {number}") for number in range(200)))
    visit(page, hub, "#/live?ch=a")
    expect(lines(page)).to_contain_text("200 lines")
    scroll(page, -900)
    watched = messages(page).filter(has_text="a 140")
    expect(watched).to_be_visible()
    place = watched.bounding_box()
    assert place
    facet(page, "b").click()
    expect(lines(page)).to_contain_text("400 lines")
    expect(rows(page).first.locator(".channel")).to_be_visible()
    after = watched.bounding_box()
    assert after
    assert after["y"] == place["y"]
    facet(page, "b").click()
    page.keyboard.press("g")
    expect(messages(page).first).to_have_text("a 0")  # those of b are hidden again


def test_the_first_and_the_last_row_in_sight_are_whole(page: Page, hub: FakeHub) -> None:
    for height in (700, 707, 713):
        page.set_viewport_size({"width": 1100, "height": height})
        hub.publish("logs", *(log(f"{height} {number}") for number in range(100)))
        visit(page, hub)
        expect(messages(page).last).to_have_text(f"{height} 99")
        box = page.locator(".live .scroller").bounding_box()
        assert box
        tops = [row.bounding_box() for row in rows(page).all()]
        cut = [top for top in tops if top and top["y"] < box["y"] < top["y"] + top["height"]]
        assert cut == []
        last = tops[-1]
        assert last
        assert last["y"] + last["height"] <= box["y"] + box["height"]


def test_scrolling_to_the_end_by_hand_follows_again(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"old {number}") for number in range(200)))
    visit(page, hub)
    expect(messages(page).last).to_be_in_viewport()
    scroll(page, -300)
    expect(page.locator(".newer")).to_be_visible()
    scroll(page, 600)
    expect(page.locator(".newer")).to_be_hidden()
    hub.publish("logs", log("newest"))
    expect(messages(page).last).to_have_text("newest")


@pytest.mark.parametrize("api", [200, 401], ids=["through the API", "where the API is refused"])
def test_scrolling_up_loads_all_that_is_kept(page: Page, hub: FakeHub, api: int) -> None:
    hub.api_status = api
    hub.publish("logs", *(log(f"line {number}") for number in range(3_500)))
    visit(page, hub, "#/live?ch=logs")
    expect(lines(page)).to_contain_text("1,000 lines")
    for loaded in ("2,000", "3,000", "3,500"):
        page.locator("body").press("g")
        expect(lines(page)).to_contain_text(f"{loaded} lines")
    page.keyboard.press("g")
    expect(marks(page, ".top")).to_have_text("Start of history: 14 May 14:02")
    expect(messages(page).first).to_have_text("line 0")
    page.keyboard.press("End")
    expect(messages(page).last).to_have_text("line 3499")


def test_what_is_older_than_the_page_is_searched_on_the_server(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log("needle" if number == 7 else f"hay {number}") for number in range(4_000)))
    visit(page, hub, "#/live?q=needle")
    empty = page.locator(".live .empty")
    expect(empty).to_contain_text("0 of 1,000 lines match.")
    empty.get_by_role("button", name="Search older lines on the server").click()
    found = page.get_by_role("complementary", name="Found on the server")
    expect(found.get_by_role("status")).to_have_text("1 line found, all 4,000 lines looked through.")
    expect(found.locator(".hit")).to_have_text(["needle"])
    found.get_by_role("listitem").get_by_role("button").click()
    expect(messages(page)).to_have_text(["needle"])
    expect(page.locator(".live .row.current .message")).to_have_text("needle")


def test_the_oldest_rows_leave_and_are_counted(page: Page, hub: FakeHub) -> None:
    page.add_init_script("localStorage.setItem('gapless.settings', '{\"maxRows\": 20000}')")
    visit_rows = [log(f"old {number}") for number in range(1_000)]
    hub.publish("logs", *visit_rows)
    visit(page, hub)
    for start in range(0, 30_000, 5_000):
        hub.publish("logs", *(log(f"new {start + number}") for number in range(5_000)))
    expect(messages(page).last).to_have_text("new 29999")
    expect(messages(page).last).to_be_in_viewport(ratio=1)
    page.locator("#held").click()
    expect(page.get_by_role("dialog")).to_contain_text(re.compile(r"1\d,\d{3} older lines left this page"))


def test_the_view_is_cleared_and_that_is_undone(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["one"])
    choose(page, "Clear the view")
    expect(messages(page)).to_have_count(0)
    hub.publish("logs", log("two"))
    expect(messages(page)).to_have_text(["two"])
    expect(marks(page, ".cleared")).to_contain_text("you cleared the view here (1 line)")
    marks(page, ".cleared").get_by_role("button", name="Undo").click()
    expect(messages(page)).to_have_text(["one", "two"])


def test_a_channel_is_switched_off_and_on_again_without_losing_anything(page: Page, hub: FakeHub) -> None:
    hub.publish("a", at(1, "a1"))
    hub.publish("b", at(2, "b2"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["a1", "b2"])
    facet(page, "a").first.click()
    expect(messages(page)).to_have_text(["b2"])
    expect(page).to_have_url(re.compile("ch=b"))
    hub.publish("a", at(3, "a3"))
    facet(page, "a").first.click()
    expect(messages(page)).to_have_text(["a1", "b2", "a3"])


def test_channels_that_the_address_names_are_on_and_the_others_wait(page: Page, hub: FakeHub) -> None:
    hub.publish("a", log("of a"))
    hub.publish("b", log("of b"))
    visit(page, hub, "?channel=b")
    expect(messages(page)).to_have_text(["of b"])
    facet(page, "a").first.click()
    expect(messages(page)).to_have_count(2)


def test_a_reload_resumes_the_view_and_says_what_is_new(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one", "error"), log("two"))
    visit(page, hub, "#/live?q=level%3E%3Derror")
    expect(messages(page)).to_have_text(["one"])
    page.goto("about:blank")
    hub.publish("logs", log("three", "error"))
    page.goto(hub.url + "#/live?q=level%3E%3Derror")
    expect(messages(page)).to_have_text(["one", "three"])
    expect(marks(page, ".fresh")).to_have_text("new since you left")
