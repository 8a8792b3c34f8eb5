"""What matters most of the page, in Firefox: the same page, another engine."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

import pytest

from ..support.bidi import FIREFOX, Firefox, Tab
from ..support.npm import missing
from .fake_hub import FakeHub, Stream
from .seeing import log
from .test_hostile import ATTACKS, WATCH

pytestmark = pytest.mark.browser

APP = "import(document.querySelector('script[src]').src).then(({ app }) => app)"
ROWS = "[...document.querySelectorAll('.live .row')].filter((row) => row.offsetParent)"
MESSAGES = f"{ROWS}.map((row) => row.querySelector('.message').textContent)"
LAST_IS_WHOLE = f"""(() => {{
  const scroller = document.querySelector(".live .scroller").getBoundingClientRect();
  const last = {ROWS}.at(-1).getBoundingClientRect();
  return last.height > 0 && last.bottom <= scroller.bottom + 0.5 && last.top >= scroller.top;
}})()"""
FILL = """(async () => {
  const { app } = await import(document.querySelector("script[src]").src);
  const { toShape } = await import("/live/static/log/shape.js");
  const { store } = app.live.panel;
  Object.assign(store, { maxRows: 1_000_000, maxBytes: 1024 ** 3 });
  const shape = toShape({ level: "info", message: "" });
  const row = { channel: "logs", epoch: "fill", offset: null };
  for (let at = store.size; at < %d; at += 1)
    store.append({ ...row, time: at, shape: { ...shape, message: `number ${at}` } });
  return store.size;
})()"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    if not FIREFOX.exists():
        missing(f"{FIREFOX} is missing: apt-get install firefox-esr")
    with Firefox(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def tab(firefox: Firefox) -> Iterator[Tab]:
    """A page. Whatever its scripts throw fails the test."""
    tab = firefox.tab()
    yield tab
    tab.evaluate("(localStorage.clear(), sessionStorage.clear())")
    tab.close()
    assert [each for each in tab.troubles if "can’t establish a connection" not in each] == []


def visit(tab: Tab, hub: FakeHub, address: str = "") -> None:
    tab.goto(hub.url + address)
    tab.expect("document.querySelector('#connection-words').textContent", "Live")


def text_of(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})?.textContent"


def test_history_comes_first_and_then_what_is_live(tab: Tab, hub: FakeHub) -> None:
    hub.publish("logs", log("one", fields={"ms": 5}), log("two"))
    visit(tab, hub)
    tab.expect(MESSAGES, ["one", "two"])
    hub.publish("logs", log("three"), log("four"))
    tab.expect(MESSAGES, ["one", "two", "three", "four"])
    tab.expect(text_of("#completeness"), "✔ nothing missing")
    places = f"{ROWS}.map((row) => [row.getBoundingClientRect().top, row.offsetHeight])"
    tops = tab.evaluate(places)
    assert [below[0] - above[0] for above, below in itertools.pairwise(tops)] == [20, 20, 20]
    fields = "document.querySelector('.live .row .fields').getBoundingClientRect()"
    assert tab.evaluate(f"{fields}.top < {ROWS}[0].getBoundingClientRect().bottom"), (
        "in the line of its message"
    )


def test_an_object_unfolds_where_it_stands(tab: Tab, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"job {at}", fields={"request": {"id": at, "ok": True}}) for at in range(9)))
    visit(tab, hub)
    tab.expect(f"{ROWS}.length", 9)
    tab.evaluate(f"{ROWS}[3].querySelector('.unfold[data-unfold*=request]').click()")
    lines = f"[...{ROWS}[3].querySelectorAll('.unfolded > div')]"
    tab.expect(f"{lines}.map((line) => line.textContent)", ["▾ request: {2}", "  id: 3", "  ok: true"])
    places = f"{ROWS}.map((row) => [row.getBoundingClientRect().top, row.offsetHeight])"
    rows = tab.evaluate(places)
    assert [height for _, height in rows] == [20, 20, 20, 80, 20, 20, 20, 20, 20]
    assert [beneath[0] - above[0] - above[1] for above, beneath in itertools.pairwise(rows)] == [0] * 8
    seen = f"{lines}.map((line) => line.getBoundingClientRect().top - {ROWS}[3].getBoundingClientRect().top)"
    assert tab.evaluate(seen) == [20, 40, 60]


