"""What a definition is, in the few words that pages and lists use for it."""

from __future__ import annotations

import builtins

from .definitions import Class, Definition, Function, Whole
from .index import Entry, Index
from .markdown import code

_BY_BASE = {
    "enum.Enum": "enum",
    "enum.IntEnum": "enum",
    "enum.StrEnum": "enum",
    "enum.Flag": "enum",
    "enum.IntFlag": "enum",
    "typing.NamedTuple": "named tuple",
    "typing.TypedDict": "typed dict",
    "typing_extensions.TypedDict": "typed dict",
    "typing.Protocol": "protocol",
    "typing_extensions.Protocol": "protocol",
    "abc.ABC": "abstract class",
}
_INHERITED = ("enum", "typed dict")
"""What a subclass is because its base is."""


_BORDERS = (5, 10, 20, 30, 40)


def kind(definition: Function | Class | Whole) -> str:
    """`class`, `function` or `module`, whatever more there is to say."""
    if isinstance(definition, Whole):
        return "module"
    return "class" if isinstance(definition, Class) else "function"


def rank(complexity: float) -> str:
    """A (simple) to F (untestable), with radon's borders: 5, 10, 20, 30, 40."""
    return "ABCDEF"[sum(complexity > border for border in _BORDERS)]


def type_of(entry: Entry, index: Index) -> str:
    """The kind in full: `async function`, `dataclass`, `exception`."""
    definition = entry.definition
    if definition.sort:
        return definition.sort
    if isinstance(definition, Whole):
        return "module"
    if isinstance(definition, Function):
        return _function_type(definition)
    above = [each.definition for each in index.ancestors(entry)]
    if any(_derives_from_exception(each) for each in (definition, *above)):
        return "exception"
    inherited = [found for found in map(_class_type, above) if found in _INHERITED]
    own = _class_type(definition)
    return inherited[0] if own == "class" and inherited else own


def fields_are_parameters(type_name: str) -> bool:
    """Does the constructor of such a class follow from its annotated attributes?"""
    return type_name in ("dataclass", "named tuple", "typed dict")


def _function_type(function: Function) -> str:
    decorators = [found.target for found in function.references if found.usage == "decorator"]
    if "contextlib.contextmanager" in decorators:
        return "context manager"
    if "contextlib.asynccontextmanager" in decorators:
        return "async context manager"
    return " ".join(["async"] * function.is_async + ["generator"] * function.is_generator + ["function"])


def _class_type(definition: Definition) -> str:
    for reference in definition.references:
        if reference.usage == "decorator" and reference.target.rpartition(".")[2] == "dataclass":
            return "dataclass"
        if reference.usage == "base" and reference.target in _BY_BASE:
            return _BY_BASE[reference.target]
        if reference.target == "abc.ABCMeta":
            return "abstract class"
    return "class"


def _derives_from_exception(definition: Definition) -> bool:
    names = [
        found.target.partition("builtins.")[2] for found in definition.references if found.usage == "base"
    ]
    bases = [getattr(builtins, name, None) for name in names]
    return any(isinstance(base, type) and issubclass(base, BaseException) for base in bases)


def with_article(noun: str) -> str:
    """The noun behind its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 method`, `2 methods`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def place(entry: Entry) -> str:
    """Where it begins: file and line."""
    return code(f"{entry.module.file}:{entry.definition.line}")


def is_special(name: str) -> bool:
    """Is it one of Python's own names, `__len__`?"""
    return name.startswith("__") and name.endswith("__") and len(name) > 4


def is_test(file: str) -> bool:
    """Does the path say that it is a test, or serves tests?"""
    *directories, name = file.split("/")
    return (
        not {"test", "tests", "__tests__"}.isdisjoint(directories)
        or name == "conftest.py"
        or name.startswith("test_")
        or name.rpartition(".")[0].endswith(("_test", ".test", ".spec"))
    )
