"""Parts of a Python file as text: signatures, defaults, strings."""

from __future__ import annotations

import sys

import pytest

from gapless.demo.language import rendered

from .reading import class_of, function_of


def test_methods_lose_the_parameter_that_python_fills_in() -> None:
    found = class_of(
        """
        class C:
            def __new__(cls, a): ...
            def method(self, a, /, b): ...
            def only(self, /): ...
            @classmethod
            def build(cls, a): ...
            @staticmethod
            def plain(a): ...
            def anything(*args, **rest): ...
        """
    )
    assert [rendered(each.name, each.signature) for each in found.methods] == [
        "__new__(a)",
        "method(a, /, b)",
        "only()",
        "build(a)",
        "plain(a)",
        "anything(*args, **rest)",
    ]


@pytest.mark.parametrize(
    "signature",
    [
        "f()",
        "f(a, b=1)",
        "f(a: int, /, b: 'B' = None, *, c, d: str = '', **rest: object) -> list[int]",
        "f(*args: int, key=0)",
        "f(a, /, *, b)",
    ],
)
def test_a_signature_reads_as_it_was_written(signature: str) -> None:
    found = function_of(f"def {signature}: ...")
    assert rendered("f", found.signature) == signature


def test_a_wide_signature_takes_a_line_for_each_parameter() -> None:
    names = [f"parameter_{number}" for number in range(8)]
    found = function_of(f"def f({', '.join(names)}) -> None: ...")
    assert rendered("f", found.signature).split("\n") == [
        "f(",
        *(f"    {name}," for name in names),
        ") -> None",
    ]


@pytest.mark.parametrize(
    "default", ["0x" + "f" * 5000, " + ".join(["1"] * (sys.getrecursionlimit() * 2 // 3))]
)
def test_a_default_that_cannot_be_written_is_an_ellipsis(default: str) -> None:
    assert rendered("f", function_of(f"def f(x={default}): ...").signature) == "f(x=…)"


def test_a_long_default_is_cut() -> None:
    found = function_of(f"def f(x='{'y' * 500}'): ...")
    assert found.signature.parameters == (f"x='{'y' * 158}…",)


def test_half_a_surrogate_pair_in_a_docstring_is_shown_as_its_escape() -> None:
    assert function_of('def f():\n    "a \\ud800 b"').docstring == "a \\ud800 b"
