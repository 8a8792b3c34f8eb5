"""How lines are looked at: folded, in columns, marked, by fields, and views that are kept."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from .fake_hub import FakeHub
from .seeing import choose, facet, field, log, marks, messages, rows, visit

pytestmark = pytest.mark.browser


def test_repeated_lines_fold_and_unfold_and_count_as_what_they_are(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"job {number} done") for number in range(40)), log("something else"))
    visit(page, hub)
    expect(messages(page).last).to_have_text("something else")
    page.locator("body").press("o")
    expect(messages(page)).to_have_text(["job 0 done", "something else"])
    times = rows(page).first.locator(".times")
    expect(times).to_have_text("×40")
    hub.publish("logs", *(log(f"other {number}") for number in range(3)))
    expect(rows(page).last.locator(".times")).to_have_text("×3")
    expect(page.locator("#held")).to_contain_text("44 lines")
    times.click()
    expect(messages(page).nth(1)).to_have_text("job 1 done")
    times.click()
    expect(messages(page)).to_have_count(3)
    page.keyboard.press("o")
    expect(times).to_be_hidden()


def test_folded_lines_wrap_without_a_hole_or_an_overlap(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"{'word ' * (at // 3)} {at}") for at in range(150)), log("last"))
    visit(page, hub)
    page.locator("body").press("o")
    page.keyboard.press("l")
    expect(page.locator(".panel.wrapped")).to_be_visible()
    expect(messages(page).last).to_have_text("last")
    overflowing = page.locator(".live .row:visible").evaluate_all(
        "(rows) => rows.filter((row) => row.scrollHeight > row.clientHeight + 1).length"
    )
    assert overflowing == 0


def test_what_goes_on_is_one_line_that_says_how_far_it_is(page: Page, hub: FakeHub) -> None:
    state = {"time": "2026-05-14T12:00:00Z", "progress": True}
    visit(page, hub, "#/live?ch=out")
    for share in (10, 50, 90):
        hub.publish("out", {**state, "message": f"{share} %"})
    expect(messages(page)).to_have_text(["90 %"])
    hub.publish("out", {"message": "done"})
    hub.publish("out", {**state, "message": "5 % of the next"})
    expect(messages(page)).to_have_text(["90 %", "done", "5 % of the next"])
    expect(page.locator("#completeness")).to_have_text("✔ nothing missing")


def test_fields_become_columns_that_move_and_are_in_the_address(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"line {at}", fields={"ms": at, "user": f"u{at}"}) for at in range(3)))
    visit(page, hub)
    messages(page).first.click()
    for name in ("ms", "user"):
        page.locator(".leaf", has_text=name).hover()
        page.get_by_role("button", name=f"Column for {name}").click()
    page.keyboard.press("Escape")
    heads = page.locator(".heads .head")
    expect(heads).to_have_text(["ms", "user"])
    expect(page).to_have_url(re.compile("col=ms&col=user"))
    cells = rows(page).nth(1).locator(".cell")
    expect(cells).to_have_text(["1", "u1"])
    expect(rows(page).nth(1).locator(".fields")).to_have_text("")
    for head, cell in zip(heads.all(), cells.all(), strict=True):
        above, below = head.bounding_box(), cell.bounding_box()
        assert above
        assert below
        assert abs(above["x"] - below["x"]) < 2
    heads.last.click()
    page.get_by_role("menuitem", name="Move left").click()
    expect(heads).to_have_text(["user", "ms"])
    heads.first.click()
    page.get_by_role("menuitem", name="Wider").click()
    expect(page).to_have_url(re.compile("col=user%3A16&col=ms"))
    page.reload()
    expect(heads).to_have_text(["user", "ms"])
    heads.first.click()
    page.get_by_role("menuitem", name="Remove the column").click()
    expect(heads).to_have_text(["ms"])


def test_a_facet_that_is_asked_for_before_there_are_any_comes_with_them(page: Page, hub: FakeHub) -> None:
    held: list[Route] = []
    page.route("**/live-around.js", lambda route: held.append(route))
    hub.publish("logs", log("one", fields={"region": "eu"}))
    visit(page, hub)
    messages(page).first.click()
    page.locator(".leaf", has_text="region").hover()
    page.get_by_role("button", name="Facet for region").click()
    for route in held:
        route.continue_()
    expect(page).to_have_url(re.compile("facet=region"))
    expect(facet(page, "eu").locator(".number")).to_have_text("1")


def test_a_field_becomes_a_facet(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"line {at}", fields={"region": "eu" if at % 3 else "us"}) for at in range(9)))
    visit(page, hub)
    messages(page).first.click()
    page.locator(".leaf", has_text="region").hover()
    page.get_by_role("button", name="Facet for region").click()
    expect(page).to_have_url(re.compile("facet=region"))
    expect(facet(page, "eu").locator(".number")).to_have_text("6")
    facet(page, "us").click()
    expect(field(page)).to_have_value("region:us")
    expect(messages(page)).to_have_text(["line 0", "line 3", "line 6"])
    page.get_by_role("button", name="Remove the facet of region").click()
    expect(facet(page, "eu")).to_have_count(0)


def test_what_is_looked_for_stays_marked_in_its_colour(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one alpha"), log("two beta"))
    visit(page, hub)
    page.locator("body").press("Control+f")
    page.keyboard.type("alp")
    expect(page.locator(".hits")).to_have_text("– of 1")
    page.keyboard.type("ha")  # with no time to be applied before something is done elsewhere
    page.locator(".live .scroller").press("h")
    expect(page.locator(".note")).to_have_text("Stays marked: alpha")
    page.keyboard.press("Control+f")
    page.keyboard.type("beta")
    expect(page.locator(".live .row:visible .hit")).to_have_text(["alpha", "beta"])
    grounds = page.locator(".live .row:visible .hit").evaluate_all(
        "(hits) => hits.map((hit) => getComputedStyle(hit).backgroundColor)"
    )
    assert len(set(grounds)) == 2


def test_a_bookmark_is_seen_and_found_again(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"line {at}") for at in range(10)))
    visit(page, hub)
    messages(page).nth(3).click()
    expect(page.locator(".detail")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    expect(rows(page).nth(3)).to_have_class(re.compile("bookmarked"))
    page.keyboard.press("End")
    page.keyboard.press("U")
    expect(page.locator(".live .row.current .message")).to_have_text("line 3")


def test_where_a_day_begins_a_line_says_so(page: Page, hub: FakeHub) -> None:
    hub.publish(
        "logs",
        {"time": "2026-05-13T21:59:00Z", "message": "before"},
        {"time": "2026-05-13T22:01:00Z", "message": "after"},
        {"time": "2026-05-13T22:02:00Z", "message": "same"},
    )
    visit(page, hub)
    expect(rows(page)).to_have_count(3)
    days = rows(page).evaluate_all("(rows) => rows.map((row) => row.dataset.day ?? '')")
    assert days == ["", "2026-05-14", ""]  # midnight where the reader is


FOLDED = """async () => {
  const isFolded = () => JSON.parse(localStorage.getItem("gapless.settings") ?? "{}").fold;
  while (!isFolded()) await new Promise(requestAnimationFrame);
}"""


def test_a_view_is_kept_under_a_name_with_its_look(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one", "error"), log("two"))
    visit(page, hub)
    field(page).fill("level:error")
    page.locator(".live .scroller").press("o")
    page.evaluate(FOLDED)  # the keys may have yet to come
    choose(page, "Save this view…")
    page.get_by_label("Name").fill("Just errors")
    page.keyboard.press("Enter")
    expect(page.locator(".note").last).to_have_text("Saved: Just errors")
    page.locator("body").press("o")
    field(page).fill("")
    expect(messages(page)).to_have_text(["one", "two"])
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="What to do")).to_be_focused()
    page.keyboard.type("just errors")
    page.keyboard.press("Enter")
    expect(messages(page)).to_have_text(["one"])
    assert page.evaluate("JSON.parse(localStorage.getItem('gapless.settings')).fold") is True
    expect(page).not_to_have_url(re.compile("fold="))
    choose(page, "Saved views…")
    page.get_by_role("button", name="Remove Just errors").click()
    expect(page.get_by_role("dialog")).to_contain_text("None was saved yet.")


def test_a_link_leads_to_several_lines(page: Page, hub: FakeHub, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    hub.publish("logs", *(log(f"line {at}") for at in range(20)))
    visit(page, hub)
    messages(page).nth(4).click()
    expect(page.locator(".detail")).to_be_visible()
    page.keyboard.press("Escape")
    messages(page).nth(7).click(modifiers=["Shift"])
    page.keyboard.press("Y")
    expect(page.locator(".note").last).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.endswith("at=first%3A5-8")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".live .row.chosen .message")).to_have_text([f"line {at}" for at in range(4, 8)])


def test_settings_hold_at_once_and_a_time_is_gone_to(page: Page, hub: FakeHub) -> None:
    hub.publish(
        "logs", *({"time": f"2026-05-14T12:{at:02}:00Z", "message": f"line {at}"} for at in range(60))
    )
    visit(page, hub)
    expect(messages(page).last).to_have_text("line 59")
    choose(page, "Settings")
    page.get_by_label("Wrap long lines").check()
    expect(page.locator(".panel.wrapped")).to_be_attached()
    page.keyboard.press("Escape")
    choose(page, "Go to a time…")
    page.get_by_label("Time", exact=True).fill("2026-05-14 14:07")
    page.keyboard.press("Enter")
    expect(page.locator(".live .row.current .message")).to_have_text("line 7")


def test_a_zone_is_chosen_for_all_times(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(rows(page).first.locator(".time")).to_have_text("14:02:11.093")
    choose(page, "Settings")
    page.get_by_label("Zone of these").select_option("Asia/Tokyo")
    page.keyboard.press("Escape")
    expect(rows(page).first.locator(".time")).to_have_text("21:02:11.093")
    expect(page.locator("#zone")).to_have_text("Tokyo, UTC+9")
    page.reload()
    expect(rows(page).first.locator(".time")).to_have_text("21:02:11.093")


def test_a_time_is_gone_to_without_all_that_lies_between(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"line {number}") for number in range(9_000)))
    hub.answers_api["seek"] = {"offset": 500, "epoch": "first"}
    visit(page, hub, "#/live?ch=logs")
    expect(page.locator("#held")).to_contain_text("1,000 lines")
    choose(page, "Go to a time…")
    page.get_by_label("Time", exact=True).fill("2026-01-14 09:00")
    page.keyboard.press("Enter")
    expect(page.locator(".live .row.current .message")).to_have_text("line 500")
    expect(page.locator("#held")).to_contain_text("1,401 lines")
    expect(marks(page, ".unloaded")).to_have_count(0)  # it is below, out of sight
    expect(page.locator("#completeness")).to_have_text(re.compile("not loaded"))


def test_the_histogram_is_a_table_too(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one", "error"), log("two"), log("three"))
    visit(page, hub)
    expect(messages(page)).to_have_count(3)
    page.get_by_role("button", name="Lines by time as a table").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("columnheader")).to_have_text(["From", "error", "info"])
    expect(dialog.get_by_role("cell")).to_have_text(["1", "2"])
    dialog.get_by_role("button", name="2026-05-14").click()
    expect(page.locator(".live .row.current .message")).to_have_text("one")


def test_dragging_over_the_histogram_chooses_a_range_and_a_double_click_lets_it_go(
    page: Page, hub: FakeHub
) -> None:
    stamps = [f"2026-05-14T12:00:{second:02}Z" for second in range(60)]
    hub.publish("logs", *({"time": stamp, "message": stamp[17:19]} for stamp in stamps))
    visit(page, hub)
    expect(messages(page).last).to_have_text("59")
    box = page.locator(".chart-canvas").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=4)
    page.mouse.up()
    expect(field(page)).to_have_value(re.compile("^after:.* before:.*$"))
    expect(page.locator(".pause")).to_have_text("Resume")
    expect(messages(page).last).to_have_text(re.compile("^(2|3)"))
    page.mouse.dblclick(box["x"] + box["width"] * 0.3, middle)
    expect(field(page)).to_have_value("")


def test_a_feeder_that_dropped_lines_says_so_in_its_place(page: Page, hub: FakeHub) -> None:
    gap = {"kind": "feeder_gap", "count": 87, "by_level": {"debug": 87}, "message": "87 dropped"}
    hub.publish("logs", log("one"), gap, log("two"))
    visit(page, hub)
    expect(marks(page, ".feeder")).to_contain_text("87 lines dropped before they reached the hub (debug 87)")
    expect(page.locator("#completeness")).to_contain_text("87 lost")


def test_a_key_waits_for_what_it_does(page: Page, hub: FakeHub) -> None:
    held: list[Route] = []
    page.route("**/live-rest.js", lambda route: held.append(route))
    hub.publish("logs", *(log(f"job {number} done") for number in range(9)), log("something else"))
    with page.expect_request("**/live-rest.js"):
        visit(page, hub)
    expect(messages(page)).to_have_count(10)
    page.locator("body").press("o")
    page.locator("body").press("q")
    expect(messages(page)).to_have_count(10)
    for route in held:
        route.continue_()
    expect(messages(page)).to_have_text(["job 0 done", "something else"])


def test_a_second_find_within_the_field_is_the_browsers(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    page.evaluate("""() => {
      window.taken = [];
      addEventListener("keydown", (event) => event.key === "f" && taken.push(event.defaultPrevented));
    }""")
    page.locator("body").press("Control+f")
    expect(field(page)).to_be_focused()
    page.keyboard.press("Control+f")
    assert page.evaluate("taken") == [True, False]


def test_escape_closes_what_lies_over_the_page_and_then_what_is_open_in_it(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    messages(page).first.click()
    expect(page.locator(".detail")).to_be_visible()
    page.locator("#connection").click()
    expect(page.get_by_role("dialog", name="Connection")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Connection")).to_have_count(0)
    expect(page.locator("#connection")).to_be_focused()
    expect(page.locator(".detail")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".detail")).to_be_hidden()
