"""What is found in a file: definitions, their lines, their complexity, their parts."""

from __future__ import annotations

import sys
import textwrap

import pytest
from radon.complexity import cc_rank, cc_visit

from gapless.demo.definitions import Class, Condition, Function
from gapless.demo.language import Module, rendered
from gapless.demo.languages import Python
from gapless.demo.phrases import rank


def module_of(code: str, file: str = "src/shop/orders.py", name: str = "shop.orders") -> Module:
    return Python().read(file, textwrap.dedent(code).encode(), name)


def function_of(code: str) -> Function:
    [found] = module_of(code).definitions
    assert isinstance(found, Function)
    return found


def class_of(code: str) -> Class:
    [found] = module_of(code).definitions
    assert isinstance(found, Class)
    return found


# -- what there is, and where


def test_functions_and_classes_of_the_top_level_are_definitions_and_nothing_else() -> None:
    module = module_of(
        """
        X = lambda: 1
        def f():
            def inner(): ...
            class Inner: ...
        async def g(): ...
        class C:
            def m(self): ...
            class D: ...
        """
    )
    assert [each.name for each in module.definitions] == ["f", "g", "C"]
    [f, g, c] = module.definitions
    assert isinstance(f, Function)
    assert isinstance(g, Function)
    assert isinstance(c, Class)
    assert (f.inner, f.is_async, g.is_async) == (("inner", "Inner"), False, True)
    assert [each.name for each in c.methods] == ["m"]
    assert [each.name for each in c.classes] == ["D"]


def test_an_empty_file_has_no_definitions() -> None:
    module = module_of("")
    assert (module.definitions, module.lines, module.docstring) == ((), (), None)


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


def test_a_comment_right_above_a_definition_is_kept_and_a_licence_is_not() -> None:
    module = module_of(
        "# Licensed to nobody.\ndef a(): ...\n"
        "# Why b exists.\n# -----\n#: More.\n@x\ndef b(): ...\n"
        "# far away\n\ndef c(): ...\n"
    )
    assert [each.comment for each in module.definitions] == [None, "Why b exists.\nMore.", None]


# -- what functions and classes consist of


def test_generators_are_told_from_functions_that_contain_one() -> None:
    module = module_of("def a():\n    yield 1\ndef b():\n    def inner():\n        yield 1\n")
    assert [isinstance(each, Function) and each.is_generator for each in module.definitions] == [True, False]


def test_raises_names_errors_and_not_variables() -> None:
    found = function_of(
        """
        def f(error):
            from .errors import Late
            try:
                raise errors.Gone("x") from None
            except ValueError as caught:
                raise
            raise error
            raise caught
            raise Late
            raise errors.Gone
            def inner():
                raise KeyError
        """
    )
    assert found.raises == ("errors.Gone", "Late")


def test_attributes_come_with_annotation_value_and_the_string_below_them() -> None:
    found = class_of(
        """
        class C(Base, Generic[T], metaclass=Meta):
            limit: int = 3
            "How many."
            name: str
            a = b = None
            def __init__(self, given: Given, other, *, size=1) -> None:
                self.given = given
                self.other = other
                self.made: list[int] = []
                self.size = size or 2
                self.size = 3
                other.size = 4
        """
    )
    assert found.bases == ("Base", "Generic[T]", "metaclass=Meta")
    assert [(each.name, each.annotation, each.value, each.docstring) for each in found.attributes] == [
        ("limit", "int", "3", "How many."),
        ("name", "str", None, None),
        ("a", None, "None", None),
        ("b", None, "None", None),
    ]
    assert [(each.name, each.annotation, each.value) for each in found.instance_attributes] == [
        ("given", "Given", None),
        ("other", None, "other"),
        ("made", "list[int]", None),
        ("size", None, "size or 2"),
    ]


def test_all_is_read_wherever_it_is_extended() -> None:
    module = module_of('__all__ = ["a"]\nif x:\n    __all__ += ("b",)\n')
    assert module.exports == {"a", "b"}


def test_half_a_surrogate_pair_in_a_docstring_is_shown_as_its_escape() -> None:
    assert function_of('def f():\n    "a \\ud800 b"').docstring == "a \\ud800 b"


# -- complexity


def radon_says(code: str) -> dict[tuple[str, int], int]:
    return {(block.name, block.lineno): block.complexity for block in cc_visit(code)}


def measured(module: Module) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], float] = {}
    for definition in module.definitions:
        methods = definition.methods if isinstance(definition, Class) else ()
        for each in (definition, *methods):
            found[each.name, each.line] = each.complexity
    return found


BRANCHES = """
def plain(): ...
async def branches(x):
    if x and x > 1 or x < 0:
        return [y for y in x if y]
    while x:
        try: pass
        except A: pass
        except B: pass
        else: pass
    assert x
    match x:
        case 1: pass
        case _: pass
    def closure():
        return 1 if x else 2
class C:
    y = 1 if z else 2
    @property
    def a(self):
        return self.b or self.c
    async def b(self):
        for x in self: pass
        else: pass
    if x:
        def c(self): return x if x else x
class Empty: ...
if x:
    class Inside:
        def only(self): return 1 if x else 2
"""


def test_complexity_is_what_radon_counts() -> None:
    module = module_of(BRANCHES)
    assert measured(module) == radon_says(BRANCHES)
    assert rank(21) == cc_rank(21) == "D"


# -- what cannot be measured


def test_a_definition_that_is_nested_too_deeply_fails_alone() -> None:
    terms = " + ".join(["1"] * (sys.getrecursionlimit() * 2 // 3))
    module = module_of(
        f"def a(): ...\nclass Deep:\n    def deep(self):\n        return {terms}\ndef b(): ...\n"
    )
    assert [each.name for each in module.definitions] == ["a", "b"]
    assert module.failures == (("Deep", 2, "nested too deeply to be measured"),)


def test_a_name_as_long_as_a_book_fails_alone() -> None:
    name = "x" * 201
    module = module_of(f"def {name}(): ...\nclass C:\n    def {name}(self): ...\n    def b(self): ...\n")
    [found] = module.definitions
    assert isinstance(found, Class)
    assert [each.name for each in found.methods] == ["b"]
    assert [(each.line, each.reason) for each in module.failures] == [
        (1, "its name has 201 characters"),
        (3, "its name has 201 characters"),
    ]
