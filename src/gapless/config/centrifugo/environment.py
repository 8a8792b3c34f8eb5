"""Centrifugo's environment variables, laid over its file: `CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY=…`.

A variable is `CENTRIFUGO_` and the names that lead to an option. Those of a namespace follow its name,
`CENTRIFUGO_CHANNEL_NAMESPACES_CHAT_PRESENCE=true`, once it is declared: by the file, or by
`CENTRIFUGO_CHANNEL_NAMESPACES="chat news"`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from ..channel import NamespaceSection
from ..formats import Document, Keys
from ..proxy import ProxySection
from ..values import Section
from .options import APPLIED, LISTS, NAMESPACES, OPTIONS, PASSED, PROXY_BY_HTTP, truth, words

PREFIX = "CENTRIFUGO_"

# What an orchestrator sets for a service of this name, and what a file's own values refer to.
_NOT_OPTIONS = re.compile(r"CENTRIFUGO(?:_[A-Z0-9_]+)?_(?:PORT|SERVICE_)|CENTRIFUGO_VAR_")


def lay_over(document: Document, environment: Mapping[str, str]) -> tuple[Document, list[str]]:
    """The document with the variables over it, each its value's place, and a line for each that is no option.

    An empty variable says nothing.
    """
    found = Document(document.path, copy.deepcopy(document.data), dict(document.places))
    variables = {name: text for name, text in environment.items() if name.startswith(PREFIX) and text}
    names = PREFIX + "_".join(NAMESPACES).upper()
    if names in variables:
        _put(found, NAMESPACES, _declared(found, variables.pop(names)), names)
    notes = []
    known = dict(_known(found))
    for name, text in variables.items():
        if name in known:
            keys, annotation = known[name]
            _put(found, keys, _typed(text, annotation), name)
        elif (untyped := _without_type(name)) is not None:
            _put(found, untyped, text, name)
        elif _NOT_OPTIONS.match(name) is None:
            notes.append(f"{name}: Centrifugo has no such option, or no namespace of that name is declared")
    return found, notes


def unread(environment: Mapping[str, str]) -> list[str]:
    """The variables that look like options of Centrifugo's."""
    return sorted(
        name for name in environment if name.startswith(PREFIX) and _NOT_OPTIONS.match(name) is None
    )


def _known(document: Document) -> Iterator[tuple[str, tuple[Keys, Any]]]:
    """Each variable whose option is applied here, with the option and the type of its value."""
    for name in APPLIED:
        keys = tuple(name.split("."))
        yield _variable(keys), (keys, str)
    for keys, table in PASSED.items():
        if table.section is None:
            yield _variable(keys), (keys, str)
        else:
            yield from _of_section(PREFIX, keys, keys, table.section)
    for at, namespace in enumerate(_namespaces(document)):
        if isinstance(namespace, dict):
            prefix = re.sub(r"[.-]", "_", str(namespace.get("name", "")))
            yield from _of_section(PREFIX, (*NAMESPACES, prefix), (*NAMESPACES, str(at)), NamespaceSection)


def _of_section(
    prefix: str, named: Keys, keys: Keys, section: type[Section]
) -> Iterator[tuple[str, tuple[Keys, Any]]]:
    for name, option in section.model_fields.items():
        yield _variable((*named, name)), ((*keys, name), option.annotation)
    for name in section.elsewhere:
        yield _variable((*named, name)), ((*keys, name), str)
    if section is ProxySection:
        for name in PROXY_BY_HTTP:
            yield _variable((*named, "http", name)), ((*keys, "http", name), dict)


def _without_type(name: str) -> Keys | None:
    """The option from which nothing is applied here."""
    for option in OPTIONS:
        if name == _variable(option.split(".")):
            return tuple(option.split("."))
    for option in LISTS:
        variable = _variable(option.split("."))
        if name.startswith(f"{variable}_"):
            return (*option.split("."), name.removeprefix(f"{variable}_").lower())
    return None


def _variable(keys: Keys | list[str]) -> str:
    return PREFIX + "_".join(keys).upper()


def _put(document: Document, keys: Keys, value: Any, place: str) -> None:
    table: Any = document.data
    for key in keys[:-1]:
        inner = table[int(key)] if isinstance(table, list) else table.get(key)
        if not isinstance(inner, dict | list):
            inner = table[key] = {}
        table = inner
    table[keys[-1]] = value
    document.places[keys] = place


def _namespaces(document: Document) -> list[Any]:
    channel = document.data.get("channel")
    declared = channel.get("namespaces") if isinstance(channel, dict) else None
    return declared if isinstance(declared, list) else []


def _declared(document: Document, text: str) -> Any:
    """All of them as JSON, or the names of some more than those of the file."""
    if text.startswith("["):
        return _parsed(text)
    return [*_namespaces(document), *({"name": name} for name in words(text))]


def _typed(text: str, annotation: Any) -> Any:
    """A text as the type has it; as it is where it is none, which the settings then say."""
    kinds = list(_kinds(annotation))
    try:
        if bool in kinds:
            return truth(text)
        if int in kinds:
            return int(text, 0)
        if float in kinds:
            return float(text)
    except ValueError:
        return text
    if dict in kinds or text.startswith("["):
        return _parsed(text)
    return words(text) if list in kinds or tuple in kinds else text


def _kinds(annotation: Any) -> Iterator[Any]:
    yield getattr(annotation, "__origin__", annotation)
    for argument in get_args(annotation):
        yield from _kinds(argument)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
