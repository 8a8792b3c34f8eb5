"""The design patterns that a function or a type shows by itself, in any grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tree_sitter import Node

from ..definitions import Evidence
from ..evidence import composite, decorator, fluent, forwarding, generator, observer, told
from ..markdown import code
from .tree import Grammar, children_of, dotted, inside, line_of, text_of, walk

_SUBSCRIBERS = ("subscriber", "listener", "observer", "callback", "handler", "receiver", "watcher", "hook")
_ADDING = ("push", "add", "set", "append", "insert", "unshift", "push_back", "Store")
_ONCE = ("Do", "get_or_init", "call_once", "get_or_try_init")


class Method:
    """A method as the patterns of its type see it: its name, its object, its parameters, its node."""

    def __init__(
        self, name: str, own: str, given: Sequence[str], node: Node, *, constructs: bool = False
    ) -> None:
        self.name = name
        self.own = own
        self.given = frozenset(given)
        self.node = node
        self.constructs = constructs


def of_function(
    node: Node, given: Sequence[str], top: frozenset[str], grammar: Grammar
) -> tuple[Evidence, ...]:
    """What a function shows; `given` are its parameters, `top` the names of the file's top level."""
    own = list(inside(node, grammar))
    found = []
    yields = [line_of(each) for each in own if each.type in grammar.yields and each.is_named]
    if yields:
        found.append(generator(yields))
    found += list(_wrapping(own, frozenset(given), grammar))[:1]
    for each in walk([node]):
        parts = _called(each, grammar)
        if parts is not None and len(parts) > 1 and parts[-1] in _ONCE and parts[0] in top:
            sentence = f"{code('.'.join(parts))} ({{0}}) sees to it that the module's one value is made once."
            found.append(told("Singleton (module state)", sentence, line_of(each)))
            break
    return tuple(found)


def of_type(methods: Sequence[Method], grammar: Grammar) -> tuple[Evidence, ...]:
    """What a type shows by its methods."""
    found: list[Evidence] = []
    found += _observing(methods, grammar)[:1]
    found += list(_composing(methods, grammar))[:1]
    found += list(_forwarding(methods, grammar))[:1]
    returning = [(each.name, line) for each in methods if each.own for line in _returns_own(each, grammar)]
    if len({name for name, _ in returning}) > 1:
        found.append(fluent(returning))
    return tuple(found)


def _called(node: Node, grammar: Grammar) -> tuple[str, ...] | None:
    name = grammar.calls.get(node.type)
    return dotted(node.child_by_field_name(name), grammar) if name else None


def _wrapping(own: list[Node], given: frozenset[str], grammar: Grammar) -> Iterator[Evidence]:
    """A function that gets one, and returns another that calls it."""
    inner = {text_of(each, "name"): each for each in own if each.type in grammar.functions}
    for declared in own:
        value = declared.child_by_field_name("value")
        if value is not None and value.type in grammar.functions:
            inner[text_of(declared, "name")] = value
    for returned in own:
        if returned.type not in grammar.returns:
            continue
        for part in walk(returned.children, grammar.functions):
            made = (
                part
                if part.type in grammar.functions
                else inner.get(text_of(part))
                if part.type in grammar.names
                else None
            )
            if made is None:
                continue
            for call in walk(made.children):
                parts = _called(call, grammar)
                if parts is not None and parts[0] in given:
                    name = text_of(made, "name")
                    what = code(name) if name else "a function"
                    yield decorator(parts[0], what, line_of(made), line_of(call), line_of(returned))
                    return


def _observing(methods: Sequence[Method], grammar: Grammar) -> list[Evidence]:
    added: dict[str, tuple[str, int]] = {}
    for method in methods:
        for name, line in _adds(method, grammar):
            added.setdefault(name, (method.name, line))
    found = []
    for method in methods:
        for name, looped, items, body in _loops(method, grammar):
            if name not in added:
                continue
            named = any(word in name.lower() for word in _SUBSCRIBERS)
            for call in walk([body]):
                parts = _called(call, grammar)
                if parts is not None and parts[0] in items and (len(parts) == 1 or named):
                    adds, line = added[name]
                    found.append(observer(name, adds, line, method.name, looped, line_of(call)))
                    break
    return found


