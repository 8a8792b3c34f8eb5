"""Rows: what they show of a publication, whatever is in it, and at which size of screen."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.sync_api import FloatRect, Page, expect

from .fake_hub import FakeHub
from .seeing import facet, log, marks, messages, rows, scroll, visit

pytestmark = pytest.mark.browser

COLOURS = """(cells) => cells.map((cell) => {
  // The name of the custom property that a level is drawn in; critical is the ground of its letter.
  const { color, backgroundColor } = getComputedStyle(cell);
  const names = ["trace", "debug", "info", "success", "warning", "error", "critical"];
  const probe = document.body.appendChild(document.createElement("i"));
  return names.find((name) => {
    probe.style.color = `var(--${name})`;
    return [color, backgroundColor].includes(getComputedStyle(probe).color);
  });
})"""


def test_levels_have_their_letters_and_colours(page: Page, hub: FakeHub) -> None:
    levels = ["trace", "debug", "info", "success", "warning", "error", "critical"]
    hub.publish("logs", *(log("words", level) for level in levels), log("other", "WARN"), log("python", 40))  # type: ignore[arg-type]
    visit(page, hub)
    cells = page.locator(".live .row:visible .level")
    expect(cells).to_have_text([*"TDISWEC", "W", "E"])
    assert cells.evaluate_all(COLOURS) == [*levels, "warning", "error"]


def test_names_are_told_apart_by_colour(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log("words", logger=f"app.part{number}") for number in range(12)))
    visit(page, hub)
    expect(rows(page)).to_have_count(12)
    colours = page.locator(".live .row:visible .logger").evaluate_all(
        "(cells) => cells.map((cell) => getComputedStyle(cell).color)"
    )
    assert len(set(colours)) >= 5


def test_hostile_text_is_text_and_what_it_hides_is_marked(page: Page, hub: FakeHub) -> None:
    hostile = "<img src=x onerror=alert(1)> \x1b[31mred\x1b[0m \u202egnp.exe\x07 \x9b2J \x1b]52;c;aGk=\x07"
    hub.publish(hostile, {"level": "info", "logger": hostile, "message": hostile, hostile: hostile})
    hub.publish("events", {"type": hostile, "data": {"name": hostile, "page": f"{hostile}\n\n<b>bold</b>"}})
    visit(page, hub)
    shown = "<img src=x onerror=alert(1)> red ⟨RLO⟩gnp.exe␇ ⟨009B⟩2J ␛]52;c;aGk="
    row = rows(page).filter(has_text="=")
    for cell in (".message", ".logger"):
        expect(row.locator(cell).first).to_have_text(shown)
    expect(row.locator(".fields").first).to_contain_text(shown)
    expect(row.locator(".message .fg-1").first).to_have_text("red")
    expect(facet(page, "img").first).to_contain_text(shown)
    rows(page).first.locator(".message").click()
    for tab in ("Fields", "Raw", "Context"):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(".detail-body")).to_contain_text("⟨RLO⟩")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open page").click()
    expect(page.locator(".markdown p")).to_have_text([shown, "<b>bold</b>"])
    titles = page.evaluate(
        "[...document.querySelectorAll('[title]')].map((element) => element.title).join('')"
    )
    everything = page.evaluate("document.body.textContent") + titles
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", everything)
    assert page.locator(".page img, .markdown :is(img, b)").count() == 0


def test_enormous_rows_do_no_harm(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", "x" * 5_000_000)
    hub.publish("logs", {"message": "many", "fields": {f"f{number}": number for number in range(10_000)}})
    hub.publish("logs", log("\n".join(f"line {number}" for number in range(40))))
    visit(page, hub)
    expect(rows(page)).to_have_count(3)
    expect(rows(page).first.locator(".more")).to_have_text("+4.8 MB")
    assert len(messages(page).first.inner_text()) < 2_100
    expect(messages(page).last).to_have_text("line 0")
    expect(rows(page).last.locator(".more")).to_have_text("+39 lines")
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] == width[1]
    rows(page).first.locator(".more").click()
    expect(page.locator(".detail .block")).to_contain_text("more characters: download them")
    messages(page).nth(1).click()
    page.get_by_role("tab", name="Fields").click()
    expect(page.locator(".tree").first).to_contain_text("9,800 more")


def test_an_event_shows_its_type_and_opens_its_page(page: Page, hub: FakeHub) -> None:
    text = (
        "---\nrepo: core\n---\n# Function `f`\n\nIt **adds**, *well*. [Docs](https://example.org/x) "
        "[no](javascript:alert)\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n"
        "```python\n# not a heading\n```\n\n- one\n  - two\n\n1. three\n\n> four\n"
        "\n<script>alert(1)</script>\n"
    )
    hub.publish("events", {"type": "documented", "data": {"name": "f", "rank": "B", "page": text}})
    visit(page, hub)
    row = rows(page)
    expect(row.locator(".logger")).to_have_text("documented")
    expect(row.locator(".message")).to_have_text("f")
    expect(row.locator(".fields")).to_contain_text("rank=B")
    row.get_by_role("button", name="Open page").click()
    body = page.locator(".markdown")
    expect(body.locator("table.header td")).to_have_text("core")
    expect(body.locator("h1")).to_have_text("Function f")
    expect(body.locator("tbody td")).to_have_text(["core", "1", "2"])
    expect(body.locator("pre")).to_have_text("# not a heading")
    expect(body.locator("ul > li > ul > li")).to_have_text("two")
    expect(body.locator("ol > li")).to_have_text("three")
    expect(body.locator("blockquote")).to_have_text("four")
    expect(body.locator("a")).to_have_attribute("href", "https://example.org/x")
    expect(body.locator("p").last).to_have_text("<script>alert(1)</script>")


def seen(page: Page) -> list[FloatRect]:
    """Where the rows are that show in the list's window; others are drawn above it, in reserve."""
    window = page.locator(".live .scroller").bounding_box()
    assert window
    boxes = [box for row in rows(page).all() if (box := row.bounding_box()) is not None]
    return [box for box in boxes if box["y"] + box["height"] > window["y"]]


