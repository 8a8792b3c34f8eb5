"""Python code as its module."""

from __future__ import annotations

import textwrap

from gapless.demo.definitions import Class, Function
from gapless.demo.language import Module
from gapless.demo.languages import Python


def module_of(code: str, file: str = "src/shop/orders.py", name: str = "shop.orders") -> Module:
    return Python().read(file, textwrap.dedent(code).encode(), name)


def function_of(code: str) -> Function:
    [found] = module_of(code).definitions
    assert isinstance(found, Function)
    return found


def class_of(code: str) -> Class:
    [found] = module_of(code).definitions
    assert isinstance(found, Class)
    return found