def test_the_last_row_is_followed_also_when_the_page_is_full(tab: Tab, hub: FakeHub) -> None:
    tab.goto(hub.url)
    tab.evaluate("localStorage.setItem('gapless.settings', '{\"maxRows\": 20000}')")
    hub.publish("logs", log("first"))
    tab.goto("about:blank")
    visit(tab, hub)
    for start in range(0, 30_000, 10_000):
        hub.publish("logs", *(log(f"line {start + number}") for number in range(10_000)))
        tab.expect(f"{MESSAGES}.at(-1)", f"line {start + 9_999}")
        tab.expect(LAST_IS_WHOLE)
    assert tab.evaluate(f"{APP}.then(({{ live }}) => live.panel.store.size)") <= 24_096


def test_a_wheel_pauses_and_what_is_read_does_not_move(tab: Tab, hub: FakeHub) -> None:
    hub.publish("logs", *(log(f"old {number}") for number in range(200)))
    visit(tab, hub)
    tab.expect(f"{MESSAGES}.at(-1)", "old 199")
    tab.wheel(-900)
    tab.expect(text_of(".pause"), "Resume")
    place = "(row) => [row.querySelector('.message').textContent, row.getBoundingClientRect().top]"
    row = f"({place})({ROWS}[12])"
    before = None
    while before != (before := tab.evaluate(row)):  # it scrolls smoothly
        pass
    hub.publish("logs", *(log(f"new {number}") for number in range(10_000)))
    tab.expect(text_of(".newer"), "↓ 10,000 new")
    assert tab.evaluate(row) == before
    tab.press("End")
    tab.expect(f"{MESSAGES}.at(-1)", "new 9999")
    tab.expect(LAST_IS_WHOLE)
    tab.press("Space")
    tab.expect(text_of(".pause"), "Resume")


def test_a_filter_hides_and_find_reaches_what_is_not_in_the_document(tab: Tab, hub: FakeHub) -> None:
    lines = [
        log("needle" if number == 7 else f"hay {number}", "error" if number == 9 else "info")
        for number in range(900)
    ]
    hub.publish("logs", *lines)
    visit(tab, hub, "#/live?q=level%3E%3Derror")
    tab.expect(MESSAGES, ["hay 9"])
    tab.evaluate("document.querySelector('#query').focus()")
    tab.press("Escape")
    tab.expect(f"{MESSAGES}.at(-1)", "hay 899")
    tab.press("Control", "f")
    tab.type("needle")
    tab.press("Enter")
    tab.expect(text_of(".live .row.current .message"), "needle")
    tab.expect(text_of(".query .hits"), "1 of 1")


