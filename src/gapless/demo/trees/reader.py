"""One file with its syntax tree → functions, classes and the module: what every grammar needs alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from tree_sitter import Language as Compiled
from tree_sitter import Node, Parser

from ..definitions import Class, Failure, Function, Reference, Role, Signature, Whole
from ..language import MAX_NAME, Language, Module, UnreadableSource, clipped, split_lines
from .patterns import Method, of_function, of_type
from .tree import (
    Grammar,
    Scope,
    bound,
    complexity_of,
    dotted,
    end_of,
    inside,
    line_of,
    one_line,
    text_of,
)

_LICENCE = re.compile(r"licen[cs]e|copyright|@preserve", re.IGNORECASE)
_DIRECTIVE = re.compile(
    r"\W*(#(end)?region|eslint|@ts-|prettier-|istanbul|c8 |biome-|tslint|jshint|globals? |go:|\+build|nolint|"
    r"@preserve|@license)",
    re.IGNORECASE,
)
_TAG = re.compile(r"@(\w+)\s*(.*)")
_TYPED = re.compile(r"(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}\s*)?(.*)")
_NAMED = re.compile(r"(\[[^\]]*\]|[\w.$]+)(?:\s+-?\s*(.*))?")


def parsed(compiled: object, content: bytes, language: str) -> tuple[Node, tuple[str, ...]]:
    """The root of a file's tree, and its lines.

    Raises:
        UnreadableSource: it is not UTF-8, or nothing of it is in that language.
    """
    try:
        text, lines = split_lines(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableSource(f"not utf-8 in line {line}: {error.reason}") from error
    if "\0" in text:
        raise UnreadableSource(f"a null byte in line {text[: text.index(chr(0))].count(chr(10)) + 1}")
    root = Parser(Compiled(compiled)).parse(text.encode()).root_node
    if root.type == "ERROR":
        raise UnreadableSource(f"not {language}")
    return root, lines


@dataclass(frozen=True, slots=True)
class Above:
    """What stands right above a definition."""

    start: int
    """The first line that belongs to it: of its attributes, else its own."""
    docstring: str | None
    comment: str | None
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A function as its grammar writes it."""

    name: str
    node: Node
    span: Node
    """The statement that it is declared by: an export, a variable."""
    keyword: str
    signature: Signature
    given: tuple[str, ...]
    """The names of its parameters, as far as they have any."""
    public: bool
    sort: str = ""
    role: Role = "method"
    owner: str = ""
    own: str = ""
    """What stands for the object that it is a method of."""
    own_type: str = ""
    """The target of that object's type."""
    is_async: bool = False
    is_generator: bool = False
    constructs: bool = False
    types: Mapping[str, str] | None = None
    """Variable → target of its type."""


