"""Lines by the times that they tell, while what is read stands still."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from .fake_hub import FakeHub
from .seeing import at, choose, field, marks, messages, rows, scroll, visit

pytestmark = pytest.mark.browser

ARRIVED = [at(5, "five"), at(1, "one"), at(4, "four"), at(2, "two")]


def test_lines_stand_by_their_times_until_they_are_followed_again(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *ARRIVED)
    visit(page, hub)
    expect(messages(page)).to_have_text(["five", "one", "four", "two"])
    choose(page, "Order as they arrived")
    expect(messages(page)).to_have_text(["one", "two", "four", "five"])
    expect(page.locator(".pause")).to_have_text("Resume")
    hub.publish("logs", at(3, "three"))
    expect(messages(page)).to_have_text(["one", "two", "four", "five", "three"])
    choose(page, "Order by time")
    expect(messages(page)).to_have_text(["five", "one", "four", "two", "three"])
    choose(page, "Order as they arrived")
    expect(messages(page)).to_have_text(["one", "two", "three", "four", "five"])
    page.keyboard.press("End")
    expect(messages(page)).to_have_text(["five", "one", "four", "two", "three"])
    expect(page.locator(".pause")).to_have_text("Pause")


def test_the_way_through_lines_by_time_is_the_one_that_is_seen(
    page: Page, hub: FakeHub, context: BrowserContext
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    hub.publish("logs", *ARRIVED)
    visit(page, hub, "#/live?ch=logs")
    choose(page, "Order as they arrived")
    expect(messages(page)).to_have_text(["one", "two", "four", "five"])
    messages(page).nth(1).click()
    expect(page.locator(".detail")).to_be_visible()
    page.keyboard.press("Escape")
    current = page.locator(".live .row.current .message")
    page.keyboard.press("ArrowDown")
    expect(current).to_have_text("four")
    page.keyboard.press("Shift+ArrowDown")
    chosen = page.locator(".live .row.chosen .message")
    expect(chosen).to_have_text(["four", "five"])
    page.keyboard.press("Control+c")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert [line.split()[-1] for line in copied] == ["four", "five"]
    page.keyboard.press("Control+f")
    field(page).fill("/^(one|two|four)$/")
    for found in ("one", "two", "four", "one"):
        page.keyboard.press("Enter")
        expect(current).to_have_text(found)
    messages(page).nth(2).click()
    page.keyboard.press("Escape")
    messages(page).nth(3).click(modifiers=["Shift"])
    page.keyboard.press("Y")
    expect(page.locator(".note").last).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith("at=first%3A1-3")


def test_a_gap_and_what_is_read_keep_their_places(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(at(30 + number * 7 % 25, f"late {number}") for number in range(400)))
    visit(page, hub)
    expect(messages(page).last).to_have_text("late 399")
    hub.streams["logs"].head = 410
    hub.publish("logs", *(at(number * 3 % 20, f"early {number}") for number in range(100)))
    expect(messages(page).last).to_have_text("early 99")
    scroll(page, -4_003)
    window = page.locator(".live .scroller").bounding_box()
    assert window is not None
    boxes = [(row, row.bounding_box()) for row in rows(page).all()]
    [key] = [
        row.get_attribute("data-key")
        for row, box in boxes
        if box is not None and box["y"] <= window["y"] < box["y"] + box["height"]
    ]
    first = page.locator(f'.live .row[data-key="{key}"]')
    before = first.bounding_box()
    choose(page, "Order as they arrived")
    times = page.locator(".live .row:visible .time")
    expect(times.first).not_to_have_text(times.last.inner_text())
    shown = times.all_inner_texts()
    assert shown == sorted(shown)
    assert first.bounding_box() == before
    page.keyboard.press("g")
    expect(messages(page).first).to_have_text("early 0")
    expect(page.locator(".live .mark-row.lost + .row .message")).to_have_text("early 0")
    expect(marks(page, ".lost")).to_contain_text("10 lines lost")
    page.keyboard.press("End")
    expect(messages(page).last).to_have_text("early 99")
    expect(page.locator("#completeness")).to_have_text("✖ 10 lost")
