"""What the tests of the page publish, open and look at."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from .fake_hub import FakeHub


def log(message: str, level: str = "info", **more: Any) -> dict[str, Any]:
    return {
        "time": "2026-05-14T12:02:11.093Z",
        "level": level,
        "logger": "app.db",
        "message": message,
        **more,
    }


def at(second: int, message: str) -> dict[str, Any]:
    return {"time": f"2026-05-14T12:00:{second:02}Z", "message": message}


def visit(page: Page, hub: FakeHub, address: str = "") -> None:
    """Open the page and wait until it is live."""
    page.goto(hub.url + address)
    expect(page.locator("#connection-words")).to_have_text("Live")


def rows(page: Page) -> Locator:
    return page.locator(".live .row:visible")


def messages(page: Page) -> Locator:
    return page.locator(".live .row:visible .message")


def marks(page: Page, kind: str = "") -> Locator:
    return page.locator(f".live .mark-row{kind}")


def facet(page: Page, name: str) -> Locator:
    return page.locator(".facets .facet", has_text=name)


def field(page: Page) -> Locator:
    return page.locator("#query")


def lines(page: Page) -> Locator:
    return page.locator("#held")


def back(hub: FakeHub, channel: str) -> None:
    hub.wait_for("the subscription", lambda: any(channel in visit.subscribed for visit in hub.visits))


def choose(page: Page, item: str) -> None:
    """From the menu of the list."""
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=item).click()


STILL = """async () => {
  const scroller = document.querySelector(".live .scroller");
  const frame = () => new Promise(requestAnimationFrame);
  for (let same = 0, top = NaN; same < 10; await frame()) {
    same = scroller.scrollTop === top ? same + 1 : 0;
    top = scroller.scrollTop;
  }
}"""


def scroll(page: Page, pixels: int) -> None:
    """Turn the wheel over the list, and wait until it stands still: browsers scroll smoothly."""
    page.locator(".live .scroller").hover()
    page.mouse.wheel(0, pixels)
    page.evaluate(STILL)
