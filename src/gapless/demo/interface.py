"""The section *Public interface*: how a definition is called, and what it offers."""

from __future__ import annotations

from collections.abc import Iterable

from .complexity import rank
from .definitions import Attribute, Class, Function, Signature
from .docstring import summary
from .index import Entry, Index
from .markdown import code, codes, fenced, listed
from .phrases import counted, fields_are_parameters, is_public, is_special, is_test, type_of
from .signature import rendered

_INLINE = 88
"""Characters of a signature in a list; a longer one gets a block of its own."""

_CONSTRUCTION = ("__init__", "__new__", "__post_init__")

_KNOWN_DECORATORS = ("overload", "property", "classmethod", "staticmethod", "setter")


def interface(entry: Entry, index: Index) -> list[str]:
    """The blocks of the section; never empty."""
    definition = entry.definition
    type_name = type_of(entry, index)
    if isinstance(definition, Function):
        return _of_function(entry, definition, index, type_name)
    return _of_class(entry, definition, index, type_name)


def _of_function(entry: Entry, function: Function, index: Index, type_name: str) -> list[str]:
    start = "async def " if function.is_async else "def "
    shown = [
        fenced("\n".join(start + rendered(function.name, each) for each in _signatures(function)), "python")
    ]
    facts = []
    if "context manager" in type_name:
        facts.append(f"It is used with `{'async ' * function.is_async}with`.")
    elif function.is_generator:
        facts.append("It is a generator: nothing runs until it is iterated.")
    elif function.is_async:
        facts.append("It is a coroutine function: its result must be awaited.")
    if all(each.returns is None for each in _signatures(function)):
        facts.append("It has no return annotation.")
    if function.raises:
        facts.append(f"Its own code raises {codes(function.raises)}.")
    facts.append(_visibility(entry, index))
    said = " ".join(filter(None, facts))
    return [*shown, said] if said else shown


def _of_class(entry: Entry, definition: Class, index: Index, type_name: str) -> list[str]:
    blocks = [*_construction(definition, type_name)]
    named = [each for each in definition.methods if not is_special(each.name)]
    groups = [
        ("Attributes", _attributes(definition), "attributes"),
        ("Methods", [_method(each) for each in named if is_public(each.name)], "methods"),
        ("Special methods", [_method(each) for each in _special(definition)], "methods"),
        ("Classes inside", [_inner(each) for each in definition.classes if is_public(each.name)], "classes"),
        ("Inherited", _inherited(entry, index), "classes"),
    ]
    for title, items, what in groups:
        if items:
            blocks += [f"**{title}**", listed(items, what)]
    if not any(items for _, items, _ in groups):
        blocks.append("It adds no public attributes and no methods of its own.")
    private = sum(not is_public(each.name) for each in named)
    facts = [_visibility(entry, index)]
    if private:
        facts.append(f"{counted(private, 'private method')} {'is' if private == 1 else 'are'} not listed.")
    said = " ".join(filter(None, facts))
    return [*blocks, said] if said else blocks


def _construction(definition: Class, type_name: str) -> list[str]:
    constructor = definition.method("__init__") or definition.method("__new__")
    if constructor is not None:
        calls = [rendered(definition.name, each._replace(returns=None)) for each in _signatures(constructor)]
        return [fenced("\n".join(calls), "python")]
    if fields_are_parameters(type_name):
        derived = type_name == "dataclass" and definition.bases
        fields = "the annotated fields of its bases and then its own" if derived else "its annotated fields"
        return [f"It is constructed from {fields}, in their order."]
    if definition.bases:
        heading = f"class {definition.name}({', '.join(definition.bases)})"
        return [fenced(heading, "python"), "It defines no constructor; that of its bases applies."]
    return [fenced(f"{definition.name}()", "python")]


def _signatures(function: Function) -> tuple[Signature, ...]:
    """What callers see: the overloads, where there are any, and not what implements them."""
    if not function.overloads:
        return (function.signature,)
    is_stub = any(each.rpartition(".")[2] == "overload" for each in function.decorators)
    return (*function.overloads, function.signature) if is_stub else function.overloads


def _attributes(definition: Class) -> list[str]:
    found: dict[str, str] = {}
    for each in (*definition.attributes, *definition.instance_attributes):
        if is_public(each.name):
            found.setdefault(each.name, _attribute(each))
    return list(found.values())


def _attribute(attribute: Attribute) -> str:
    said = summary(attribute.docstring)
    return f"{code(_assignment(attribute))} – {said}" if said else code(_assignment(attribute))


def _assignment(attribute: Attribute) -> str:
    annotation = "" if attribute.annotation is None else f": {attribute.annotation}"
    value = "" if attribute.value is None else f" = {attribute.value}"
    return f"{attribute.name}{annotation}{value}"


def _special(definition: Class) -> Iterable[Function]:
    return (each for each in definition.methods if is_special(each.name) and each.name not in _CONSTRUCTION)


def _method(method: Function) -> str:
    shown = [_call(method, each) for each in _signatures(method)]
    about = [f"line {method.line}", f"complexity {method.complexity}"]
    if method.complexity > 10:
        about[1] += f", rank {rank(method.complexity)}"
    about += [f"decorated with {code('@' + each)}" for each in method.decorators if not _is_known(each)]
    said = summary(method.docstring)
    text = f"{f' – {said}' if said else ''} ({'; '.join(about)})"
    kind = {"property": "property, settable" if method.settable else "property"}.get(method.role, method.role)
    label = f" *{kind}*" if method.role != "method" else ""
    if len(shown) == 1 and "\n" not in shown[0] and len(shown[0]) <= _INLINE:
        return f"{code(shown[0])}{label}{text}"
    return f"{code(method.name)}{label}{text}\n\n{fenced(chr(10).join(shown), 'python')}\n"


def _call(method: Function, signature: Signature) -> str:
    if method.role == "property":
        return method.name if signature.returns is None else f"{method.name}: {signature.returns}"
    return ("async " if method.is_async else "") + rendered(method.name, signature)


def _is_known(decorator: str) -> bool:
    return decorator.rpartition(".")[2] in _KNOWN_DECORATORS


def _inner(inner: Class) -> str:
    said = summary(inner.docstring)
    methods = [each.name for each in inner.methods if is_public(each.name)]
    offers = f", with {codes(methods)}" if methods else ""
    return f"{code(inner.name)} (line {inner.line}){f' – {said}' if said else ''}{offers}"


def _inherited(entry: Entry, index: Index) -> list[str]:
    """The public methods that come from bases in the same checkout."""
    own = (
        {method.name for method in entry.definition.methods} if isinstance(entry.definition, Class) else set()
    )
    items = []
    for base in index.ancestors(entry):
        methods = base.definition.methods if isinstance(base.definition, Class) else ()
        names = list(
            dict.fromkeys(each.name for each in methods if is_public(each.name) and each.name not in own)
        )
        if names:
            items.append(f"from {code(base.qualified)}: {codes(names)}")
            own.update(names)
    return items


def _visibility(entry: Entry, index: Index) -> str:
    name, module = entry.definition.name, entry.module.name
    if is_test(entry.module.file):
        return ""  # tests are run, not imported
    if not is_public(name):
        return f"Its leading underscore marks it as private to {code(module)}."
    offering = min((each.name for each in index.exported_by(entry)), key=len, default=module)
    listed_there = (
        f" It is listed in {code('__all__')} of {code(module)}." if name in entry.module.exports else ""
    )
    return f"It is imported with {code(f'from {offering} import {name}')}.{listed_there}"
