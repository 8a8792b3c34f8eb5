"""What a definition is for: its docstring, or what its name, its code and its callers say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .definitions import Class, Function, Whole
from .docstring import docstring_blocks
from .index import Entry, Index, Link
from .markdown import code, codes, escaped, line_of, phrase
from .phrases import counted, is_special, is_test, type_of, with_article

MAX_DOCSTRING = 20_000
"""Characters of a docstring that are shown outside the source."""

MAX_NAMES = 5
"""Names in one sentence; what is more is counted."""

_VERBS_TEXT = """
    accept acquire activate add adjust aggregate allocate allow append apply approve assert assign
    attach authenticate authorize await begin bind bootstrap broadcast build bundle calculate call
    cancel capture cast change check choose clean clear clone close collect combine commit compare
    compile complete compose compress compute configure confirm connect consume contains convert
    copy count create cut deactivate decode decorate decrement decrypt define delete deliver deny
    deserialize destroy detach detect determine disable discard disconnect discover dispatch display
    do download drain drop dump emit enable encode encrypt end enqueue ensure enter enumerate escape
    evaluate exclude execute exit expand expect export extend extract fetch fill find finish fire
    flatten flush follow forget format forward generate get give go grant group guess handle hash
    hide hold ignore import include increment infer inherit init initialize inject insert inspect
    install instantiate invalidate invoke iterate join keep launch listen load locate lock lookup
    make match measure merge migrate mix mock modify move normalize notify obtain open pad parse
    pass patch perform pick pop populate prepare prepend pretty print process produce promote prune
    publish pull push put quote raise read rebuild receive recover redirect reduce refresh refuse
    register reject release reload remove rename render repair repeat replace reply report request
    require reserve reset resolve respond restart restore resume retrieve retry return reverse
    revert revoke rewrite rollback rotate run sanitize save scan schedule search seek select send
    serialize serve set setup show shrink shuffle shutdown sign skip sleep solve sort split spawn
    squash start stop store strip submit subscribe sum swap switch synchronize sync tail take tell
    terminate test throw toggle tokenize touch trace track transform translate traverse trigger trim
    truncate try unbind undo unescape uninstall unlock unpack unquote unregister unsubscribe unwrap
    update upgrade upload use validate verify visit wait walk warn watch wrap write yield
"""
_VERBS = frozenset(_VERBS_TEXT.split())
"""What a function's name begins with when it says what it does; no words that are more often nouns."""

_SAID_BY_QUESTIONS = ("is", "has", "can", "should", "was", "are", "needs", "supports", "allows", "will")


def purpose(entry: Entry, index: Index) -> list[str]:
    """The blocks of the section; never empty."""
    definition = entry.definition
    if definition.docstring:
        return list(_said(definition.docstring))
    blocks = [" ".join(_sentences(entry, index))]
    if definition.comment:
        said = definition.comment[:MAX_DOCSTRING].split("\n")
        blocks += ["The comment above it says:", "\n".join(f"> {line_of(line)}" for line in said)]
    return blocks


def words_of(name: str) -> str:
    """`HTTPServerError` → `HTTP server error`; `_find_all` → `find all`."""
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+|[^\W_]+", name)
    return " ".join(part if len(part) > 1 and part.isupper() else part.lower() for part in parts)


def _said(docstring: str) -> Iterator[str]:
    yield from docstring_blocks(docstring[:MAX_DOCSTRING])
    if len(docstring) > MAX_DOCSTRING:
        yield f"*{len(docstring) - MAX_DOCSTRING:,} more characters of the docstring stand in the source.*"


def _sentences(entry: Entry, index: Index) -> Iterator[str]:
    """What can be said of code that says nothing of itself."""
    match entry.definition:
        case Whole():
            yield from _of_module(entry)
        case Class() as definition:
            yield from _of_class(entry, definition, index)
        case Function() as definition:
            yield from _of_function(entry, definition, index)
    yield from _calls(entry, index)
    yield from _callers(entry, index)


def _of_module(entry: Entry) -> Iterator[str]:
    stem = entry.module.file.rpartition("/")[2].partition(".")[0]
    name = re.split("[./]", entry.name)[-1] if stem in ("__init__", "index", "mod", "lib", "main") else stem
    yield f"The module has no docstring; by its name it is about “{escaped(words_of(name))}”."
    names = [each.name for each in entry.module.definitions if each.public]
    if names:
        yield f"It defines {_some([code(name) for name in dict.fromkeys(names)])}."


