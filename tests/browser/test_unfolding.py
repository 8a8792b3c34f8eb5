"""Objects in a row: folded beside its message, unfolded where they stand; values coloured by their type."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Locator, Page, expect

from .fake_hub import FakeHub
from .seeing import choose, log, messages, rows, scroll, visit

pytestmark = pytest.mark.browser

REQUEST = {"id": "r1", "headers": {"host": "a.example", "accept": ["json", "html"]}, "bytes": 512}


def unfolders(row: Locator) -> Locator:
    return row.locator(".fields").get_by_role("button")


def below(row: Locator) -> Locator:
    """The lines of what is unfolded in it."""
    return row.locator(".unfolded > div")


def assert_rows_touch(page: Page) -> None:
    """Neither a hole between two rows nor one over the other, whatever their heights."""
    boxes = [box for row in rows(page).all() if (box := row.bounding_box())]
    assert len(boxes) > 2
    for above, beneath in itertools.pairwise(boxes):
        assert abs(above["y"] + above["height"] - beneath["y"]) < 1


def test_an_object_unfolds_where_it_stands(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"job {number}", fields={"request": REQUEST, "ms": 5}) for number in range(9)))
    visit(page, hub)
    expect(messages(page)).to_have_count(9)
    row = rows(page).nth(3)
    expect(unfolders(row)).to_have_text(
        ['▸ {"id":"r1","headers":{"host":"a.example","accept":["json","html"]},"bytes":512}']
    )
    expect(unfolders(row)).to_have_attribute("aria-expanded", "false")
    before = row.bounding_box()
    unfolders(row).click()
    expect(below(row)).to_have_text(
        ["▾ request: {3}", "id: r1", '▸ headers: {"host":"a.example","accept":["json","html"]}', "bytes: 512"]
    )
    expect(unfolders(row)).to_have_text(["▾ {3}"])
    expect(page.locator(".detail")).to_have_count(0)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    after = row.bounding_box()
    assert before is not None
    assert after is not None
    assert (after["y"], after["height"]) == (before["y"], before["height"] + 4 * 20)
    assert_rows_touch(page)
    below(row).get_by_role("button", name="headers").click()
    expect(below(row)).to_have_count(6)
    assert_rows_touch(page)
    below(row).get_by_role("button", name="request").click()
    expect(below(row)).to_have_count(0)
    assert row.bounding_box() == before


def test_keys_unfold_the_current_line_level_by_level(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"job {number}", fields={"request": REQUEST}) for number in range(60)))
    visit(page, hub)
    expect(messages(page).last).to_have_text("job 59")
    page.keyboard.press("k")
    row = page.locator(".live .row.current")
    expect(row.locator(".message")).to_have_text("job 59")
    page.keyboard.press("ArrowRight")
    expect(below(row)).to_have_count(4)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(below(row)).to_have_count(8)
    expect(below(row).last).to_be_in_viewport(ratio=1)
    page.keyboard.press("ArrowRight")
    expect(below(row)).to_have_count(8)
    page.keyboard.press("ArrowLeft")
    expect(below(row)).to_have_count(6)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(below(row)).to_have_count(0)


def test_what_is_unfolded_stays_so_while_lines_come_and_go_out_of_sight(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"job {number}", fields={"request": REQUEST}) for number in range(400)))
    visit(page, hub)
    expect(messages(page).last).to_have_text("job 399")
    scroll(page, -3_000)
    row = rows(page).nth(10)
    name = row.locator(".message").inner_text()
    row = page.locator(".live .row:visible", has=page.get_by_text(name, exact=True))
    unfolders(row).click()
    expect(below(row)).to_have_count(4)
    before = row.bounding_box()
    hub.publish("logs", *(log(f"more {number}", fields={"request": REQUEST}) for number in range(400)))
    expect(page.locator("button.newer")).to_have_text("↓ 400 new")
    assert row.bounding_box() == before
    assert_rows_touch(page)
    scroll(page, 6_000)
    expect(row).to_have_count(0)
    expect(page.locator(".live .unfolded > div:visible")).to_have_count(0)
    assert_rows_touch(page)
    scroll(page, -6_000)
    expect(below(row)).to_have_count(4)
    assert_rows_touch(page)
    page.keyboard.press("End")
    expect(messages(page).last).to_have_text("more 399")
    expect(rows(page).last).to_be_in_viewport(ratio=1)


def test_a_line_that_goes_on_stays_unfolded(page: Page, hub: FakeHub) -> None:
    def state(done: int, **more: int) -> dict[str, object]:
        return {"progress": True, "message": f"{done} %", "fields": {"parts": {"done": done, **more}}}

    hub.publish("logs", "above", state(10))
    visit(page, hub)
    row = rows(page).last
    unfolders(row).click()
    expect(below(row)).to_have_text(["▾ parts: {1}", "done: 10"])
    hub.publish("logs", state(20, failed=1))
    expect(messages(page)).to_have_text(["above", "20 %"])
    expect(below(row)).to_have_text(["▾ parts: {2}", "done: 20", "failed: 1"])
    box = row.bounding_box()
    assert box is not None
    assert box["height"] == 80


def test_what_is_nothing_but_an_object_unfolds_as_a_whole(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", {"a": {"b": [1]}, "d": "text"}, [1, {"e": None}], "no object", 5)
    visit(page, hub)
    expect(rows(page)).to_have_count(4)
    expect(page.locator(".live .row:visible .whole:visible")).to_have_count(2)
    rows(page).first.locator(".whole").click()
    expect(below(rows(page).first)).to_have_text(['▸ a: {"b":[1]}', "d: text"])
    rows(page).nth(1).locator(".whole").click()
    expect(below(rows(page).nth(1))).to_have_text(["0: 1", '▸ 1: {"e":null}'])
    assert_rows_touch(page)


def test_what_is_too_much_for_a_row_leads_to_the_details(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("many", fields={"all": {f"key{number}": number for number in range(300)}}))
    visit(page, hub)
    unfolders(rows(page)).click()
    expect(below(rows(page))).to_have_count(102)
    below(rows(page)).get_by_role("button", name="+200 more").click()
    expect(page.get_by_role("tab", name="Fields")).to_have_attribute("aria-selected", "true")
    page.locator(".detail .tree summary").click()
    expect(page.locator(".detail .tree").first).to_contain_text("key199")


@pytest.mark.parametrize("wrap", [False, True])
def test_a_wrapped_row_is_as_high_as_what_is_in_it(page: Page, hub: FakeHub, wrap: bool) -> None:
    hub.publish(
        "logs", *(log("word " * (number * 17 % 60), fields={"request": REQUEST}) for number in range(12))
    )
    visit(page, hub)
    if wrap:
        page.keyboard.press("l")
        expect(page.locator(".panel.wrapped")).to_be_visible()
    row = page.locator('.live .row[data-key="5"]')
    unfolders(row).click()
    expect(below(row)).to_have_count(4)
    assert_rows_touch(page)
    overlap = row.evaluate(
        "(row) => row.querySelector('.fields').getBoundingClientRect().bottom"
        " - row.querySelector('.unfolded').getBoundingClientRect().top"
    )
    assert overlap <= 2


def test_values_have_the_colours_of_their_types(page: Page, hub: FakeHub) -> None:
    values = {"text": "eu", "number": 5, "big": 1, "yes": True, "nothing": None, "list": []}
    hub.publish("logs", log("one", fields=values))
    visit(page, hub)
    shown = rows(page).locator(".fields .value")
    expect(shown).to_have_text(["eu", "5", "1", "true", "null", "[]"])
    [text, number, big, yes, nothing, other] = shown.evaluate_all(
        "(values) => values.map((value) => getComputedStyle(value).color)"
    )
    assert number == big
    assert yes == nothing
    assert len({text, number, yes, other}) == 4
    hub.publish("logs", *(log("more", fields={"n": str(at) if at % 2 else at}) for at in range(200)))
    expect(shown.last).to_have_text("199")
    classes = shown.evaluate_all("(values) => values.slice(-4).map((value) => value.className)")
    assert classes == ["value number", "value string"] * 2, "rows are filled anew where they stand"


def test_a_small_screen_shows_fields_below_the_message_unless_they_are_off(page: Page, hub: FakeHub) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    hub.publish(
        "logs", log("none"), *(log(f"job {at}", fields={"ms": at, "request": REQUEST}) for at in range(40))
    )
    visit(page, hub)
    last = rows(page).last
    expect(last.locator(".fields .value").first).to_have_text("39")
    expect(last.locator(".fields")).to_be_in_viewport(ratio=1)
    high = last.bounding_box()
    unfolders(last).click()
    expect(below(last)).to_have_count(4)
    assert_rows_touch(page)
    unfolders(last).click()
    choose(page, "Fields in the lines")
    expect(last.locator(".fields")).to_be_hidden()
    low = rows(page).last.bounding_box()
    assert high is not None
    assert low is not None
    assert high["height"] - low["height"] == 18
    page.keyboard.press("g")
    expect(messages(page).first).to_have_text("none")
    choose(page, "Fields in the lines")
    expect(rows(page).nth(1).locator(".fields")).to_be_visible()
    first, second = rows(page).first.bounding_box(), rows(page).nth(1).bounding_box()
    assert first is not None
    assert second is not None
    assert second["height"] - first["height"] == 18, "a line without fields leaves no empty line"
