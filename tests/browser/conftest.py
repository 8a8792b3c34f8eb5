"""A browser, a page in it, and a hub for it to talk to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from .fake_hub import FakeHub

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module: while it is there, no other event loop can run in this thread."""
    if not CHROMIUM.exists():
        missing = f"{CHROMIUM} is missing: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def listening() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def hub(listening: FakeHub) -> FakeHub:
    listening.forget()
    return listening


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1100, "height": 700}, timezone_id="Europe/Berlin")
    context.set_default_timeout(90_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A blank page. Whatever its scripts throw, and whatever its policy forbids, fails the test."""
    expect.set_options(timeout=30_000)
    troubles: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # What the network refuses is a test's own doing; the rest is not.
        if message.type == "error" and not message.text.startswith(
            ("Failed to load", "WebSocket connection")
        ):
            troubles.append(message.text)

    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", on_console)
    yield page
    assert troubles == []
