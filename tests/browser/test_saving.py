"""Lines as a file: what the filter finds, here and on the server."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from .fake_hub import FakeHub
from .seeing import choose, log, messages, visit

pytestmark = pytest.mark.browser


def save(page: Page, which: str, form: str = "JSON lines") -> str:
    """What the dialog gives as a file."""
    choose(page, "Save lines…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(which).check()
    dialog.get_by_label("Form").select_option(form)
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("status")).to_contain_text("Saved ")
    page.keyboard.press("Escape")
    return download.value.path().read_text("utf-8")


def test_what_the_filter_finds_is_saved_also_what_is_on_the_server_alone(page: Page, hub: FakeHub) -> None:
    lines = [log(f"line {number}", fields={"n": number, "even": number % 2 == 0}) for number in range(4_000)]
    hub.publish("logs", *lines)
    hub.publish("other", log("not asked for", fields={"n": 1_234}))
    visit(page, hub, "#/live?q=" + "n>=1000 -even:true before:2027-01-01 ch:logs".replace(" ", "%20"))
    expect(page.locator("#held")).to_contain_text("1,001 lines")
    choose(page, "Save lines…")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(
        "Lines that the filter finds: n>=1000 -even:true before:2027-01-01 ch:logs"
    )
    expect(dialog).to_contain_text(", of logs, other")
    page.keyboard.press("Escape")
    saved = [json.loads(line) for line in save(page, "all of them").splitlines()]
    assert saved == lines[1_001::2]
    shown = save(page, "those in the list now", "Messages only").splitlines()
    assert shown == [f"line {number}" for number in range(3_001, 4_000, 2)]


def wait_for(page: Page, held: list[Route], number: int) -> None:
    """Routes are told of while something is asked of the page."""
    while len(held) < number:
        page.evaluate("0")


def test_a_saving_is_stopped_and_one_that_fails_saves_nothing(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"line {number}") for number in range(9_000)))
    visit(page, hub)
    expect(messages(page).last).to_have_text("line 8999")
    held: list[Route] = []
    page.route("**/api/history", lambda route: held.append(route))
    downloads: list[object] = []
    page.on("download", lambda download: downloads.append(download))
    choose(page, "Save lines…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Save").click()
    wait_for(page, held, 1)
    status = dialog.get_by_role("status")
    expect(status).to_have_text("0 lines so far; 0 of 9,000 looked through.")
    expect(dialog.get_by_role("progressbar")).to_be_visible()
    dialog.get_by_role("button", name="Stop").click()
    expect(status).to_have_text("Stopped: nothing was saved.")
    dialog.get_by_role("button", name="Save").click()
    wait_for(page, held, 2)
    held.pop().abort()
    expect(status).to_have_text(
        "It could not be read to its end, and nothing was saved: the server cannot be reached"
    )
    held.pop().continue_()  # what was stopped ends, and nobody minds
    page.unroute("**/api/history")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Save").click()
    assert len(download.value.path().read_text("utf-8").splitlines()) == 9_000
    expect(status).to_contain_text("Saved 9,000 lines (")
    assert len(downloads) == 1
