"""What a definition is called."""

from __future__ import annotations

import pytest

from gapless.demo.index import Entry
from gapless.demo.phrases import type_of

from .pages import ReadSurvey


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(): ...", "function"),
        ("async def f(): yield", "async generator function"),
        ("from contextlib import contextmanager\n@contextmanager\ndef f(): yield", "context manager"),
        ("import contextlib as c\n@c.asynccontextmanager\nasync def f(): yield", "async context manager"),
        ("class f: ...", "class"),
        ("from dataclasses import dataclass\n@dataclass(slots=True)\nclass f: ...", "dataclass"),
        ("import enum\nclass Base(enum.Enum): ...\nclass f(Base): ...", "enum"),
        ("from typing import NamedTuple\nclass f(NamedTuple): ...", "named tuple"),
        ("from typing import Protocol, T\nclass f(Protocol[T]): ...", "protocol"),
        ("class Protocol: ...\nclass f(Protocol): ...", "class"),
        ("import abc\nclass f(metaclass=abc.ABCMeta): ...", "abstract class"),
        ("class A(KeyError): ...\nclass B(A): ...\nclass f(B): ...", "exception"),
    ],
)
def test_the_type_says_what_it_is(survey: ReadSurvey, code: str, expected: str) -> None:
    found = survey({"a.py": code})
    [module] = found.modules.values()
    assert type_of(Entry(module, module.definitions[-1]), found.index) == expected