def _adds(method: Method, grammar: Grammar) -> Iterator[tuple[str, int]]:
    for node in walk([method.node]):
        parts = _called(node, grammar)
        if parts is None:
            continue
        arguments = node.child_by_field_name("arguments")
        mentioned = {
            text_of(each) for each in walk([arguments] if arguments else []) if each.type in grammar.names
        }
        if not mentioned & method.given:
            continue
        if len(parts) == 3 and parts[0] == method.own and parts[2] in _ADDING:
            yield parts[1], line_of(node)
        elif parts == ("append",) and arguments is not None and arguments.named_children:
            kept = dotted(arguments.named_children[0], grammar)  # x.list = append(x.list, given)
            if kept is not None and len(kept) == 2 and kept[0] == method.own:
                yield kept[1], line_of(node)


def _loops(method: Method, grammar: Grammar) -> Iterator[tuple[str, int, set[str], Node]]:
    """Each loop over a field of the object: the field, the line, the loop's variables and the body."""
    for node in walk([method.node]):
        if node.type in grammar.loops:
            item, over = grammar.loops[node.type]
            holder = (
                node
                if item
                else next((each for each in node.named_children if each.type == "range_clause"), None)
            )
            if holder is None:
                continue
            gone = holder.child_by_field_name(over or "right")
            variable = holder.child_by_field_name(item or "left")
            body = node.child_by_field_name("body")
            name = _field_of(gone, method.own, grammar)
            if name and variable is not None and body is not None:
                items = {text_of(each) for each in walk([variable]) if each.type in grammar.names}
                yield name, line_of(node), items, body
        else:
            parts = _called(node, grammar)
            arguments = node.child_by_field_name("arguments")
            if (
                parts is None
                or len(parts) != 3
                or parts[0] != method.own
                or parts[2] not in ("forEach", "for_each")
            ):
                continue
            for function in children_of(arguments):
                if function.type in grammar.functions:
                    given = function.child_by_field_name("parameters") or function.child_by_field_name(
                        "parameter"
                    )
                    items = {
                        text_of(each) for each in walk([given] if given else []) if each.type in grammar.names
                    }
                    yield parts[1], line_of(node), items, function


def _field_of(node: Node | None, own: str, grammar: Grammar) -> str:
    """`self.x`, `&self.x`, `self.x.iter()`, `[...this.x]` → `x`."""
    for each in walk([node] if node is not None else []):
        parts = dotted(each, grammar)
        if parts is not None and len(parts) in (2, 3) and parts[0] == own:
            return parts[1]
    return ""


def _composing(methods: Sequence[Method], grammar: Grammar) -> Iterator[Evidence]:
    for method in methods:
        for name, looped, items, body in _loops(method, grammar):
            for call in walk([body]):
                parts = _called(call, grammar)
                if parts is not None and len(parts) == 2 and parts[0] in items and parts[1] == method.name:
                    yield composite(name, method.name, looped, line_of(call))


def _forwarding(methods: Sequence[Method], grammar: Grammar) -> Iterator[Evidence]:
    """What the constructor was given gets the calls of a method of the same name."""
    kept: dict[str, int] = {}
    for method in methods:
        if not method.constructs:
            continue
        for node in walk([method.node]):
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            parts = dotted(left, grammar) if node.type == "assignment_expression" else None
            if (
                parts is not None
                and len(parts) == 2
                and parts[0] == method.own
                and text_of(right) in method.given
            ):
                kept[parts[1]] = line_of(node)
    for method in methods:
        for node in walk([method.node]):
            parts = _called(node, grammar)
            if (
                parts is not None
                and len(parts) == 3
                and parts[0] == method.own
                and parts[1] in kept
                and parts[2] == method.name
            ):
                yield forwarding(method.name, parts[1], kept[parts[1]], line_of(node))


def _returns_own(method: Method, grammar: Grammar) -> list[int]:
    found = [
        line_of(each)
        for each in inside(method.node, grammar)
        if each.type in grammar.returns and [text_of(part) for part in each.named_children] == [method.own]
    ]
    body = method.node.child_by_field_name("body")
    last = body.named_children[-1] if body is not None and body.named_children else None
    if last is not None and text_of(last) == method.own and last.type in grammar.own:
        found.append(line_of(last))
    return found