class Reader:
    """Makes definitions out of the nodes of one file."""

    def __init__(self, file: str, lines: tuple[str, ...], root: Node, grammar: Grammar, scope: Scope) -> None:
        self.file = file
        self.lines = lines
        self.root = root
        self.grammar = grammar
        self.scope = scope
        self.failures: list[Failure] = []
        self._top = frozenset(scope.names)

    def fits(self, name: str, node: Node) -> bool:
        """Is the name one that a page can have for a title? Otherwise that is a failure."""
        if 0 < len(name) <= MAX_NAME:
            return True
        if name:
            self.failures.append(
                Failure(clipped(name), line_of(node), f"its name has {len(name)} characters")
            )
        return False

    def function(self, shape: Shape) -> Function:
        """A function or a method with everything inside it."""
        node, grammar = shape.node, self.grammar
        above = self.above(shape.span)
        local = bound(node, grammar) | {each for each in shape.given if each}
        scope = replace(
            self.scope,
            locals=local - {shape.own},
            own=(shape.own, shape.own_type),
            types=dict(shape.types or {}),
        )
        own = list(inside(node, grammar))
        nested = [each.child_by_field_name("name") for each in own if each.type in grammar.functions]
        return Function(
            name=shape.name,
            start=above.start,
            line=line_of(shape.span),
            end=end_of(shape.span),
            docstring=above.docstring,
            comment=above.comment,
            decorators=above.attributes,
            conditions=(),
            complexity=complexity_of(node, grammar),
            references=self._without_itself(scope.references(node.children, grammar), shape),
            sort=shape.sort,
            public=shape.public,
            patterns=of_function(node, shape.given, self._top, grammar),
            role=shape.role,
            signature=shape.signature,
            parameters=tuple(dict.fromkeys(each for each in shape.given if each.strip("_"))),
            keyword=shape.keyword,
            owner=shape.owner,
            is_async=shape.is_async,
            is_generator=shape.is_generator,
            raises=self._raised(own),
            inner=tuple(dict.fromkeys(text_of(each) for each in nested if each is not None)),
            returned=tuple(_returned(node, own, grammar)),
        )

    def type_of(
        self,
        name: str,
        node: Node,
        span: Node,
        *,
        sort: str,
        public: bool,
        shapes: Sequence[Shape] = (),
        methods: Sequence[Function] = (),
        base_nodes: Iterable[Node] = (),
        outside: Sequence[Function] = (),
        body: Iterable[Node] = (),
        **fields: Any,
    ) -> Class:
        """A class, struct, interface or whatever a grammar calls it.

        `methods` are those inside it; `outside` those of the same file that stand elsewhere; `shapes` both.
        """
        above = self.above(span)
        bases = [
            (each, self.scope.target(parts)) for each in base_nodes if (parts := dotted(each, self.grammar))
        ]
        references = [Reference(target, "base", line_of(each)) for each, target in bases if target]
        taken = {(each.target, each.line) for each in references}
        mentioned = self.scope.references(body, self.grammar)
        references += [each for each in mentioned if (each.target, each.line) not in taken]
        shown = [
            Method(each.name, each.own, each.given, each.node, constructs=each.constructs) for each in shapes
        ]
        measured = [each.complexity for each in (*methods, *outside)]
        return Class(
            name=name,
            start=above.start,
            line=line_of(span),
            end=end_of(span),
            docstring=above.docstring,
            comment=above.comment,
            decorators=above.attributes,
            conditions=(),
            complexity=fmean(measured) if measured else 1,
            references=tuple(sorted(references, key=lambda each: each.line)),
            sort=sort,
            public=public,
            patterns=of_type(shown, self.grammar),
            methods=tuple(methods),
            **fields,
        )

    def module(
        self,
        language: Language,
        definitions: Sequence[Function | Class],
        imports: Iterable[Reference],
        *,
        docstring: str | None,
        stars: Iterable[str] = (),
        exports: Iterable[str] = (),
    ) -> Module:
        """The file, with the references of the code outside its definitions."""
        spans = [(each.start, each.end) for each in definitions]
        own = [each for each in self.root.children if each.type != "impl_item"]
        imports = list(imports)
        lines = {each.line for each in imports}
        for first, last in spans:
            lines.update(range(first, last + 1))
        references = [each for each in self.scope.references(own, self.grammar) if each.line not in lines]
        has_code = any(
            each.is_named and each.type not in self.grammar.comments for each in self.root.children
        )
        ordered = sorted(definitions, key=lambda each: (each.start, each.line))
        whole = Whole(
            name=self.scope.module,
            start=1,
            line=1,
            end=max(1, len(self.lines)),
            docstring=docstring,
            comment=None,
            decorators=(),
            conditions=(),
            complexity=fmean(each.complexity for each in ordered)
            if ordered
            else complexity_of(self.root, self.grammar),
            references=(),
        )
        return Module(
            language=language,
            file=self.file,
            name=self.scope.module,
            lines=self.lines,
            whole=whole if has_code else None,
            names=self.scope.names,
            stars=tuple(stars),
            exports=frozenset(exports),
            definitions=tuple(ordered),
            references=(*imports, *references),
            failures=tuple(self.failures),
        )

    def above(self, span: Node) -> Above:
        """The attributes, the documentation and the comments right above a statement."""
        start = line_of(span)
        comments: list[Node] = []
        attributes: list[str] = []
        first, node = start, span.prev_sibling
        while (
            node is not None
            and node.type in (*self.grammar.comments, "attribute_item")
            and end_of(node) >= first - 1
        ):
            if self.lines[line_of(node) - 1][: node.start_point[1]].strip():
                break  # it ends the line of what stands before
            if node.type == "attribute_item":
                attributes.insert(0, clipped(one_line(node)))
                start = line_of(node)
            else:
                comments.insert(0, node)
            first, node = line_of(node), node.prev_sibling
        said = [text for each in comments if not _DIRECTIVE.match(text := text_of(each))]
        docs = [text for text in said if _is_documentation(text, self.grammar)]
        if self.grammar.plain_docs:
            docs = said
        others = [text for text in said if text not in docs]
        if first == 1 and _LICENCE.search("\n".join(said)):
            docs = others = []
        return Above(start, cleaned(docs) or None, cleaned(others) or None, tuple(attributes))

    def _without_itself(self, found: tuple[Reference, ...], shape: Shape) -> tuple[Reference, ...]:
        own = f"{self.scope.module}.{shape.name}"
        return tuple(each for each in found if shape.owner or each.target != own)

    def _raised(self, own: Iterable[Node]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for node in own:
            if node.type in self.grammar.raising:
                for thrown in node.named_children:
                    name = self.grammar.calls.get(thrown.type)
                    parts = dotted(thrown.child_by_field_name(name), self.grammar) if name else None
                    if parts is not None:
                        found[".".join(parts)] = None
        return tuple(found)


def cleaned(comments: Sequence[str]) -> str:
    """Comments without what marks them as such; JSDoc's tags as the fields of a list."""
    lines: list[str] = []
    for comment in comments:
        if comment.startswith("/*"):
            inner = re.sub(r"\A/\*[*!]?|\*/\Z", "", comment).split("\n")
            lines += [re.sub(r"^\s*\* ?", "", line) if at else line.lstrip() for at, line in enumerate(inner)]
        else:
            lines += [re.sub(r"^\s*//[/!]? ?", "", line) for line in comment.rstrip("\n").split("\n")]
    lines = [line.rstrip() for line in lines]
    while lines and not re.search(r"\w", lines[0]):
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return "\n".join(_with_fields(lines))


def _with_fields(lines: list[str]) -> list[str]:
    found: list[str] = []
    example = False
    for line in lines:
        tag = _TAG.match(line)
        if tag is None:
            found.append(
                f"  {line.strip()}"
                if found and found[-1].startswith((":", "  ")) and line and not example
                else line
            )
            continue
        if example:
            found += ["```", ""]
            example = False
        if tag[1] == "example":
            found += ["", "Example:", "", "```"]
            example = True
            continue
        rest = _TYPED.fullmatch(tag[2])
        text = rest[1] if rest else tag[2]
        named = (
            _NAMED.fullmatch(text)
            if tag[1] in ("param", "arg", "argument", "property", "prop", "template")
            else None
        )
        if found and found[-1] and not found[-1].startswith((":", "  ")):
            found.append("")
        if named is not None:
            name = named[1].strip("[]").partition("=")[0]
            found.append(f":{tag[1]} {name}: {named[2] or ''}".rstrip())
        else:
            found.append(f":{tag[1]}: {text}".rstrip())
    return [*found, "```"] if example else found


def _is_documentation(text: str, grammar: Grammar) -> bool:
    return text.startswith(("/**", "///", "//!", "/*!")) and not text.startswith(("/***", "////"))


def _returned(node: Node, own: Iterable[Node], grammar: Grammar) -> Iterable[int]:
    """Lines of what is returned: by a statement, or as the value of the body."""
    for each in own:
        if each.type in grammar.returns and each.named_child_count:
            yield from range(line_of(each), line_of(each.named_children[0]) + 1)
    body = node.child_by_field_name("body")
    if body is not None and node.type == "arrow_function" and body.type != "statement_block":
        yield line_of(body)
    elif body is not None and body.type == "block" and body.named_children and grammar.tail_returns:
        yield line_of(body.named_children[-1])
