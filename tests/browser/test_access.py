"""Who does not see the page, or has no mouse: names, roles, the way of the focus, what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ..support.npm import installed
from .fake_hub import FakeHub
from .seeing import back, choose, log, messages, visit

pytestmark = [pytest.mark.browser, pytest.mark.node]

NODE = Path(__file__).parent / "node"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
A_NODE = {
    "uid": "n",
    "name": "web-1",
    "version": "1",
    "uptime": 5,
    "num_clients": 1,
    "num_users": 1,
    "num_channels": 1,
    "num_subs": 1,
    "metrics": {"items": {"gaps": 3, "writes": 9}},
}
CLIENT = {
    "client": "aaaa",
    "user": "",
    "transport": "websocket",
    "protocol": "plain",
    "address": "::1",
    "state": "behind",
    "behind": 9,
    "waiting": True,
    "num_subs": 0,
    "subscriptions": [],
}
CHECK = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, any, all, none }) =>
    `${id}: ${html.slice(0, 160)} ${[...any, ...all, ...none].map(({ message }) => message)[0] ?? ""}`));
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The rules of axe-core, as a script."""
    return installed(NODE, "axe-core/axe.min.js").read_text("utf-8")


SETTLE = """() => {
  const ends = (animation) => animation.effect.getComputedTiming().endTime < Infinity;
  document.getAnimations().filter(ends).forEach((animation) => animation.finish());
}"""
"""What appears is half transparent until it has, and then of other colours."""


def check(page: Page, axe: str) -> str:
    """What breaks a rule, a line each."""
    page.evaluate(SETTLE)
    page.evaluate(axe)
    return "\n".join(page.evaluate(CHECK, TAGS))


def fill(hub: FakeHub) -> None:
    levels = [(at, level) for at in range(10) for level in ("info", "error", "debug")]
    lines = [log(f"line {at} \x1b[31mred\x1b[0m", level, fields={"n": at}) for at, level in levels]
    hub.publish("a:logs", *lines)
    hub.publish("b:events", {"type": "deploy", "data": {"name": "1.2.3"}})
    hub.publish("c:stats", {"jobs": 12, "by_state": {"done": 5}})


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_live_breaks_no_rule(page: Page, hub: FakeHub, axe: str, theme: Any, width: int) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})
    fill(hub)
    visit(page, hub, "#/live?q=line&col=n&facet=n")
    expect(messages(page).last).to_contain_text("line 9")
    assert check(page, axe) == ""
    messages(page).first.click()
    expect(page.locator(".detail")).to_be_visible()
    assert check(page, axe) == ""
    page.keyboard.press("Escape")
    choose(page, "Settings")
    assert check(page, axe) == ""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["board", "channels", "clients", "server"])
def test_the_other_pages_break_no_rule(page: Page, hub: FakeHub, axe: str, theme: Any, name: str) -> None:
    page.emulate_media(color_scheme=theme)
    hub.answers_api |= {"info": {"nodes": [A_NODE]}, "clients": {"clients": [CLIENT], "total": 1}}
    fill(hub)
    page.goto(f"{hub.url}#/{name}")
    shown = {"board": ".tile", "channels": "tbody tr", "clients": "tbody tr", "server": ".numbers"}[name]
    expect(page.locator(shown).first).to_be_visible()
    assert check(page, axe) == ""


def test_signing_in_breaks_no_rule(page: Page, hub: FakeHub, axe: str) -> None:
    hub.token = "correct"
    page.goto(hub.url)
    expect(page.get_by_label("Token")).to_be_focused()
    assert check(page, axe) == ""


def test_the_tab_key_leads_through_the_page_and_nothing_holds_it(page: Page, hub: FakeHub) -> None:
    fill(hub)
    visit(page, hub, "#/live?ch=a:logs")
    expect(messages(page).last).to_contain_text("line 9")
    order: list[str] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "(({ className, id, tagName }) => id || className || tagName)(document.activeElement)"
        )
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        around = page.evaluate("getComputedStyle(document.activeElement.parentElement).outlineStyle")
        assert where == "BODY" or "none" not in (ring,) or around != "none", where
        if where == "BODY" or (order and where == order[0]):
            break
        order.append(where)
    for earlier, later in (("skip", "query"), ("query", "scroller"), ("scroller", "connection")):
        assert order.index(earlier) < order.index(later)


def test_the_tab_key_leaves_a_table_from_any_of_its_rows(page: Page, hub: FakeHub) -> None:
    fill(hub)
    page.goto(f"{hub.url}#/channels")
    row = page.locator("tbody .row-open").first
    row.focus()
    page.keyboard.press("Tab")
    expect(row).not_to_be_focused()
    assert page.evaluate("document.activeElement.closest('table')") is None


def test_errors_are_said_as_a_digest_and_never_line_by_line(page: Page, hub: FakeHub) -> None:
    page.clock.install()
    visit(page, hub, "#/live?ch=logs")
    back(hub, "logs")
    hub.publish("logs", *(log(f"fine {at}") for at in range(50)))
    hub.publish("logs", log("pool exhausted", "error"), log("and again", "error"))
    expect(messages(page).last).to_have_text("and again")
    said = page.locator("#announcements")
    expect(said).to_have_text("")
    page.clock.run_for(7_000)
    expect(said).to_have_text("2 errors: and again")
    assert page.locator(".scroller").get_attribute("aria-live") is None


def test_nothing_moves_for_those_who_want_no_motion(page: Page, hub: FakeHub) -> None:
    page.emulate_media(reduced_motion="reduce")
    hub.publish("logs", log("one"))
    visit(page, hub)
    messages(page).first.click()
    expect(page.locator(".detail")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
