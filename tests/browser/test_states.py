"""The page's states: every silence, interruption and refusal has its words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .fake_hub import FakeHub
from .seeing import facet, log, messages, visit

pytestmark = pytest.mark.browser


def test_an_empty_hub_says_how_to_begin_and_the_page_goes_on_by_itself(page: Page, hub: FakeHub) -> None:
    page.goto(hub.url)
    empty = page.locator(".live .empty")
    expect(empty).to_contain_text("Nothing has been published yet.")
    expect(empty).to_contain_text(f"curl {hub.url}api/publish")
    expect(empty.get_by_role("button", name="Copy")).to_have_count(3)
    hub.publish("logs", log("hello"))
    expect(messages(page)).to_have_text(["hello"])
    expect(empty).to_be_hidden()


def test_a_channel_without_messages_and_all_channels_off(page: Page, hub: FakeHub) -> None:
    visit(page, hub, "#/live?ch=logs")
    empty = page.locator(".live .empty")
    expect(empty).to_contain_text("No messages in logs yet.")
    facet(page, "logs").click()
    expect(empty).to_contain_text("Every channel is switched off.")
    page.get_by_role("button", name="Show all").click()
    hub.publish("logs", log("one"))
    expect(messages(page)).to_have_text(["one"])


def test_a_channel_that_is_refused_says_so_and_leaves_the_others(page: Page, hub: FakeHub) -> None:
    hub.refusals["secret"] = [103]
    hub.publish("logs", log("one"))
    visit(page, hub, "#/live?ch=logs&ch=secret")
    chip = facet(page, "secret")
    expect(chip).to_contain_text("refused")
    expect(chip).to_have_attribute("title", "no (103)")
    expect(messages(page)).to_have_text(["one"])


def test_no_permission_at_all(page: Page, hub: FakeHub) -> None:
    hub.refusals["audit"] = [103]
    page.goto(f"{hub.url}#/live?ch=audit")
    expect(page.locator(".live .empty")).to_contain_text("You may not read audit")


def test_where_the_api_is_refused_it_is_not_asked(page: Page, hub: FakeHub) -> None:
    """Mounted in an application, a page without a credential does not fill the console with 401."""
    hub.api_status = 401
    page.clock.install()
    page.goto(hub.url)
    expect(page.locator(".live .empty")).to_contain_text("does not list its channels")
    page.clock.run_for(120_000)
    assert hub.calls == []


def test_a_server_that_says_stay_away_is_left_alone_until_a_click(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    hub.cut(3503, "force disconnect")
    words = page.locator("#connection-words")
    expect(words).to_have_text("Disconnected: force disconnect (3503)")
    expect(page).to_have_title("✖ Live · Gapless")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(words).to_have_text("Disconnected: force disconnect (3503)")
    assert hub.visits == []
    expect(messages(page)).to_have_text(["one"])
    page.get_by_role("button", name="Connect again").click()
    expect(words).to_have_text("Live")
    expect(page).to_have_title("Live · Gapless")


def test_a_server_that_does_not_say_who_we_are_keeps_nobody_waiting(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    hub.holds_session = True
    visit(page, hub)
    expect(messages(page)).to_have_text(["one"])


def test_waiting_for_the_server_counts_down_and_can_be_cut_short(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(page, hub)
    expect(messages(page)).to_have_count(1)
    hub.refuses = True
    hub.cut()
    words = page.locator("#connection-words")
    expect(words).to_have_text(re.compile(r"^Reconnecting \(attempt [2-9], next in \d+ s\)$"))
    expect(page.locator("#connection")).to_have_attribute("data-kind", "busy")
    expect(page).to_have_title("… Live · Gapless")
    hub.refuses = False
    page.get_by_role("button", name="Try now").click()
    expect(words).to_have_text("Live")


def test_a_frozen_network_is_noticed_within_seconds(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    page.clock.install()
    visit(page, hub)
    expect(messages(page)).to_have_count(1)
    hub.answers_pings = False
    hub.refuses = True
    page.clock.run_for(9_000)
    expect(page.locator("#connection-words")).to_have_text(re.compile("^Reconnecting"))


def test_silence_is_told_from_a_cut(page: Page, hub: FakeHub) -> None:
    page.clock.install()
    visit(page, hub, "#/live?ch=logs")
    hub.publish("logs", log("one"))
    expect(messages(page)).to_have_count(1)
    page.clock.run_for(14_000)
    expect(page.locator("#connection-words")).to_have_text(re.compile(r"^Live · last line 1\d s ago$"))


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
    expect(messages(page)).to_have_text(["one"])
    hub.token = "changed"
    hub.cut()
    expect(page.locator("#connection-words")).to_have_text("Signed out")
    expect(messages(page)).to_have_text(["one"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Token")).to_be_visible()


NOTES_STAY = """
const wait = window.setTimeout;
window.setTimeout = (work, ms, ...more) => wait(work, ms === 6000 ? 600000 : ms, ...more);
"""
"""A note goes after six seconds, which a busy machine may need before anybody looks for it."""


def test_what_comes_late_and_does_not_come_is_said_and_asked_for_again(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    page.add_init_script(NOTES_STAY)
    page.route("**/ui/detail.js", lambda route: route.abort(), times=1)
    page.route("**/pages/live-around.js", lambda route: route.abort(), times=1)
    visit(page, hub, "#/live?ch=logs")
    said = page.locator(".note", has_text="could not be loaded")
    expect(said).to_have_count(1)
    left = page.locator(".live .panel").bounding_box()
    messages(page).click()
    expect(said).to_have_count(2)
    expect(said.first.get_by_role("button", name="Reload")).to_be_visible()
    messages(page).click()
    expect(page.locator(".detail")).to_be_visible()
    page.goto(f"{hub.url}#/clients")
    expect(page.locator(".pane")).to_be_visible()
    page.goto(f"{hub.url}#/live?ch=logs")
    expect(facet(page, "logs")).to_be_visible()
    now = page.locator(".live .panel").bounding_box()
    assert left is not None
    assert now is not None
    assert (now["x"], now["y"]) == (left["x"], left["y"]), "their places were kept"


def test_every_level_off_is_said_and_undone(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two", "error"))
    visit(page, hub, "#/live?q=-level%3Ainfo%20-level%3Aerror%20logger%3Aapp.db")
    empty = page.locator(".live .empty")
    expect(empty).to_have_text(re.compile("^Every level is switched off."))
    empty.get_by_role("button", name="Show all").click()
    expect(messages(page)).to_have_text(["one", "two"])
    expect(page.locator("#query")).to_have_value("logger:app.db")


def test_a_page_whose_script_does_not_come_says_so(page: Page, hub: FakeHub) -> None:
    """Then nothing but the style can say it."""
    page.route("**/app.js", lambda route: route.abort())
    page.goto(hub.url)
    words = page.get_by_text("The script of this page has not come")
    expect(words).to_be_hidden()
    page.evaluate("document.getAnimations().forEach((animation) => animation.finish())")
    expect(words).to_be_visible()
    expect(page.locator("#connection-words")).to_have_text("Loading…")
    page.unroute("**/app.js")
    page.get_by_role("link", name="Load it again").click()
    expect(page.locator("#connection-words")).to_have_text("Ready")
    expect(words).to_have_count(0)
