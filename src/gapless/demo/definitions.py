"""What was found in a source file: the values between reading it and writing pages about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Usage = Literal["call", "raise", "except", "base", "decorator", "annotation", "name", "import"]
"""How a piece of code mentions a name; a call is not also a mere name."""

Role = Literal["function", "method", "property", "classmethod", "staticmethod"]


class Reference(NamedTuple):
    """One mention of something that a file imports or defines.

    `target` is absolute and dotted, `package.module.Name`, as the imports of the file say; nobody
    has checked yet that it exists. With `member`, the code uses that attribute of an *instance* of
    `target`; `a.b` is the attribute `b` of what is in its attribute `a`.
    """

    target: str
    usage: Usage
    line: int
    member: str = ""
    typing_only: bool = False
    """Was it imported for type checkers alone?"""


class Signature(NamedTuple):
    """Parameters as text, without the one that the language fills in, and the annotation of the result."""

    parameters: tuple[str, ...]
    returns: str | None = None
    arrow: str = " -> "
    """What stands between the parameters and the result."""
    generics: str = ""
    """Parameters that stand for types, with their brackets."""


class Evidence(NamedTuple):
    """A design pattern, and the code that shows it."""

    pattern: str
    said: str
    """Whole sentences, as Markdown, with the lines."""
    lines: tuple[int, ...]


class Attribute(NamedTuple):
    """A name that a class or its `__init__` assigns."""

    name: str
    annotation: str | None
    value: str | None
    docstring: str | None
    line: int
    public: bool = True


class Condition(NamedTuple):
    """When a definition is made at all: a word such as `if`, and the code that decides."""

    word: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a function, a class and a module have in common.

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
    complexity: float
    """Cyclomatic, as radon counts it: of a class and of a module, the mean of what is inside it."""
    references: tuple[Reference, ...]
    sort: str = ""
    """What its language calls it, where that is more than function or class: `struct`, `async function`."""
    public: bool = True
    """May code outside its module use it?"""
    patterns: tuple[Evidence, ...] = ()
    """Those that its own code shows; what only its users show is found later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Definition):
    """A function or a method with everything inside it."""

    role: Role
    signature: Signature
    parameters: tuple[str, ...] = ()
    """Their names alone."""
    keyword: str = "def"
    """What a declaration begins with."""
    owner: str = ""
    """The type it is a method of, where that is declared elsewhere in the module or package."""
    overloads: tuple[Signature, ...] = ()
    is_async: bool = False
    is_generator: bool = False
    settable: bool = False
    """Is it a property with a setter?"""
    raises: tuple[str, ...] = ()
    """What its own `raise` statements name, in order."""
    inner: tuple[str, ...] = ()
    """Functions and classes that it defines inside."""
    returned: tuple[int, ...] = ()
    """Lines of `return` statements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Class(Definition):
    """A class with its body."""

    bases: tuple[str, ...]
    """As written, keywords such as `metaclass=` included."""
    attributes: tuple[Attribute, ...] = ()
    instance_attributes: tuple[Attribute, ...] = ()
    methods: tuple[Function, ...] = ()
    classes: tuple[Class, ...] = ()
    heading: str = ""
    """The declaration, up to its body."""
    constructor: Function | None = None
    field_types: Mapping[str, str] = field(default_factory=dict)
    """Attributes of its instances → the targets of their types, for those who cannot see its file."""

    def method(self, name: str) -> Function | None:
        """The last method of that name, which is the one that counts."""
        return next((method for method in reversed(self.methods) if method.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Definition):
    """A file as something to be documented itself."""


class Failure(NamedTuple):
    """A definition that could not be measured."""

    name: str
    line: int
    reason: str
