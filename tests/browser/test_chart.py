"""The histogram: its axes, what it says of the bar that is pointed at, and where it is on a low screen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .fake_hub import FakeHub
from .seeing import facet, messages, visit

pytestmark = pytest.mark.browser


def publish_a_minute(hub: FakeHub) -> None:
    """A line each second, and four more in the thirtieth."""
    stamps = [f"2026-05-14T12:00:{second:02}Z" for second in range(60)]
    more = [{"time": stamps[30], "message": "failed", "level": "error"}] * 3
    lines = [{"time": stamp, "message": stamp[17:19], "level": "info"} for stamp in stamps]
    unknown = [{"time": stamps[30], "message": "of no level"}]
    hub.publish("logs", *lines[:31], *more, *unknown, *lines[31:])


def pointed_at(page: Page, share: float) -> None:
    box = page.locator(".chart-canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)


def test_its_axes_say_from_when_to_when_and_how_many(page: Page, hub: FakeHub) -> None:
    publish_a_minute(hub)
    visit(page, hub)
    expect(messages(page).last).to_have_text("59")
    expect(page.locator(".chart-first")).to_have_text("2026-05-14 13:59:59.500")
    expect(page.locator(".chart-last")).to_have_text("14:00:59.500")
    expect(page.locator(".chart-most")).to_have_text("max 5 in 500 ms")
    expect(page.locator(".chart-words")).to_have_text("64 lines")
    label = "64 lines from 2026-05-14 13:59:59.500 to 2026-05-14 14:00:59.500, at most 5 in 500 ms"
    expect(page.locator(".chart-canvas")).to_have_attribute("aria-label", label)
    page.get_by_label("Range of the histogram").select_option("3600000")
    expect(page.locator(".chart-most")).to_have_text("max 34 in 30 s")
    expect(page.locator(".chart-first")).to_have_text("2026-05-14 13:01:00")


def test_what_is_pointed_at_says_its_times_and_its_lines_by_level(page: Page, hub: FakeHub) -> None:
    publish_a_minute(hub)
    visit(page, hub)
    expect(page.locator(".chart-words")).to_have_text("64 lines")
    pointed_at(page, 61.5 / 120)
    words = page.locator(".chart-words")
    expect(words).to_have_text("14:00:30.000 – 14:00:30.500 · 3 error · 1 info · 1 without level")
    hub.publish("logs", {"time": "2026-05-14T12:00:30Z", "message": "late", "level": "error"})
    expect(words).to_have_text("14:00:30.000 – 14:00:30.500 · 4 error · 1 info · 1 without level")
    pointed_at(page, 62.5 / 120)
    expect(words).to_have_text("14:00:30.500 – 14:00:31.000 · nothing")
    page.mouse.move(500, 500)
    expect(words).to_have_text("65 lines")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_its_axes_do_not_lie_over_what_is_beside_them(page: Page, hub: FakeHub, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    publish_a_minute(hub)
    visit(page, hub)
    for width in (1_100, 820, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        expect(page.locator(".chart-most")).to_have_text("max 5 in 500 ms")
        canvas = page.locator(".chart-canvas").bounding_box()
        first, last, most = (
            page.locator(f".chart-{name}").bounding_box() for name in ("first", "last", "most")
        )
        caption = page.locator(".chart-caption").bounding_box()
        assert canvas is not None
        assert first is not None
        assert last is not None
        assert most is not None
        assert caption is not None
        assert first["x"] + first["width"] < last["x"]
        assert most["x"] + most["width"] < caption["x"]
        assert most["y"] + most["height"] <= canvas["y"] + 1
        assert first["y"] >= canvas["y"] + canvas["height"] - 1
        assert canvas["height"] >= 20


def test_on_a_low_screen_facets_and_histogram_cost_no_height_until_they_are_opened(
    page: Page, hub: FakeHub
) -> None:
    page.set_viewport_size({"width": 844, "height": 390})
    publish_a_minute(hub)
    visit(page, hub)
    expect(messages(page).last).to_have_text("59")
    chart, facets = page.locator(".chart"), page.locator(".facets")
    expect(chart).to_be_hidden()
    expect(facets).to_be_hidden()
    before = page.locator(".live .scroller").bounding_box()
    button = page.get_by_role("button", name="Facets and histogram")
    button.click()
    expect(chart).to_be_visible()
    expect(page.locator(".chart-most")).to_have_text("max 5 in 500 ms")
    facet(page, "error").click()
    expect(page.locator("#query")).to_have_value("level:error")
    page.locator(".live .scroller").click(position={"x": 600, "y": 100})
    expect(chart).to_be_hidden()
    expect(facets).to_be_hidden()
    assert page.locator(".live .scroller").bounding_box() == before
    page.set_viewport_size({"width": 1_100, "height": 390})
    button.click()
    expect(chart).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(chart).to_be_hidden()
    page.set_viewport_size({"width": 1_100, "height": 700})
    expect(chart).to_be_visible()
    expect(button).to_have_count(0)


def test_an_empty_one_says_nothing(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", "no time")
    visit(page, hub)
    expect(messages(page)).to_have_text(["no time"])
    expect(page.locator(".chart-canvas")).to_have_attribute("aria-label", re.compile("^0 lines"))
    for name in ("first", "last", "most"):
        expect(page.locator(f".chart-{name}")).to_have_text("")