def test_what_was_lost_is_a_row_with_the_right_numbers(tab: Tab, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(tab, hub)
    tab.expect(MESSAGES, ["one"])
    hub.refuses = True
    hub.cut()
    hub.publish("logs", *(log(f"number {number}") for number in range(2, 8)))
    hub.trim("logs", 6)
    hub.refuses = False
    tab.expect(MESSAGES, ["one", "number 6", "number 7"])
    tab.expect(text_of(".live .mark-row.lost"), "4 lines lost: older than the server keeps")
    tab.expect(text_of("#completeness"), "✖ 4 lost")
    hub.streams["logs"] = Stream("second", 1, [(1, log("of another life"))])
    hub.cut()
    tab.expect(f"{MESSAGES}.at(-1)", "of another life")
    tab.expect("document.querySelectorAll('.live .mark-row.restart').length", 1)


def test_a_cut_is_resumed_without_a_double_row(tab: Tab, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two"))
    visit(tab, hub)
    tab.expect(MESSAGES, ["one", "two"])
    hub.cut()
    hub.publish("logs", log("three"))
    tab.expect(MESSAGES, ["one", "two", "three"])
    words = tab.evaluate(text_of(".mark-row.recovered"))
    assert re.fullmatch(r"Back after .* · 1 recovered · 0 missing", words)


def test_a_click_opens_everything_about_a_row(tab: Tab, hub: FakeHub) -> None:
    failure = {"type": "TimeoutError", "message": "no answer", "text": "Traceback\n  here"}
    hub.publish("logs", log("failed", "error", fields={"order": 1234567890123456789}, exception=failure))
    tab.resize(1400, 800)  # in which rows and details stand side by side
    visit(tab, hub)
    tab.click(".live .row .message")
    tab.expect("Boolean(document.querySelector('.detail')?.offsetParent)")
    assert "1234567890123456789" in tab.evaluate(text_of(".detail"))
    tab.click(".live .row .exception")
    tab.expect(text_of(".detail .block"), "Traceback\n  here")
    tab.press("Escape")
    tab.expect("document.querySelector('.detail').hidden")


def test_nothing_that_is_published_is_obeyed(tab: Tab, hub: FakeHub) -> None:
    tab.goto(hub.url)
    tab.evaluate(f"({WATCH})()")
    note = "({ violatedDirective }) => broken.push(violatedDirective)"
    tab.evaluate(f"document.addEventListener('securitypolicyviolation', {note})")
    for attack in ATTACKS:
        failure = {"type": attack, "message": attack, "text": attack}
        hub.publish("logs", log(attack, "error", logger=attack, source=attack, fields={attack: attack}))
        hub.publish("logs", {"exception": failure, "level": "error"})
    tab.expect(f"{ROWS}.length", 2 * len(ATTACKS))
    for tab_name in ("fields", "exception", "raw", "context"):
        opened = f"Array.from({{ length: 20 }}, (_, key) => live.openDetail(key, '{tab_name}'))"
        tab.evaluate(f"{APP}.then(({{ live }}) => Promise.all({opened}))")
    assert tab.evaluate("broken") == []
    assert tab.evaluate("document.querySelectorAll('a[href^=javascript], a[href^=data]').length") == 0
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_both_themes_are_seen(tab: Tab, hub: FakeHub) -> None:
    hub.publish("logs", log("one"))
    visit(tab, hub)
    seen = set()
    for _ in range(3):
        tab.click("#theme")
        ground, text = "document.body", "document.querySelector('.live .row .message')"
        colours = f"[getComputedStyle({ground}).backgroundColor, getComputedStyle({text}).color]"
        seen.add(tuple(tab.evaluate(colours)))
    assert len(seen) == 2
    assert all(ground != text for ground, text in seen)


def test_rows_beyond_what_an_element_can_be_high_are_reached(tab: Tab, hub: FakeHub) -> None:
    """Firefox gives an element of more than about 17.9 million pixels no height at all."""
    hub.publish("logs", log("one"))
    visit(tab, hub)
    assert tab.evaluate(FILL % 1_000_000) == 1_000_000
    tab.expect(f"{MESSAGES}.at(-1)", "number 999999")
    tab.expect(LAST_IS_WHOLE)
    tab.press("g")
    tab.expect(f"{MESSAGES}[0]", "one")
    tab.evaluate(f"{APP}.then(({{ live }}) => live.panel.reader.goTo(500_000))")
    tab.expect(text_of(".live .row.current .message"), "number 500000")
    before = tab.evaluate(f"{MESSAGES}[0]")
    tab.wheel(200)
    tab.expect(f"{MESSAGES}[0] !== {json.dumps(before)}")
    moved = int(tab.evaluate(f"{MESSAGES}[0]").split()[-1]) - int(before.split()[-1])
    assert 1 <= moved <= 20, "a notch moves as many lines as ever"