def test_long_lines_wrap_when_asked_to_and_every_row_has_its_height(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log("word " * (number * 17 % 60) + "\nend") for number in range(200)), log("last"))
    visit(page, hub)
    expect(messages(page).last).to_have_text("last")
    page.keyboard.press("l")
    expect(page.locator(".panel.wrapped")).to_be_visible()
    expect(messages(page).last).to_be_in_viewport(ratio=1)
    boxes = seen(page)
    assert len(boxes) > 3
    for above, below in itertools.pairwise(boxes):
        assert abs(above["y"] + above["height"] - below["y"]) < 1.5  # neither a hole nor an overlap
    overflowing = page.locator(".live .row:visible").evaluate_all(
        "(rows) => rows.filter((row) => row.scrollHeight > row.clientHeight + 1).length"
    )
    assert overflowing == 0


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390), (820, 1180), (320, 640)])
def test_on_small_screens_the_lines_have_the_room(page: Page, hub: FakeHub, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    hub.publish("logs", *(log(f"a message of some length, number {number}") for number in range(100)))
    hub.publish("app:stats", {f"value{number}": number for number in range(30)})
    visit(page, hub)
    expect(messages(page).last).to_be_in_viewport(ratio=1)
    list_box = page.locator(".live .scroller").bounding_box()
    message = messages(page).last.bounding_box()
    assert list_box
    assert message
    assert list_box["height"] >= 0.7 * height, "the list has most of the height"
    assert message["x"] <= 0.36 * width, "the message begins in the first third"
    inside = [row for row in rows(page).all() if (box := row.bounding_box()) and box["y"] >= list_box["y"]]
    assert len(inside) >= 10
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_names_of_channels_that_begin_alike_are_told_apart(page: Page, hub: FakeHub) -> None:
    for name in ("documentation-worker:events", "documentation-worker:statistics"):
        hub.publish(name, log("one"))
    visit(page, hub)
    cells = page.locator(".live .row:visible .channel")
    expect(cells).to_have_text([re.compile("^….*:events$"), re.compile("^….*:statistics$")])
    colours = cells.evaluate_all("(cells) => cells.map((cell) => getComputedStyle(cell).color)")
    assert colours[0] != colours[1]


def test_no_row_is_half_cut_while_wrapped_rows_are_followed(page: Page, hub: FakeHub) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    hub.publish("logs", *(log(f"{'word ' * (at % 25)} {at}") for at in range(60)))
    visit(page, hub)
    expect(messages(page).last).to_be_in_viewport(ratio=1)
    box = page.locator(".live .scroller").bounding_box()
    assert box
    boxes = seen(page)
    assert len(boxes) > 5
    assert all(one["y"] >= box["y"] - 1 for one in boxes)


def test_plain_lines_leave_no_empty_columns(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(f"a plain line {number}" for number in range(20)))
    visit(page, hub)
    box = messages(page).last.bounding_box()
    scroller = page.locator(".live .scroller").bounding_box()
    assert box
    assert scroller
    assert box["x"] - scroller["x"] < 150


def test_times_of_plain_lines_are_what_they_are(page: Page, hub: FakeHub) -> None:
    """Nobody knows when a line without a time was written; one that came live came now."""
    hub.publish("logs", "old")
    visit(page, hub)
    hub.publish("logs", "new")
    expect(messages(page)).to_have_text(["old", "new"])
    expect(rows(page).first.locator(".time")).to_have_text("")
    expect(rows(page).last.locator(".time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))


MOVED = """() => {
  window.moved = [];
  new MutationObserver((changes) => {
    for (const { addedNodes, removedNodes } of changes)
      window.moved.push(addedNodes.length, removedNodes.length);
  }).observe(document.querySelector(".live .spacer"), { childList: true });
}"""


def test_a_flood_fills_the_rows_where_they_stand(page: Page, hub: FakeHub) -> None:
    """What is taken out of the document and put back costs as much as what is made anew."""
    hub.publish("logs", *(log(f"line {number}", fields={"n": number}) for number in range(1_000)))
    visit(page, hub)
    expect(messages(page).last).to_have_text("line 999")
    page.evaluate(MOVED)
    for start in range(1_000, 3_000, 500):
        hub.publish("logs", *(log(f"line {start + number}", fields={"n": number}) for number in range(500)))
        expect(messages(page).last).to_have_text(f"line {start + 499}")
    assert page.evaluate("window.moved") == []
    shown = [int(text.removeprefix("line ")) for text in messages(page).all_inner_texts()]
    assert shown == list(range(shown[0], 3_000)), "in the order in which they are read"
    scroll(page, -210)
    shown = [int(text.removeprefix("line ")) for text in messages(page).all_inner_texts()]
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    tops = [row.bounding_box() for row in rows(page).all()]
    heights = {round(below["y"] - above["y"]) for above, below in itertools.pairwise(tops) if above and below}
    assert heights == {20}


def test_rows_with_marks_are_filled_by_the_nodes_that_they_have(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"request {number} came", fields={"n": number}) for number in range(1_000)))
    visit(page, hub, "#/live?q=request")
    expect(messages(page).last).to_have_text("request 999 came")
    page.evaluate(MOVED.replace("childList: true", "childList: true, subtree: true"))
    hub.publish(
        "logs", *(log(f"request {number} came", fields={"n": number}) for number in range(1_000, 1_500))
    )
    expect(messages(page).last).to_have_text("request 1499 came")
    assert page.evaluate("window.moved") == []
    assert set(rows(page).locator(".hit").all_inner_texts()) == {"request"}
    page.locator("#query").fill('came "n=14"')
    expect(rows(page).last.locator(".hit")).to_have_text(["came", "n=14"])
    page.locator("#query").fill("")
    expect(page.locator(".live .hit")).to_have_count(0)
    expect(messages(page).last).to_have_text("request 1499 came")


def test_fields_stand_in_the_line_of_their_message(page: Page, hub: FakeHub) -> None:
    """Also where parts of it have to stay in sight: the button of an exception, beside a long message."""
    failure = {"type": "TimeoutError", "message": "no answer", "text": "Traceback"}
    hub.publish(
        "logs", log("short", fields={"ms": 5}), log("long " * 80, fields={"ms": 6}, exception=failure)
    )
    visit(page, hub)
    short = rows(page).first
    [message, fields] = [short.locator(part).bounding_box() for part in (".message", ".fields")]
    assert message is not None
    assert fields is not None
    assert abs(message["y"] - fields["y"]) < 3
    assert fields["x"] >= message["x"] + message["width"]
    expect(short.locator(".fields")).to_be_in_viewport(ratio=1)
    expect(rows(page).nth(1).get_by_role("button", name="TimeoutError")).to_be_in_viewport()


def test_a_button_in_a_row_is_the_same_while_the_row_is_filled_again(page: Page, hub: FakeHub) -> None:
    """Who presses it while lines stream in has pressed it: a click is of what was there at its beginning."""
    failure = {"type": "TimeoutError", "message": "no answer", "text": "Traceback"}
    hub.publish("logs", log("failed", "error", exception=failure))
    visit(page, hub)
    button = rows(page).first.get_by_role("button", name="TimeoutError")
    button.hover()
    page.mouse.down()
    page.evaluate("document.querySelector('.live .row .exception').held = true")
    hub.publish("logs", log("next", "error", exception=failure | {"type": "OSError"}))
    expect(messages(page)).to_have_text(["failed", "next"])
    page.locator("body").press("d")  # another density: all rows are filled again
    page.locator("body").press("d")
    page.locator("body").press("d")
    page.mouse.up()
    assert page.evaluate("document.querySelector('.live .row .exception').held")
    expect(page.locator(".detail .block")).to_have_text("Traceback")


COUNTED = """async () => {
  const { app } = await import(document.querySelector("script[src]").src);
  const { list, store } = app.live.panel;
  const before = list.onPaint;
  window.paints = 0;
  list.onPaint = () => (before(), (window.paints += 1));
  const shape = (await import("/live/static/log/shape.js")).toShape;
  const row = { channel: "logs", epoch: "first", offset: null, time: 0 };
  window.add = (number) => store.append({ ...row, shape: shape({ message: `row ${number}` }) });
}"""


def test_rows_that_come_in_every_frame_are_painted_25_times_a_second(page: Page, hub: FakeHub) -> None:
    page.clock.install(time="2026-05-14T12:00:00Z")
    hub.publish("logs", log("first"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["first"])
    page.clock.pause_at("2026-05-14T13:00:00Z")
    page.evaluate(COUNTED)
    for number in range(50):
        page.evaluate("add", number)
        page.clock.run_for(10)
    page.clock.run_for(50)
    assert 10 <= page.evaluate("paints") <= 15, "in half a second, which has 30 frames"
    expect(messages(page).last).to_have_text("row 49")


def test_names_and_values_of_fields_are_told_apart(page: Page, hub: FakeHub) -> None:
    two = {"ms": 5, "region": "eu"}
    hub.publish("logs", log("one", fields=two), log("two", fields={"ok": None}), log("three"))
    visit(page, hub)
    expect(messages(page)).to_have_count(3)
    fields = rows(page).locator(".fields")
    expect(fields).to_have_text(["ms=5 region=eu", "ok=null", ""])
    expect(rows(page).first.locator(".key")).to_have_text(["ms=", "region="])
    key, value = fields.first.evaluate(
        "(fields) => [fields.querySelector('.key'), fields].map((each) => getComputedStyle(each).color)"
    )
    assert key != value
    hub.publish("logs", *(log("more", fields={"n": number}) for number in range(200)))
    expect(fields.last).to_have_text("n=199")
    expect(rows(page).last.locator(".key")).to_have_text(["n="])


def test_what_is_found_across_a_name_and_its_value_is_marked_as_one(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one", fields={"ms": 51, "region": "eu"}))
    visit(page, hub, '#/live?q="ms=5"')
    expect(page.locator(".live .row .fields .hit")).to_have_text(["ms=5"])
    page.locator("#query").fill("region")
    expect(page.locator(".live .row .key .hit")).to_have_text(["region"])


def test_an_exception_is_in_sight_on_a_small_screen(page: Page, hub: FakeHub) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    failure = {"type": "TimeoutError", "message": "no connection within 5 s", "text": "…"}
    hub.publish("logs", log("failed", "error", exception=failure))
    visit(page, hub)
    expect(marks(page, ".top")).to_be_visible()
    top = marks(page, ".top").bounding_box()
    chip, row = rows(page).locator(".exception").bounding_box(), rows(page).bounding_box()
    assert top is not None
    assert chip is not None
    assert row is not None
    assert top["y"] + top["height"] <= row["y"] <= chip["y"]
    assert chip["y"] + chip["height"] <= row["y"] + row["height"]
    rows(page).locator(".exception").click()
    expect(page.locator(".exception-head")).to_contain_text("TimeoutError")
