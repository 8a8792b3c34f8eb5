"""What no page expects: names without end, clocks that jump, histories that expire, text that attacks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .fake_hub import FakeHub, Stream
from .seeing import back, field, lines, log, marks, messages, rows, visit

pytestmark = pytest.mark.browser

WATCH = """() => {
  window.broken = [];
  document.addEventListener("securitypolicyviolation", (event) => broken.push(event.violatedDirective));
  for (const name of ["alert", "open", "confirm", "prompt"]) window[name] = () => broken.push(name);
}"""
ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)><svg onload=alert(2)>",
    "javascript:alert(1) [click](javascript:alert(1)) data:text/html,<script>alert(1)</script>",
    "\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07 \x1b]8;;https://example.org/\x07safe\x1b]8;;\x07",
    "\x1b]52;c;ZXZpbA==\x07 \x1b[2J\x1b[1;1H \x1b]0;title\x07",
    "\u202egnp.exe \u2066isolated\u2069 \u200bzero\ufeff",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)} `${alert(1)}`",
    "\u0000\u0001\u001f\u007f\u0085 \U000e0041\U000e007f",
    "combining: " + "Z\u0351\u036b\u0343" * 200,
    "wide: " + "\ufdfd" * 200 + "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 50,
]


def test_nothing_that_is_published_is_obeyed(page: Page, hub: FakeHub) -> None:
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.add_init_script(f"({WATCH})()")
    for attack in ATTACKS:
        hub.publish("logs", log(attack, logger=attack, source=attack, fields={attack: attack}))
        hub.publish(
            "logs", {"exception": {"type": attack, "message": attack, "text": attack}, "level": "error"}
        )
        hub.publish("events", {"type": attack, "data": {"name": attack, "page": attack}})
    hub.publish("logs", {"message": "proto", "__proto__": {"polluted": 1}, "constructor": {"prototype": 1}})
    visit(page, hub)
    expect(messages(page).last).to_be_in_viewport()
    for ordinal in range(0, rows(page).count(), 3):
        messages(page).nth(ordinal).click()
        for tab in page.locator(".tabs button").all():
            tab.click()
    page.keyboard.press("Escape")
    field(page).fill("alert OR script")
    expect(page.locator(".hit:visible").first).to_be_visible()
    page.locator(".live .scroller").press("Shift+2")
    expect(page.locator(".tile").first).to_be_visible()
    assert page.evaluate("broken") == []
    assert page.evaluate("({}).polluted") is None
    assert page.evaluate("document.title").endswith("Gapless")
    assert page.locator("a[href^='javascript'], a[href^='data']").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_halves_of_characters_are_shown_as_marks(page: Page, hub: FakeHub) -> None:
    visit(page, hub, "#/live?ch=logs")
    back(hub, "logs")
    # No encoder of Python's sends them, but a publisher may escape them.
    text = '{"channel":"logs","offset":1,"data":{"message":"half \\ud83d of it"}}'
    hub.send_text("logs", text)
    expect(messages(page)).to_have_text(["half ⟨D83D⟩ of it"])


def test_a_line_of_five_megabytes_is_looked_at_and_searched(page: Page, hub: FakeHub) -> None:
    visit(page, hub, "#/live?ch=logs")
    back(hub, "logs")
    hub.publish("logs", log("x" * 5_000_000 + " needle"))
    expect(rows(page).first.locator(".more")).to_have_text("+4.8 MB")
    field(page).fill("needle")
    expect(messages(page)).to_have_count(1)
    hub.publish("logs", log("another needle"))
    expect(messages(page)).to_have_count(2)
    page.locator(".live .scroller").press("l")
    expect(page.locator(".panel.wrapped")).to_be_attached()
    expect(messages(page).last).to_be_in_viewport()


def test_a_hundred_thousand_channels_are_a_list_that_is_searched(page: Page, hub: FakeHub) -> None:
    for number in range(100_000):
        hub.streams[f"channel:{number:06}"] = Stream("first", 0, [])
    hub.publish("channel:077777", log("found"))
    page.goto(f"{hub.url}#/live?ch=channel:077777")
    expect(messages(page)).to_have_text(["found"])
    facets = page.locator(".facet.channel")
    expect(facets).to_have_count(50)
    page.get_by_label("Find a channel").fill("099999")
    expect(facets).to_have_text(["channel:0999990"])
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="What to do").fill("channel:000123")
    expect(page.locator(".palette li").first).to_contain_text("channel:000123")
    assert len(hub.visits) == 1


def test_a_clock_that_jumps_loses_nothing_and_says_nothing_wrong(page: Page, hub: FakeHub) -> None:
    page.clock.install(time="2026-05-14T12:00:00Z")
    visit(page, hub, "#/live?ch=logs")
    back(hub, "logs")
    hub.publish("logs", log("one"))
    expect(messages(page)).to_have_text(["one"])
    for moment in ("2026-05-14T20:00:00Z", "2026-05-13T00:00:00Z"):
        page.clock.set_system_time(moment)
        page.clock.run_for(20_000)
        hub.publish("logs", log(moment))
        expect(messages(page).last).to_have_text(moment)
    expect(page.locator("#completeness")).to_have_text("✔ nothing missing")
    words = page.locator("#connection-words").inner_text()
    assert "-" not in words, words
    hub.publish("logs", {"time": "1899-01-01T00:00:00Z", "message": "old"}, {"time": 1e300, "message": "odd"})
    expect(messages(page).last).to_have_text("odd")
    expect(page.locator(".failure")).to_have_count(0)


def test_a_history_that_expired_meanwhile_is_said_to_be_lost(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"line {number}") for number in range(3_000)))
    visit(page, hub)
    expect(lines(page)).to_contain_text("1,000 lines")
    hub.trim("logs", 2_500)  # what the page was told to be kept is not any more
    page.locator("body").press("g")
    expect(marks(page, ".top")).to_contain_text("Start of history")
    page.keyboard.press("s")
    found = page.get_by_role("complementary", name="Found on the server")
    expect(found.get_by_role("status")).to_contain_text("lines found")
    expect(page.locator(".failure")).to_have_count(0)


def test_frames_that_no_version_sends_do_no_harm(page: Page, hub: FakeHub) -> None:
    visit(page, hub, "#/live?ch=logs")
    back(hub, "logs")
    frames: list[dict[str, Any]] = [
        {"novelty": True},
        {"gap": {"from": 1, "to": 0, "reason": "of tomorrow", "epoch": "first"}},
        {"offset": None, "data": None},
        {"batch": []},
    ]
    for frame in frames:
        hub.send("logs", frame)
    hub.publish("logs", log("after all"))
    expect(messages(page).last).to_have_text("after all")


def test_a_panel_that_fails_says_so_and_the_list_goes_on(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    page.add_init_script(
        "const of = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (...how) {"
        "  if (this.className === 'chart-canvas') throw new Error('no canvas'); return of.apply(this, how); }"
    )
    page.goto(hub.url)
    expect(page.locator(".failure")).to_contain_text("This panel failed.")
    hub.publish("logs", log("two"))
    expect(messages(page)).to_have_text(["one", "two"])
    expect(page.locator(".failure").get_by_role("button", name="Copy details")).to_be_visible()


def test_settings_of_somebody_else_are_left_alone(page: Page, hub: FakeHub) -> None:
    odd = json.dumps({"density": 7, "wrap": "yes", "time": "sundial", "maxRows": None, "unknown": []})
    page.add_init_script(f"localStorage.setItem('gapless.settings', {json.dumps(odd)})")
    page.add_init_script("localStorage.setItem('gapless.views', '{\"not\": \"a list\"}')")
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["one"])
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="What to do")).to_be_focused()