def _of_class(entry: Entry, definition: Class, index: Index) -> Iterator[str]:
    type_name, words = type_of(entry, index), words_of(definition.name)
    if is_test(entry.module.file) and re.match("tests? |.* tests?$", words):
        tests = [each for each in definition.methods if each.name.startswith("test")]
        about = re.sub(r"^tests? | tests?( case)?$", "", words)
        yield f"{code(definition.name)} groups {counted(len(tests), 'test')} about “{escaped(about)}”."
        return
    kind = (
        ""
        if words.endswith(type_name.split()[-1]) or type_name == "class"
        else f", as {with_article(type_name)}"
    )
    name = code(definition.name)
    if len(words) > 2:
        yield f"By its name, {name} is {with_article(escaped(words))}{kind}; it has no docstring."
    else:
        yield f"{name}, {with_article(type_name)}, has no docstring."
    methods = [*definition.methods, *(each.definition for each in index.methods(entry))]
    offered = [each.name for each in methods if each.public and not is_special(each.name)]
    if offered:
        yield f"It offers {_some([code(name) for name in dict.fromkeys(offered)])}."
    elif definition.attributes:
        yield f"It consists of {_some([code(each.name) for each in definition.attributes])}."
    if definition.bases:
        yield f"It builds on {codes(definition.bases)}."


def _of_function(entry: Entry, definition: Function, index: Index) -> Iterator[str]:
    yield _by_name(entry, definition, index)
    taken = [code(name) for name in definition.parameters]
    returns = definition.signature.returns
    result = (
        f"returns {code(returns)}" if returns and returns not in ("None", "void", "()") else "returns nothing"
    )
    takes = f"takes {_some(taken)}" if taken else "takes no arguments"
    yield f"It {takes} and {result}." if returns else f"It {takes}."


def _by_name(entry: Entry, definition: Function, index: Index) -> str:
    words, type_name = words_of(definition.name), type_of(entry, index)
    sort, _, trait = type_name.partition(" of the trait ")
    subject = f"the {sort} {code(entry.name)}{f' of the trait {code(trait)}' if trait else ''}"
    first, _, rest = words.partition(" ")
    if is_test(entry.module.file) and first in ("test", "tests") and rest:
        return f"{code(entry.name)} is a test; its name says what it checks: “{escaped(rest)}”."
    if is_special(definition.name):
        return f"T{subject[1:]} has one of the names that the language itself calls."
    if first in _SAID_BY_QUESTIONS and rest:
        return f"By its name, {subject} answers whether something “{escaped(words)}”."
    if first in _VERBS:
        return f"By its name, {subject} is there to {escaped(words)}; it has no docstring."
    if words == definition.name:
        return f"T{subject[1:]} has no docstring."
    return f"By its name, {subject} is about “{escaped(words)}”; it has no docstring."


def _calls(entry: Entry, index: Index) -> Iterator[str]:
    links = [link for link in index.used_by(entry) if link.usage == "call"]
    names = [_called(link) for link in links]
    if names:
        yield f"It calls {_some(list(dict.fromkeys(names)))}."


def _called(link: Link) -> str:
    separator = link.used.module.language.separator
    return code(separator.join(filter(None, (link.used.name, link.member))))


def _callers(entry: Entry, index: Index) -> Iterator[str]:
    links = index.uses_of(entry)
    places = {(link.module.file, link.where): link for link in links}
    users = [link for link in places.values() if not is_test(link.module.file)]
    tests = len(places) - len(users)
    modules = list(dict.fromkeys(code(link.module.name) for link in users if not link.where))
    named = [_some(list(dict.fromkeys(code(link.user_name) for link in users if link.where)))]
    if modules:
        named.append(f"the {'module' if len(modules) == 1 else 'modules'} {_some(modules)}")
    named = list(filter(None, named))
    what = "imported by" if isinstance(entry.definition, Whole) else "used by"
    also = f"{counted(tests, 'place')} in the tests"
    if named:
        yield f"It is {what} {', and by '.join([*named, *([also] if tests else [])])}."
    elif tests:
        yield f"It is {what} {also} alone."


def _some(parts: list[str]) -> str:
    if len(parts) <= MAX_NAMES + 1:
        return phrase(parts)
    return f"{', '.join(parts[:MAX_NAMES])} and {len(parts) - MAX_NAMES} more"
