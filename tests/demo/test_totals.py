"""The running totals of a cycle."""

from __future__ import annotations

from gapless.demo.index import Entry
from gapless.demo.totals import Totals

from .python.reading import module_of

CODE = """
class Stock:
    def find(self):
        if self: return 1
    class Inner:
        def one(self): ...
def ship(): ...
"""


def counted() -> Totals:
    module = module_of(CODE)
    totals = Totals()
    totals.begin("shop", 2)
    totals.count_file(module)
    for definition in module.definitions:
        totals.count_page(Entry(module, definition))
    return totals


def test_a_class_counts_with_all_that_is_inside_it() -> None:
    data = counted().data()
    assert (data["classes"], data["functions"]) == (2, 3)
    assert data["mean_complexity"] == 1.33, "of functions and methods alike"
    assert data["documented"] == 2
    assert data["by_repo"] == {"shop": 2}
    assert data["by_language"] == {"python": 2}
    assert data["by_doc_type"] == {"class_doc": 1, "function_doc": 1, "module_doc": 0}


def test_a_file_that_cannot_be_read_is_gone_through_and_is_an_error() -> None:
    totals = counted()
    totals.count_file(None)
    data = totals.data()
    assert (data["files"], data["files_total"], data["errors"]) == (2, 2, 1)


def test_before_the_first_page_there_is_no_repository_and_no_mean() -> None:
    totals = Totals()
    totals.begin("shop", 2)
    data = totals.data()
    assert (data["by_repo"], data["mean_complexity"]) == ({}, 0.0)


def test_the_next_cycle_begins_anew_and_goes_on_counting_pages() -> None:
    following = counted().next_cycle()
    assert (following.cycle, following.total, following.documented) == (1, 2, 0)
