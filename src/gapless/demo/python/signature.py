"""Parameters and annotations as text, one line each and never endless."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..definitions import Signature
from ..language import clipped


def signature_of(node: ast.FunctionDef | ast.AsyncFunctionDef, *, without_first: bool) -> Signature:
    """The signature of a `def`; of a method without the parameter that Python fills in."""
    parameters = list(_parameters(node.args))
    if without_first and (node.args.posonlyargs or node.args.args):
        del parameters[0]
        if parameters[:1] == ["/"]:
            del parameters[0]
    return Signature(tuple(parameters), code_of(node.returns))


def code_of(node: ast.expr | ast.pattern | None) -> str | None:
    """An expression as source in one line; only an ellipsis when it cannot be written so.

    That is so when it is nested too deeply, has an integer of thousands of digits, or (before
    Python 3.12) an f-string whose parts need a backslash.
    """
    try:
        return None if node is None else clipped(ast.unparse(node))
    except (RecursionError, ValueError):
        return "…"


def _parameters(of: ast.arguments) -> Iterator[str]:
    positional = [*of.posonlyargs, *of.args]
    required = len(positional) - len(of.defaults)
    for at, argument in enumerate(positional):
        yield _parameter(argument, of.defaults[at - required] if at >= required else None)
        if at + 1 == len(of.posonlyargs):
            yield "/"
    if of.vararg is not None:
        yield "*" + _parameter(of.vararg, None)
    elif of.kwonlyargs:
        yield "*"
    for argument, default in zip(of.kwonlyargs, of.kw_defaults, strict=True):
        yield _parameter(argument, default)
    if of.kwarg is not None:
        yield "**" + _parameter(of.kwarg, None)


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    annotation = "" if argument.annotation is None else f": {code_of(argument.annotation)}"
    if default is None:
        return f"{argument.arg}{annotation}"
    equals = " = " if annotation else "="
    return f"{argument.arg}{annotation}{equals}{code_of(default)}"
