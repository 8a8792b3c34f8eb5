"""What is found in a file: definitions, their lines, their complexity."""

from __future__ import annotations

import sys

from radon.complexity import cc_rank, cc_visit

from gapless.demo.definitions import Class, Function
from gapless.demo.language import Module
from gapless.demo.phrases import rank

from .reading import function_of, module_of


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


def test_a_comment_right_above_a_definition_is_kept_and_a_licence_is_not() -> None:
    module = module_of(
        "# Licensed to nobody.\ndef a(): ...\n"
        "# Why b exists.\n# -----\n#: More.\n@x\ndef b(): ...\n"
        "# far away\n\ndef c(): ...\n"
    )
    assert [each.comment for each in module.definitions] == [None, "Why b exists.\nMore.", None]


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


def test_all_is_read_wherever_it_is_extended() -> None:
    module = module_of('__all__ = ["a"]\nif x:\n    __all__ += ("b",)\n')
    assert module.exports == {"a", "b"}


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
