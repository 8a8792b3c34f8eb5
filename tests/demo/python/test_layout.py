"""Which pieces of a body are one definition, and under which conditions it is made."""

from __future__ import annotations

from gapless.demo.definitions import Condition, Function
from gapless.demo.language import rendered

from .reading import class_of, function_of, module_of


def test_decorators_belong_to_a_definition() -> None:
    found = function_of("\n@first\n@second(\n    1,\n)\ndef f():\n    pass\n\n")
    assert (found.start, found.line, found.end) == (2, 6, 7)
    assert found.decorators == ("first", "second(1)")


def test_overloads_belong_to_what_implements_them() -> None:
    found = function_of(
        """
        from typing import overload
        @overload
        def f(x: int) -> int: ...
        @overload
        def f(x: str) -> str: ...
        def f(x):
            "Twice as much."
            return x * 2
        """
    )
    assert (found.start, found.line, found.end) == (3, 7, 9)
    assert [rendered("f", each) for each in found.overloads] == ["f(x: int) -> int", "f(x: str) -> str"]
    assert found.docstring == "Twice as much."


def test_overloads_without_an_implementation_are_one_definition() -> None:
    [found, other] = module_of(
        """
        @typing.overload
        def f(x: int) -> int: ...
        @typing.overload
        def f(x: str) -> str: ...
        def g(): ...
        """
    ).definitions
    assert isinstance(found, Function)
    assert (found.name, len(found.overloads), rendered("f", found.signature)) == ("f", 1, "f(x: str) -> str")
    assert other.name == "g"


def test_a_setter_completes_its_property() -> None:
    found = class_of(
        """
        class C:
            @property
            def size(self) -> int: ...
            @size.setter
            def size(self, value: int) -> None: ...
            @cached_property
            def hash(self) -> int: ...
        """
    )
    assert [(each.name, each.role, each.settable) for each in found.methods] == [
        ("size", "property", True),
        ("hash", "property", False),
    ]


def test_definitions_in_branches_say_when_they_are_made() -> None:
    module = module_of(
        """
        if sys.platform == "win32":
            def a(): ...
        elif fast:
            def b(): ...
        else:
            with x:
                def c(): ...
        try:
            import speedups
        except ImportError:
            def d(): ...
        else:
            def e(): ...
        match sys.byteorder:
            case "big":
                def f(): ...
        """
    )
    windows = "sys.platform == 'win32'"
    assert {each.name: each.conditions for each in module.definitions} == {
        "a": (Condition("if", windows),),
        "b": (Condition("unless", windows), Condition("if", "fast")),
        "c": (Condition("unless", windows), Condition("unless", "fast")),
        "d": (Condition("if the try of line 9 fails with", "ImportError"),),
        "e": (),
        "f": (Condition("if sys.byteorder matches", "'big'"),),
    }
