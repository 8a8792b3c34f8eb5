"""Searching in all that the server keeps: by its index, page by page, stopped, gone on with."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from .fake_hub import FakeHub
from .seeing import field, log, messages, visit

pytestmark = pytest.mark.browser


def found(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Found on the server")


def words(page: Page) -> Locator:
    return found(page).get_by_role("status")


def hits(page: Page) -> Locator:
    return found(page).get_by_role("listitem")


def hay(needles: set[int], count: int) -> list[object]:
    return [log(f"needle {at}" if at in needles else f"hay {at}") for at in range(count)]


def test_an_index_is_asked_where_there_is_one(page: Page, hub: FakeHub) -> None:
    hub.searches = True
    hub.publish("logs", *hay({7, 1_500, 2_990}, 3_000))
    visit(page, hub, "#/live?q=needle")
    expect(messages(page)).to_have_text(["needle 2990"])
    page.locator(".live .scroller").press("s")
    expect(words(page)).to_have_text(
        "3 lines found, all 3,000 lines looked through. Words are found by how they begin."
    )
    expect(hits(page)).to_contain_text(["needle 2990", "needle 1500", "needle 7"])
    assert "history" not in hub.calls
    hits(page).nth(1).get_by_role("button").click()
    expect(page.locator(".live .row.current .message")).to_have_text("needle 1500")
    page.keyboard.press("Escape")
    expect(found(page)).to_be_hidden()
    assert page.locator(".live .scroller").evaluate("(element) => document.activeElement === element")


def test_what_stands_within_words_is_found_by_reading_everything(page: Page, hub: FakeHub) -> None:
    hub.searches = True
    hub.publish("logs", *hay({7}, 3_000))
    visit(page, hub, "#/live?q=eedle")
    page.locator(".live .scroller").press("s")
    page.get_by_role("button", name="Look inside words, too").click()
    expect(words(page)).to_have_text("1 line found, all 3,000 lines looked through.")
    assert hub.calls.count("history") == 3


def test_a_search_rests_when_there_is_enough_and_goes_on(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *hay(set(range(0, 6_000, 2)), 6_000))
    visit(page, hub, "#/live?q=needle")
    page.locator(".live .scroller").press("s")
    expect(words(page)).to_have_text("500 lines found, 1,000 of 6,000 lines looked through.")
    found(page).get_by_role("button", name="Search on").click()
    expect(words(page)).to_have_text("1,000 lines found, 2,000 of 6,000 lines looked through.")


def test_a_search_is_stopped_and_what_it_found_stays(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *hay({29_999}, 30_000))
    hub.api_status = 401  # read by connections of its own, which takes long enough to be stopped
    visit(page, hub, "#/live?ch=logs&q=needle")
    page.locator(".live .scroller").press("s")
    expect(hits(page)).to_have_count(1)
    found(page).get_by_role("button", name="Stop").click()
    expect(words(page)).to_contain_text("Stopped: 1 line found, ")
    expect(hits(page)).to_have_count(1)
    found(page).get_by_role("button", name="Search on").click()
    # Thirty connections, one after the other: where others compute, that takes more than half a minute.
    expect(words(page)).to_have_text("1 line found, all 30,000 lines looked through.", timeout=120_000)


def test_times_bound_what_is_found(page: Page, hub: FakeHub) -> None:
    stamps = [f"2026-05-14T{hour:02}:00:00Z" for hour in range(5, 20)]
    hub.publish("logs", *({"time": stamp, "message": f"needle {stamp[11:13]}"} for stamp in stamps))
    visit(page, hub)
    field(page).fill('needle after:"2026-05-14T08:00:00Z" before:"2026-05-14T11:00:00Z"')
    expect(messages(page)).to_have_text(["needle 08", "needle 09", "needle 10"])
    page.locator(".live .scroller").press("s")
    expect(hits(page)).to_contain_text(["needle 10", "needle 09", "needle 08"])
    expect(words(page)).to_have_text("3 lines found, all 15 lines looked through.")


def test_details_take_the_place_of_what_was_found_and_give_it_back(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *hay({3}, 10))
    visit(page, hub, "#/live?q=needle")
    page.locator(".live .scroller").press("s")
    expect(hits(page)).to_have_count(1)
    messages(page).first.click()
    expect(found(page)).to_be_hidden()
    page.keyboard.press("Escape")
    expect(hits(page)).to_have_count(1)
