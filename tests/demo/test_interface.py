"""How a page says that a definition is called, and what it offers."""

from __future__ import annotations

import pytest

from .pages import FITS, INTERFACE, ReadSurvey, page, section


def test_the_interface_of_a_function_is_its_signature_and_what_the_code_says(survey: ReadSurvey) -> None:
    code = "async def f(a: int = 1):\n    raise ValueError(a)\n"
    assert section(page(survey({"src/shop/a.py": code}), "shop.a.f"), INTERFACE) == (
        "```python\nasync def f(a: int = 1)\n```\n\n"
        "It is asynchronous: its result must be awaited. It has no return annotation. "
        "Its own code raises `ValueError`. It is imported with `from shop.a import f`."
    )


def test_overloads_are_the_interface_and_their_implementation_is_not(survey: ReadSurvey) -> None:
    code = (
        "from typing import overload\n@overload\ndef f(a: int) -> int: ...\n@overload\n"
        "def f(a: str) -> str: ...\ndef f(a): return a\n"
    )
    text = section(page(survey({"a.py": code}), "a.f"), INTERFACE)
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
    assert section(page(survey({"a.py": code}), "a.C"), INTERFACE) == (
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
    text = section(page(survey({"a.py": code}), "a.C"), INTERFACE)
    assert text.startswith(construction)


def test_what_a_package_offers_is_imported_from_there(survey: ReadSurvey) -> None:
    files = {"shop/__init__.py": "from .a import f\n", "shop/a.py": "def f(): ...\ndef _g(): ...\n"}
    found = survey(files)
    assert "`from shop import f`" in section(page(found, "shop.a.f"), INTERFACE)
    assert "`shop` offers it under its name." in section(page(found, "shop.a.f"), FITS)
    assert "It is private to `shop.a`." in section(page(found, "shop.a._g"), INTERFACE)
