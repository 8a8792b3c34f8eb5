"""Design patterns that a definition and its users show together: named with their lines, and nowhere else."""

from __future__ import annotations

import pytest

from .seen import ReadSurvey, found_in

SHOWN = [
    (
        "Singleton (module state)",
        (
            "The module keeps the one instance in `_made`: it is made when it is missing (line 6) "
            "and returned ever after (line 7)."
        ),
        """
        _made = None
        def f():
            global _made
            if _made is None:
                _made = object()
            return _made
        """,
    ),
    (
        "Singleton (module state)",
        "This repository makes one instance, and the module keeps it: `shared = C()` (`a.py:3`).",
        "\nclass C: ...\nshared = C()\n",
    ),
    (
        "Factory",
        "`pick` returns one of `A` and `B`, made in lines 5 and 6.",
        """
        class A: ...
        class B: ...
        def pick(x):
            if x: return A()
            return B()
        """,
    ),
    ("Factory", "`make_a` returns a new `A`, made in line 3.", "\nclass A: ...\ndef make_a(): return A()\n"),
]


@pytest.mark.parametrize(("pattern", "said", "code"), SHOWN)
def test_a_pattern_that_the_code_shows_is_named_with_its_lines(
    survey: ReadSurvey, pattern: str, said: str, code: str
) -> None:
    name = "C" if "class C" in code else ""
    assert found_in(survey, code, name).get(pattern) == said


NOT_SHOWN = [
    "_made = None\ndef f():\n    global _made\n    _made = object()\n    return _made\n",
    "class C: ...\nC()\n",
    "class C: ...\none, other = C(), C()\n",
    "class A: ...\ndef find(): return A()\n",
    "class A: ...\ndef make(): A()\n",
]


@pytest.mark.parametrize("code", NOT_SHOWN)
def test_what_only_looks_like_a_pattern_is_not_named(survey: ReadSurvey, code: str) -> None:
    assert found_in(survey, code) == {}


def test_a_class_that_is_made_elsewhere_too_is_no_singleton(survey: ReadSurvey) -> None:
    code = "class C: ...\nshared = C()\n"
    assert "Singleton (module state)" in found_in(survey, code)
    assert found_in(survey, code, b="from a import C\ndef f(): return C()\n") == {}
