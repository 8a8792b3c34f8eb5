"""The finished page: its parts, what it says, and how large it may get."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from gapless.demo.index import Entry
from gapless.demo.page import MAX_PAGE_BYTES, render
from gapless.demo.phrases import type_of
from gapless.demo.survey import Survey

ReadSurvey = Callable[..., Survey]

SECTIONS = ["Source", "Responsibility", "Public interface", "Collaborators", "How it fits"]


def page(survey: Survey, name: str) -> str:
    index = survey.index()
    for module in survey.modules.values():
        for definition in module.definitions:
            if f"{module.name}.{definition.name}" == name:
                return render(Entry(module, definition), index, "shop")
    raise AssertionError(name)


def section(text: str, title: str) -> str:
    """What stands between one heading of the page and the next."""
    parts = re.split(r"^(`{3,})python\n.*?^\1$", text, maxsplit=1, flags=re.DOTALL | re.MULTILINE)
    if title == "Source":
        return text[len(parts[0]) : len(text) - len(parts[-1])]
    return parts[-1].split(f"\n## {title}\n\n")[1].split("\n## ")[0].strip()


def headings(text: str) -> list[str]:
    found = MarkdownIt("commonmark").parse(text)
    return [found[at + 1].content for at, token in enumerate(found) if token.type == "heading_open"]


def test_a_page_begins_with_what_it_is_about(survey: ReadSurvey) -> None:
    code = "\n@once\nasync def ship(order):\n    if order:\n        return 1\n"
    text = page(survey({"src/orders.py": code}), "orders.ship")
    assert text.startswith(
        "# Function `ship`\n\n"
        "- **Type:** async function\n"
        "- **Repository:** shop\n"
        "- **File:** `src/orders.py`\n"
        "- **Language:** Python\n"
        "- **Lines:** 2–5 (4 lines)\n"
        "- **Complexity:** 2, rank A\n\n"
        "## Source\n\n"
        "```python\n@once\nasync def ship(order):\n    if order:\n        return 1\n```\n\n"
        "## Responsibility\n"
    )
    assert headings(text) == ["Function `ship`", *SECTIONS]


def test_a_definition_on_one_line_says_so(survey: ReadSurvey) -> None:
    assert "- **Lines:** 1 (1 line)\n" in page(survey({"a.py": "def f(): ..."}), "a.f")


def test_the_complexity_of_a_class_is_explained(survey: ReadSurvey) -> None:
    code = "class C:\n    def a(self): ...\n    def b(self): return 1 if self else 2\n"
    text = page(survey({"a.py": code}), "a.C")
    assert "**Complexity:** 3, rank A (the average of 2 methods plus one; the highest is 2, in `b`)\n" in text


def test_the_source_is_indented_as_in_the_file(survey: ReadSurvey) -> None:
    code = "if x:\n    def f():\n        '''\n  odd\n        '''\n"
    text = page(survey({"a.py": code}), "a.f")
    assert section(text, "Source") == "```python\n    def f():\n        '''\n  odd\n        '''\n```"


def test_backticks_in_the_source_do_not_end_it(survey: ReadSurvey) -> None:
    code = 'def f():\n    """````\n    ## Responsibility\n    ````"""\n'
    text = page(survey({"a.py": code}), "a.f")
    assert section(text, "Source") == f"`````python\n{code.rstrip()}\n`````"
    assert headings(text) == ["Function `f`", *SECTIONS]


def test_a_docstring_cannot_add_sections_links_or_elements(survey: ReadSurvey) -> None:
    code = (
        'def f():\n    """One.\n\n    ## How it fits\n\n    <img src=x> [go](http://x)\n\n'
        '    - # Title\n\n    Title\n    =====\n    """\n'
    )
    text = page(survey({"a.py": code}), "a.f")
    assert headings(text) == ["Function `f`", *SECTIONS]
    found = MarkdownIt("commonmark").parse(text)
    kinds = {token.type for block in found for token in (block, *(block.children or ()))}
    assert not kinds & {"html_block", "html_inline", "link_open", "image"}


def test_a_file_name_cannot_break_the_header(survey: ReadSurvey) -> None:
    text = page(survey({"we`ird\n# name.py": "def f(): ..."}), "we`ird\n# name.f")
    assert "- **File:** ``we`ird\\n# name.py``\n" in text
    assert headings(text) == ["Function `f`", *SECTIONS]


