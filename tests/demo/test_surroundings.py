"""What a definition uses, and what uses it, as a page tells it."""

from __future__ import annotations

from .pages import FITS, ReadSurvey, page, section

SHOP = {
    "shop.py": '''"""A shop. Open daily."""
class Gone(Exception):
    """It is gone."""
class Stock:
    """What there is."""
    def take(self): ...
def find(stock: Stock, missing=Gone) -> Stock:
    try:
        stock.take()
    except Gone:
        raise
    return json.loads(httpx.get())
import json, httpx
''',
    "tests/test_shop.py": """from shop import Stock, find
def test_find():
    stock = Stock()
    find(stock)
    find(1)
""",
}


def test_collaborators_are_named_with_what_is_done_with_them(survey: ReadSurvey) -> None:
    assert section(page(survey(SHOP), "shop.find"), FITS) == (
        "It stands in the module `shop` (`shop.py`), together with 2 other definitions. "
        "The module says of itself: “A shop.”\n\n"
        "It works together with these of the repository:\n\n"
        "- `Stock` (class, `shop.py:4`): `take` called; in annotations. “What there is.”\n"
        "- `Gone` (exception, `shop.py:2`): caught; mentioned. “It is gone.”\n\n"
        "From the standard library it uses `json.loads`.\n\n"
        "From other packages it uses `httpx.get`.\n\n"
        "Tests and their helpers use it:\n\n- `test_find` in `tests/test_shop.py`, lines 4, 5: called"
    )


def test_a_collaborator_for_type_checkers_alone_is_marked(survey: ReadSurvey) -> None:
    code = """from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from shop import Stock
def f(stock: "Stock"): ...
"""
    text = section(page(survey(SHOP | {"use.py": code}), "use.f"), FITS)
    assert "`shop.py:4`): in annotations (imported for type checkers only). “What" in text


def test_without_collaborators_the_page_says_so(survey: ReadSurvey) -> None:
    text = section(page(survey(SHOP), "shop.Gone"), FITS)
    nothing = "It names nothing beyond itself, its own module's variables and what the language has built in."
    assert nothing in text.split("\n\n")


def test_users_are_named_with_their_lines_and_tests_apart(survey: ReadSurvey) -> None:
    found = survey(SHOP)
    assert section(page(found, "shop.find"), FITS).endswith(
        "Tests and their helpers use it:\n\n- `test_find` in `tests/test_shop.py`, lines 4, 5: called"
    )
    assert section(page(found, "shop.Stock"), FITS).endswith(
        "It is used by:\n\n- `find` in `shop.py`, lines 7, 9: `take` called, in annotations\n\n"
        "Tests and their helpers use it:\n\n- `test_find` in `tests/test_shop.py`, line 3: constructed"
    )


def test_what_nobody_uses_is_said_to_be_unused_here_and_no_more(survey: ReadSurvey) -> None:
    found = survey({"a.py": "def f(): ...\ndef _g(): ...\n@app.get('/')\ndef h(): ...\n"})
    fits = {name: section(page(found, f"a.{name}"), FITS) for name in ("f", "_g", "h")}
    assert {name: text.split("\n\n")[-1] for name, text in fits.items()} == {
        "f": "Nothing else in this repository names it; its users, if any, are outside.",
        "_g": "Nothing else in this repository names it.",
        "h": "Nothing else in this repository names it; its decorators may hand it on.",
    }


def test_conditions_twins_bases_and_subclasses_are_told(survey: ReadSurvey) -> None:
    code = "import sys\nif sys.x:\n    class A(list): ...\nelse:\n    class A: ...\nclass B(A, dict): ...\n"
    found = survey({"a.py": code})
    fits = section(page(found, "a.A"), FITS)
    assert "It is defined only if `sys.x`." in fits
    assert "The same file defines this name again in line 5." in fits
    assert "It derives from `list`." in fits
    assert "`a.B` (`a.py:6`) derives from it." in fits
    assert "It derives from `A` (`a.py:3`) and `dict`." in section(page(found, "a.B"), FITS)
