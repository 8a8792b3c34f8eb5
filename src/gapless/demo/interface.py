"""The section *Public Interface*: how a definition is called, and what it offers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .definitions import Attribute, Class, Function, Signature, Whole
from .docstring import summary
from .index import Entry, Index
from .language import rendered
from .markdown import code, codes, fenced, listed
from .phrases import counted, fields_are_parameters, is_special, is_test, rank, type_of

_INLINE = 88
"""Characters of a signature in a list; a longer one gets a block of its own."""

_CONSTRUCTION = ("__init__", "__new__", "__post_init__", "constructor")

_KNOWN_DECORATORS = ("overload", "property", "classmethod", "staticmethod", "setter")


def interface(entry: Entry, index: Index) -> list[str]:
    """The blocks of the section; never empty."""
    match entry.definition:
        case Whole():
            return _of_module(entry, index)
        case Class() as definition:
            return _of_class(entry, definition, index)
        case Function() as definition:
            return _of_function(entry, definition, index)


def _of_module(entry: Entry, index: Index) -> list[str]:
    module = entry.module
    shown = [each for each in module.definitions if each.public]
    hidden = len(module.definitions) - len(shown)
    blocks = []
    for title, found in (
        ("Classes", [each for each in shown if isinstance(each, Class)]),
        ("Functions", [each for each in shown if isinstance(each, Function)]),
    ):
        if found:
            blocks += [
                f"**{title}**",
                listed(
                    [
                        _defined(module_entry, index)
                        for module_entry in (Entry(module, each) for each in found)
                    ],
                    title.lower(),
                ),
            ]
    offered = sorted(
        name for name in module.exports if name not in {each.name for each in module.definitions}
    )
    if offered:
        blocks.append(f"It also offers {codes(offered)}.")
    if hidden:
        blocks.append(f"{counted(hidden, 'private definition')} {'is' if hidden == 1 else 'are'} not listed.")
    if not blocks:
        blocks.append("It defines no functions and no classes; its statements run when it is loaded.")
    return blocks


def _defined(entry: Entry, index: Index) -> str:
    definition = entry.definition
    said = summary(definition.docstring)
    about = f"{type_of(entry, index)}, line {definition.line}; complexity {definition.complexity:.3g}"
    return f"{code(entry.name)}{f' – {said}' if said else ''} ({about})"


def _of_function(entry: Entry, function: Function, index: Index) -> list[str]:
    type_name, fence = type_of(entry, index), entry.module.language.fence
    calls = [f"{function.keyword} {rendered(function.name, each)}".strip() for each in _signatures(function)]
    facts = []
    if "context manager" in type_name:
        facts.append(f"It is used with `{'async ' * function.is_async}with`.")
    elif function.is_generator:
        facts.append("It is a generator: nothing runs until it is iterated.")
    elif function.is_async:
        facts.append("It is asynchronous: its result must be awaited.")
    if fence == "python" and all(each.returns is None for each in _signatures(function)):
        facts.append("It has no return annotation.")
    if function.raises:
        facts.append(f"Its own code raises {codes(function.raises)}.")
    facts.append(_visibility(entry, index))
    said = " ".join(filter(None, facts))
    shown = [fenced("\n".join(calls), fence)]
    return [*shown, said] if said else shown


def _of_class(entry: Entry, definition: Class, index: Index) -> list[str]:
    type_name = type_of(entry, index)
    blocks = _construction(entry, definition, type_name)
    methods = [*((each, entry) for each in definition.methods), *_elsewhere(entry, index)]
    named = [
        (each, at) for each, at in methods if not is_special(each.name) and each.name not in _CONSTRUCTION
    ]
    special = [(each, at) for each, at in methods if is_special(each.name) and each.name not in _CONSTRUCTION]
    groups = [
        ("Attributes", _attributes(definition), "attributes"),
        ("Methods", [_method(each, entry, at) for each, at in named if each.public], "methods"),
        ("Special methods", [_method(each, entry, at) for each, at in special], "methods"),
        ("Classes inside", [_inner(each) for each in definition.classes if each.public], "classes"),
        ("Inherited", _inherited(entry, index), "classes"),
    ]
    for title, items, what in groups:
        if items:
            blocks += [f"**{title}**", listed(items, what)]
    if not any(items for _, items, _ in groups):
        adds = (
            "has no public attributes and methods"
            if methods
            else "adds no attributes and no methods of its own"
        )
        blocks.append(f"It {adds}.")
    private = sum(not each.public for each, _ in named)
    facts = [_hardest([each for each, _ in methods]), _visibility(entry, index)]
    if private:
        facts.append(f"{counted(private, 'private method')} {'is' if private == 1 else 'are'} not listed.")
    said = " ".join(filter(None, facts))
    return [*blocks, said] if said else blocks


def _elsewhere(entry: Entry, index: Index) -> Iterable[tuple[Function, Entry]]:
    """The methods that stand outside of the class, each with its own entry."""
    return ((each.definition, each) for each in index.methods(entry) if isinstance(each.definition, Function))


def _construction(entry: Entry, definition: Class, type_name: str) -> list[str]:
    fence = entry.module.language.fence
    if definition.constructor is not None:
        signatures = _signatures(definition.constructor)
        calls = [rendered(definition.name, each._replace(returns=None)) for each in signatures]
        return [fenced("\n".join([*filter(None, [definition.heading]), *calls]), fence)]
    if definition.heading:
        return [fenced(definition.heading, fence)]
    if fields_are_parameters(type_name):
        derived = type_name == "dataclass" and definition.bases
        fields = "the annotated fields of its bases and then its own" if derived else "its annotated fields"
        return [f"It is constructed from {fields}, in their order."]
    if definition.bases:
        heading = f"class {definition.name}({', '.join(definition.bases)})"
        return [fenced(heading, fence), "It defines no constructor; that of its bases applies."]
    return [fenced(f"{definition.name}()", fence)]


def _hardest(methods: Sequence[Function]) -> str:
    """What a mean hides."""
    if len(methods) < 2:
        return ""
    hardest = max(methods, key=lambda method: method.complexity)
    if hardest.complexity < 2:
        return ""
    name = code(hardest.name)
    return f"The most complex of its {len(methods)} methods is {name}, with {hardest.complexity:.3g}."


def _signatures(function: Function) -> tuple[Signature, ...]:
    """What callers see: the overloads, where there are any, and not what implements them."""
    if not function.overloads:
        return (function.signature,)
    is_stub = any(each.rpartition(".")[2] == "overload" for each in function.decorators)
    return (*function.overloads, function.signature) if is_stub else function.overloads


def _attributes(definition: Class) -> list[str]:
    found: dict[str, str] = {}
    for each in (*definition.attributes, *definition.instance_attributes):
        if each.public:
            found.setdefault(each.name, _attribute(each))
    return list(found.values())


def _attribute(attribute: Attribute) -> str:
    said = summary(attribute.docstring)
    return f"{code(_assignment(attribute))} – {said}" if said else code(_assignment(attribute))


def _assignment(attribute: Attribute) -> str:
    annotation = "" if attribute.annotation is None else f": {attribute.annotation}"
    value = "" if attribute.value is None else f" = {attribute.value}"
    return f"{attribute.name}{annotation}{value}"


def _method(method: Function, owner: Entry, place: Entry) -> str:
    fence = owner.module.language.fence
    shown = [_call(method, each) for each in _signatures(method)]
    file = "" if place.module is owner.module else f" of {code(place.module.file)}"
    about = [f"line {method.line}{file}", f"complexity {method.complexity:.3g}"]
    if method.complexity > 10:
        about[1] += f", rank {rank(method.complexity)}"
    about += [
        f"decorated with {code(each if each.startswith('#') else '@' + each)}"
        for each in method.decorators
        if not _is_known(each)
    ]
    said = summary(method.docstring)
    text = f"{f' – {said}' if said else ''} ({'; '.join(about)})"
    kind = {"property": "property, settable" if method.settable else "property"}.get(method.role, method.role)
    label = f" *{kind}*" if method.role != "method" else ""
    if len(shown) == 1 and "\n" not in shown[0] and len(shown[0]) <= _INLINE:
        return f"{code(shown[0])}{label}{text}"
    return f"{code(method.name)}{label}{text}\n\n{fenced(chr(10).join(shown), fence)}\n"


def _call(method: Function, signature: Signature) -> str:
    if method.role == "property":
        return method.name if signature.returns is None else f"{method.name}: {signature.returns}"
    return ("async " if method.is_async else "") + rendered(method.name, signature)


def _is_known(decorator: str) -> bool:
    return decorator.rpartition(".")[2] in _KNOWN_DECORATORS


def _inner(inner: Class) -> str:
    said = summary(inner.docstring)
    methods = [each.name for each in inner.methods if each.public]
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
            dict.fromkeys(
                each.name
                for each in methods
                if each.public and each.name not in own and each.name not in _CONSTRUCTION
            )
        )
        if names:
            items.append(f"from {code(base.qualified)}: {codes(names)}")
            own.update(names)
    return items


def _visibility(entry: Entry, index: Index) -> str:
    module, definition, language = entry.module, entry.definition, entry.module.language
    if is_test(module.file):
        return ""  # tests are run, not imported
    if not definition.public:
        return f"It is private to {code(module.name)}."
    if isinstance(definition, Function) and definition.owner:
        return f"It is a method of {code(definition.owner)}."
    name = definition.name
    offering = min((each.name for each in index.exported_by(entry)), key=len, default=module.name)
    said = f"It is imported with {code(language.importing(offering, name))}."
    if name in module.exports and language.fence == "python":
        said += f" It is listed in {code('__all__')} of {code(module.name)}."
    return said