# -- Responsibility


def test_the_docstring_is_the_responsibility(survey: ReadSurvey) -> None:
    code = 'def f():\n    """Ship.\n\n    Raises:\n        Gone: it is.\n    """\n'
    shown = section(page(survey({"a.py": code}), "a.f"), "Responsibility")
    assert shown == "Ship.\n\n**Raises**\n\n- `Gone`: it is."


def test_without_a_docstring_the_page_says_so_and_what_the_code_shows(survey: ReadSurvey) -> None:
    code = """
import x
def g(): ...
# Because of *it*.
# 1. so
def f(a: int, *, b=1, **c) -> str: return g() or x.y()
"""
    assert section(page(survey({"a.py": code}), "a.f"), "Responsibility") == (
        "It has no docstring. What the code shows:\n\n"
        "A function that takes `a`, `b` and `**c`. Its return annotation is `str`. It calls `g`.\n\n"
        "The comment above it says:\n\n"
        "> Because of *it*.\n> 1\\. so"
    )


def test_the_same_holds_for_a_class(survey: ReadSurvey) -> None:
    code = "class C(Exception):\n    def a(self): ...\n    def _b(self): ...\n"
    assert section(page(survey({"a.py": code}), "a.C"), "Responsibility") == (
        "It has no docstring. What the code shows:\n\n"
        "An exception derived from `Exception` with 2 methods; public: `a`."
    )


def test_a_test_says_by_its_name_what_it_is_for(survey: ReadSurvey) -> None:
    found = survey({"tests/test_a.py": "def test_it_works_at_once(): ...\n"})
    text = page(found, "tests.test_a.test_it_works_at_once")
    assert "Its name says: it works at once." in section(text, "Responsibility")
    assert "a function that a test runner finds by its name" in section(text, "How it fits")
    assert "imported" not in section(text, "Public interface")


# -- Public interface


def test_the_interface_of_a_function_is_its_signature_and_what_the_code_says(survey: ReadSurvey) -> None:
    code = "async def f(a: int = 1):\n    raise ValueError(a)\n"
    assert section(page(survey({"src/shop/a.py": code}), "shop.a.f"), "Public interface") == (
        "```python\nasync def f(a: int = 1)\n```\n\n"
        "It is a coroutine function: its result must be awaited. It has no return annotation. "
        "Its own code raises `ValueError`. It is imported with `from shop.a import f`."
    )


def test_overloads_are_the_interface_and_their_implementation_is_not(survey: ReadSurvey) -> None:
    code = (
        "from typing import overload\n@overload\ndef f(a: int) -> int: ...\n@overload\n"
        "def f(a: str) -> str: ...\ndef f(a): return a\n"
    )
    text = section(page(survey({"a.py": code}), "a.f"), "Public interface")
    assert text.startswith("```python\ndef f(a: int) -> int\ndef f(a: str) -> str\n```\n")
    assert "no return annotation" not in text


def test_the_interface_of_a_class_lists_what_is_public(survey: ReadSurvey) -> None:
    code = '''
__all__ = ["C"]
class Base:
    def inherited(self): ...
    def over(self): ...
class C(Base):
    limit: int = 3
    """How much."""
    _hidden = 1
    def __init__(self, a: int) -> None:
        self.a = a
        self._b = a
    @property
    def size(self) -> int:
        """The size. Always."""
    @size.setter
    def size(self, value: int) -> None: ...
    @staticmethod
    def plain() -> None: ...
    @retry(3)
    async def over(self): ...
    def __len__(self) -> int: ...
    def _private(self): ...
    class Options:
        """Its options."""
        def merge(self): ...
'''
    assert section(page(survey({"a.py": code}), "a.C"), "Public interface") == (
        "```python\nC(a: int)\n```\n\n"
        "**Attributes**\n\n- `limit: int = 3` – How much.\n- `a: int`\n\n"
        "**Methods**\n\n"
        "- `size: int` *property, settable* – The size. (line 14; complexity 1)\n"
        "- `plain() -> None` *staticmethod* (line 19; complexity 1)\n"
        "- `async over()` (line 21; complexity 1; decorated with `@retry(3)`)\n\n"
        "**Special methods**\n\n- `__len__() -> int` (line 22; complexity 1)\n\n"
        "**Classes inside**\n\n- `Options` (line 24) – Its options., with `merge`\n\n"
        "**Inherited**\n\n- from `a.Base`: `inherited`\n\n"
        "It is imported with `from a import C`. It is listed in `__all__` of `a`. "
        "1 private method is not listed."
    )


