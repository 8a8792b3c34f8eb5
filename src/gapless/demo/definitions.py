"""What was found in a Python file: the values between measuring it and writing pages about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Usage = Literal["call", "raise", "except", "base", "decorator", "annotation", "name"]
"""How a piece of code mentions a name; a call is not also a mere name."""

Role = Literal["function", "method", "property", "classmethod", "staticmethod"]


class Reference(NamedTuple):
    """One mention of something that a file imports or defines.

    `target` is absolute and dotted, `package.module.Name`, as the imports of the file say; nobody
    has checked yet that it exists. With `member`, the code uses that attribute of an *instance* of
    `target`.
    """

    target: str
    usage: Usage
    line: int
    member: str = ""
    typing_only: bool = False
    """Was it imported for type checkers alone?"""


class Signature(NamedTuple):
    """Rendered parameters, without `self` or `cls`, and the return annotation."""

    parameters: tuple[str, ...]
    returns: str | None = None


class Attribute(NamedTuple):
    """A name that a class or its `__init__` assigns."""

    name: str
    annotation: str | None
    value: str | None
    docstring: str | None
    line: int


class Condition(NamedTuple):
    """When a definition is made at all: a word such as `if`, and the code that decides."""

    word: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a function and a class have in common.

    Lines count from 1; `start` is that of the first decorator or overload, `line` that of `def`
    or `class`, `end` the last one, included.
    """

    name: str
    start: int
    line: int
    end: int
    docstring: str | None
    comment: str | None
    """The comment lines right above it."""
    decorators: tuple[str, ...]
    conditions: tuple[Condition, ...]
    """The statements it stands in, outermost first."""
    complexity: int
    """As radon counts it: of a class, the mean of its methods."""
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Definition):
    """A function or a method with everything inside it."""

    role: Role
    signature: Signature
    overloads: tuple[Signature, ...] = ()
    is_async: bool = False
    is_generator: bool = False
    settable: bool = False
    """Is it a property with a setter?"""
    raises: tuple[str, ...] = ()
    """What its own `raise` statements name, in order."""
    inner: tuple[str, ...] = ()
    """Functions and classes that it defines inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Class(Definition):
    """A class with its body."""

    bases: tuple[str, ...]
    """As written, keywords such as `metaclass=` included."""
    attributes: tuple[Attribute, ...]
    instance_attributes: tuple[Attribute, ...]
    methods: tuple[Function, ...]
    classes: tuple[Class, ...]
    total_complexity: int

    def method(self, name: str) -> Function | None:
        """The last method of that name, which is the one that counts."""
        return next((method for method in reversed(self.methods) if method.name == name), None)


class Failure(NamedTuple):
    """A definition that could not be measured."""

    name: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its own names and what it defines at its top level."""

    file: str
    name: str
    """Dotted, as an import statement says it."""
    lines: tuple[str, ...]
    docstring: str | None
    names: Mapping[str, str]
    """Every name of the module's top level → its absolute dotted target."""
    stars: tuple[str, ...]
    """Modules of which everything is imported."""
    exports: frozenset[str] = frozenset()
    """What `__all__` lists."""
    definitions: tuple[Function | Class, ...] = ()
    references: tuple[Reference, ...] = ()
    """Those of the code outside every definition."""
    failures: tuple[Failure, ...] = ()
