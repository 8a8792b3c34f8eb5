"""What a page says a definition is for."""

from __future__ import annotations

import pytest

from .pages import FITS, INTERFACE, PURPOSE, ReadSurvey, page, page_of_module, section


def test_the_docstring_is_the_responsibility(survey: ReadSurvey) -> None:
    code = 'def f():\n    """Ship.\n\n    Raises:\n        Gone: it is.\n    """\n'
    shown = section(page(survey({"a.py": code}), "a.f"), PURPOSE)
    assert shown == "Ship.\n\n**Raises**\n\n- `Gone`: it is."


def test_without_a_docstring_the_page_says_so_and_what_the_code_shows(survey: ReadSurvey) -> None:
    code = """
import x
def g(): ...
# Because of *it*.
# 1. so
def f(a: int, *, b=1, **c) -> str: return g() or x.y()
"""
    assert section(page(survey({"a.py": code}), "a.f"), PURPOSE) == (
        "The function `f` has no docstring. It takes `a`, `b` and `**c` and returns `str`. It calls `g`.\n\n"
        "The comment above it says:\n\n"
        "> Because of *it*.\n> 1\\. so"
    )


def test_the_same_holds_for_a_class_and_for_a_module(survey: ReadSurvey) -> None:
    code = "class StockGone(Exception):\n    def a(self): ...\n    def _b(self): ...\n"
    found = survey({"a.py": code, "lost_things.py": "from a import StockGone\nStockGone().a()\n"})
    assert section(page(found, "a.StockGone"), PURPOSE) == (
        "By its name, `StockGone` is a stock gone, as an exception; it has no docstring. It offers `a`. "
        "It builds on `Exception`. It is used by the module `lost_things`."
    )
    assert section(page_of_module(found, "lost_things"), PURPOSE) == (
        "The module has no docstring; by its name it is about “lost things”. It calls `StockGone`."
    )
    assert section(page_of_module(found, "a"), PURPOSE) == (
        "The module has no docstring; by its name it is about “a”. It defines `StockGone`. "
        "It is imported by the module `lost_things`."
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "find_free_port",
            "By its name, the function `find_free_port` is there to find free port; it has no",
        ),
        ("is_ready", "By its name, the function `is_ready` answers whether something “is ready”."),
        ("free_port", "By its name, the function `free_port` is about “free port”; it has no docstring."),
        ("parseHTTPHeader", "By its name, the function `parseHTTPHeader` is there to parse HTTP header; it"),
        ("__getattr__", "The function `__getattr__` has one of the names that the language itself calls."),
    ],
)
def test_the_purpose_is_said_from_the_name_and_no_more(survey: ReadSurvey, name: str, sentence: str) -> None:
    text = section(page(survey({"a.py": f"def {name}(): ...\n"}), f"a.{name}"), PURPOSE)
    assert text.startswith(sentence)
    assert text.endswith("It takes no arguments.")


def test_callers_are_a_part_of_the_purpose_and_tests_are_counted(survey: ReadSurvey) -> None:
    files = {
        "a.py": "def f(): ...\ndef _g(): ...\n",
        "b.py": "from a import f, _g\ndef use(): f()\nclass C:\n    def m(self): f()\nf()\n",
        "tests/test_a.py": "from a import f, _g\ndef test_f(): f()\ndef test_g(): _g()\n",
    }
    found = survey(files)
    assert section(page(found, "a.f"), PURPOSE).endswith(
        "It is used by `use` and `C.m`, and by the module `b`, and by 1 place in the tests."
    )
    assert section(page(found, "a._g"), PURPOSE).endswith("It is used by 1 place in the tests alone.")


def test_a_test_says_by_its_name_what_it_is_for(survey: ReadSurvey) -> None:
    found = survey({"tests/test_a.py": "def test_it_works_at_once(): ...\n"})
    text = page(found, "tests.test_a.test_it_works_at_once")
    assert "is a test; its name says what it checks: “it works at once”." in section(text, PURPOSE)
    assert "a function that a test runner finds by its name" in section(text, FITS)
    assert "imported" not in section(text, INTERFACE)