@pytest.mark.parametrize(
    ("code", "construction"),
    [
        ("class C: ...", "```python\nC()\n```"),
        (
            "class C(list): ...",
            "```python\nclass C(list)\n```\n\nIt defines no constructor; that of its bases applies.",
        ),
        (
            "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass C:\n    a: int = 1",
            (
                "It is constructed from its annotated fields, in their order.\n\n"
                "**Attributes**\n\n- `a: int = 1`"
            ),
        ),
        (
            "from dataclasses import dataclass\n@dataclass\nclass C(Base):\n    a: int = 1",
            "It is constructed from the annotated fields of its bases and then its own, in their order.",
        ),
        ("class C:\n    def __new__(cls, a): ...", "```python\nC(a)\n```"),
    ],
)
def test_a_class_says_how_it_is_constructed(survey: ReadSurvey, code: str, construction: str) -> None:
    text = section(page(survey({"a.py": code}), "a.C"), "Public interface")
    assert text.startswith(construction)


def test_what_a_package_offers_is_imported_from_there(survey: ReadSurvey) -> None:
    files = {"shop/__init__.py": "from .a import f\n", "shop/a.py": "def f(): ...\ndef _g(): ...\n"}
    found = survey(files)
    assert "`from shop import f`" in section(page(found, "shop.a.f"), "Public interface")
    assert "`shop` offers it under its name." in section(page(found, "shop.a.f"), "How it fits")
    assert "marks it as private to `shop.a`" in section(page(found, "shop.a._g"), "Public interface")


# -- Collaborators, and how it fits

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
    assert section(page(survey(SHOP), "shop.find"), "Collaborators") == (
        "**In this repository**\n\n"
        "- `Stock` (class, `shop.py:4`): `take` called; in annotations. “What there is.”\n"
        "- `Gone` (exception, `shop.py:2`): caught; mentioned. “It is gone.”\n\n"
        "**Standard library:** `json.loads`.\n\n"
        "**Other packages:** `httpx.get`."
    )


def test_a_collaborator_for_type_checkers_alone_is_marked(survey: ReadSurvey) -> None:
    code = """from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from shop import Stock
def f(stock: "Stock"): ...
"""
    text = section(page(survey(SHOP | {"use.py": code}), "use.f"), "Collaborators")
    assert "`shop.py:4`): in annotations (imported for type checkers only). “What" in text


def test_without_collaborators_the_page_says_so(survey: ReadSurvey) -> None:
    text = section(page(survey(SHOP), "shop.Gone"), "Collaborators")
    assert text == "It names nothing beyond itself, its own module's variables and Python's builtins."


def test_users_are_named_with_their_lines_and_tests_apart(survey: ReadSurvey) -> None:
    found = survey(SHOP)
    assert section(page(found, "shop.find"), "How it fits") == (
        "It stands in the module `shop` (`shop.py`), together with 2 other definitions. "
        "The module says of itself: “A shop.”\n\n"
        "**Used by tests and their helpers**\n\n- `test_find` in `tests/test_shop.py`, lines 4, 5: called"
    )
    assert section(page(found, "shop.Stock"), "How it fits").endswith(
        "**Used by**\n\n- `find` in `shop.py`, lines 7, 9: `take` called, in annotations\n\n"
        "**Used by tests and their helpers**\n\n- `test_find` in `tests/test_shop.py`, line 3: constructed"
    )


def test_what_nobody_uses_is_said_to_be_unused_here_and_no_more(survey: ReadSurvey) -> None:
    found = survey({"a.py": "def f(): ...\ndef _g(): ...\n@app.get('/')\ndef h(): ...\n"})
    fits = {name: section(page(found, f"a.{name}"), "How it fits") for name in ("f", "_g", "h")}
    assert {name: text.split("\n\n")[-1] for name, text in fits.items()} == {
        "f": "Nothing else in this repository names it; its users, if any, are outside.",
        "_g": "Nothing else in this repository names it.",
        "h": "Nothing else in this repository names it; its decorators may hand it on.",
    }


