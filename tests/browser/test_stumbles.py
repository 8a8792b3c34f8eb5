"""What people stumbled over on the first page. Each stays gone: here is where that is tested."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .fake_hub import FakeHub
from .seeing import facet, field, log, messages, rows, visit

HERE = Path(__file__).parent

STUMBLES = {
    "1,000 of 100,000 kept lines are loaded, and that the others are not is dead text": (
        "test_live.test_scrolling_up_loads_all_that_is_kept",
        "test_live.test_much_that_was_missed_is_behind_a_gap_that_can_be_loaded",
        "test_looking.test_a_time_is_gone_to_without_all_that_lies_between",
    ),
    "the filter looks through the lines that are loaded, and no others": (
        "test_live.test_what_is_older_than_the_page_is_searched_on_the_server",
        "test_searching.test_what_stands_within_words_is_found_by_reading_everything",
        "test_searching.test_a_search_is_stopped_and_what_it_found_stays",
    ),
    "the filter finds text that is not in sight, and marks nothing": (
        "test_finding.test_what_is_found_is_in_sight_and_marked",
    ),
    "the filter is not in the address, and lost with a reload": (
        "test_finding.test_a_query_filters_rows_and_never_gaps_and_stays_in_the_address",
        "test_live.test_a_reload_resumes_the_view_and_says_what_is_new",
    ),
    "details hide behind a button that appears under the mouse, and a click on a line does nothing": (
        "test_finding.test_a_click_on_a_row_opens_everything_about_it",
        "test_rows.test_a_button_in_a_row_is_the_same_while_the_row_is_filled_again",
    ),
    "nothing can be copied": (
        "test_finding.test_lines_are_copied_as_they_are_seen",
        "test_finding.test_selected_text_stays_selected_while_lines_stream",
    ),
    "every channel and every type is the same blue": (
        "test_rows.test_names_are_told_apart_by_colour",
        "test_rows.test_names_of_channels_that_begin_alike_are_told_apart",
    ),
    "on a phone controls take half of the height; held sideways it shows three lines": (
        "test_rows.test_on_small_screens_the_lines_have_the_room",
    ),
    "plain lines leave empty columns": ("test_rows.test_plain_lines_leave_no_empty_columns",),
    "the line at the top is always half cut": (
        "test_live.test_the_first_and_the_last_row_in_sight_are_whole",
        "test_rows.test_no_row_is_half_cut_while_wrapped_rows_are_followed",
    ),
    "1234567890123456789 is shown as 1234567890123456800": ("test_finding.test_numbers_stay_what_they_are",),
    "escape sequences are boxes, and never a colour": (
        "test_stumbles.test_a_terminal_s_colours_are_colours",
        "test_rows.test_hostile_text_is_text_and_what_it_hides_is_marked",
    ),
    "times vanish with a reload": ("test_rows.test_times_of_plain_lines_are_what_they_are",),
    "that the connection is lost is a small dot, and the title of the tab does not say it": (
        "test_states.test_waiting_for_the_server_counts_down_and_can_be_cut_short",
        "test_states.test_a_server_that_says_stay_away_is_left_alone_until_a_click",
    ),
    "a frozen network is Live for half a minute": (
        "test_states.test_a_frozen_network_is_noticed_within_seconds",
    ),
    "a page whose script does not come is Connecting for ever": (
        "test_states.test_a_page_whose_script_does_not_come_says_so",
    ),
    "keys are told nowhere": ("test_finding.test_the_keyboard_reaches_everything",),
    "after a click on a value the key of the filter does nothing": (
        "test_stumbles.test_the_key_of_the_filter_works_wherever_was_clicked",
    ),
    "below an application's path it asks again and again for what it may not have": (
        "test_states.test_where_the_api_is_refused_it_is_not_asked",
    ),
    "with a token, what an empty page tells to type is refused": (
        "test_stumbles.test_what_an_empty_page_tells_to_type_has_its_credential",
    ),
    "2 gaps, not all of it is known": (
        "test_live.test_what_cannot_be_recovered_is_a_row_of_its_own_in_its_place",
    ),
    "four new lines after a restart are four recovered ones": (
        "test_live.test_a_stream_that_began_anew_is_not_said_to_be_recovered",
    ),
}


@pytest.mark.parametrize("tests", STUMBLES.values(), ids=STUMBLES)
def test_it_stays_gone(tests: tuple[str, ...]) -> None:
    for name in tests:
        module, _, test = name.partition(".")
        tree = ast.parse((HERE / f"{module}.py").read_text("utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


@pytest.mark.browser
def test_a_terminal_s_colours_are_colours(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("\x1b[31mred\x1b[0m and \x1b[1;38;2;0;120;60mgreen\x1b[0m"))
    visit(page, hub)
    expect(messages(page)).to_have_text(["red and green"])
    message = messages(page).first
    looks = message.locator("span").evaluate_all(
        "(spans) => spans.map((span) => [span.textContent, getComputedStyle(span).color,"
        " getComputedStyle(span).fontWeight])"
    )
    own = message.evaluate("(message) => getComputedStyle(message).color")
    assert [text for text, _, _ in looks] == ["red", "green"]
    assert len({own, *(colour for _, colour, _ in looks)}) == 3
    assert [int(weight) >= 600 for _, _, weight in looks] == [False, True]


@pytest.mark.browser
def test_the_key_of_the_filter_works_wherever_was_clicked(page: Page, hub: FakeHub) -> None:
    hub.publish("logs", log("one"), log("two", "error"))
    visit(page, hub)
    expect(messages(page)).to_have_count(2)
    for place in (facet(page, "error"), facet(page, "app.db"), page.locator(".pause"), rows(page).first):
        place.click()
        page.keyboard.press("/")
        expect(field(page)).to_be_focused()
        page.keyboard.press("Escape")


@pytest.mark.browser
def test_what_an_empty_page_tells_to_type_has_its_credential(page: Page, hub: FakeHub) -> None:
    hub.token = "correct"
    page.goto(hub.url)
    page.get_by_label("Token").fill("correct")
    page.keyboard.press("Enter")
    empty = page.locator(".live .empty")
    expect(empty).to_contain_text("Nothing has been published yet.")
    expect(empty.locator("pre").first).to_contain_text('-H "X-API-Key: $GAPLESS_TOKEN"')
    assert "correct" not in empty.inner_text(), "the token itself stands nowhere"