def test_conditions_twins_bases_and_subclasses_are_told(survey: ReadSurvey) -> None:
    code = "import sys\nif sys.x:\n    class A(list): ...\nelse:\n    class A: ...\nclass B(A, dict): ...\n"
    found = survey({"a.py": code})
    fits = section(page(found, "a.A"), "How it fits")
    assert "It is defined only if `sys.x`." in fits
    assert "The same file defines this name again in line 5." in fits
    assert "It derives from `list`." in fits
    assert "`a.B` (`a.py:6`) derives from it." in fits
    assert "It derives from `A` (`a.py:3`) and `dict`." in section(page(found, "a.B"), "How it fits")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(): ...", "function"),
        ("async def f(): yield", "async generator function"),
        ("from contextlib import contextmanager\n@contextmanager\ndef f(): yield", "context manager"),
        ("import contextlib as c\n@c.asynccontextmanager\nasync def f(): yield", "async context manager"),
        ("class f: ...", "class"),
        ("from dataclasses import dataclass\n@dataclass(slots=True)\nclass f: ...", "dataclass"),
        ("import enum\nclass Base(enum.Enum): ...\nclass f(Base): ...", "enum"),
        ("from typing import NamedTuple\nclass f(NamedTuple): ...", "named tuple"),
        ("from typing import Protocol, T\nclass f(Protocol[T]): ...", "protocol"),
        ("class Protocol: ...\nclass f(Protocol): ...", "class"),
        ("import abc\nclass f(metaclass=abc.ABCMeta): ...", "abstract class"),
        ("class A(KeyError): ...\nclass B(A): ...\nclass f(B): ...", "exception"),
    ],
)
def test_the_type_says_what_it_is(survey: ReadSurvey, code: str, expected: str) -> None:
    found = survey({"a.py": code})
    [module] = found.modules.values()
    assert type_of(Entry(module, module.definitions[-1]), found.index()) == expected


# -- size


def size(text: str) -> int:
    return max(len(json.dumps(text)), len(json.dumps(text, ensure_ascii=False).encode()))


@pytest.mark.parametrize(
    "filling",
    ["x" * 90, '"' * 90, "é" * 90, "\x1b" * 90],
    ids=["plain", "quotes", "accents", "control characters"],
)
def test_a_source_that_is_too_long_is_cut_at_a_line_with_a_note(survey: ReadSurvey, filling: str) -> None:
    lines = ["def f():", *([f"    x = '{filling}'"] * 5_000)]
    text = page(survey({"a.py": "\n".join(lines)}), "a.f")
    assert MAX_PAGE_BYTES * 0.98 < size(text) <= MAX_PAGE_BYTES
    shown = section(text, "Source").split("\n")[1:-1]
    assert shown == lines[: len(shown)]
    missing = f"lines {len(shown) + 1} to 5001 of the file are not shown"
    assert f"*The page would be too large: {missing}.*" in text
    assert headings(text) == ["Function `f`", *SECTIONS]


def test_a_line_that_is_longer_than_a_page_is_cut_with_a_note(survey: ReadSurvey) -> None:
    text = page(survey({"a.py": f"def f(): return '{'x' * 500_000}'"}), "a.f")
    assert section(text, "Source").split("\n")[1] == f"def f(): return '{'x' * 1983}"
    assert "*Line 1 is too long for a page: this is its beginning.*" in text


def test_sections_are_bounded_and_say_so(survey: ReadSurvey) -> None:
    parameters = ", ".join(f"{'p' * 150}{number}: '{'t' * 150}'" for number in range(300))
    files = {
        "a.py": f"def f({parameters}):\n    '''{'word ' * 40_000}'''\n",
        "b.py": "from a import f\n" + "".join(f"def u{number}(): f()\n" for number in range(60)),
    }
    text = page(survey(files), "a.f")
    assert size(text) <= MAX_PAGE_BYTES
    docstring = "*180,000 more characters of the docstring stand in the source.*"
    assert section(text, "Responsibility").endswith(docstring)
    assert section(text, "Public interface") == "*The rest of this section would make the page too large.*"
    assert section(text, "How it fits").endswith("\n- … and 20 more users")
