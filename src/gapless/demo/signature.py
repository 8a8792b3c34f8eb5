"""Parameters and annotations as text, one line each and never endless."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .definitions import Signature

MAX_TEXT = 160
"""Characters of one annotation, default or decorator; longer ones end in an ellipsis."""

WIDTH = 88
"""A signature that is wider puts each parameter on a line of its own."""


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


def clipped(text: str, most: int = MAX_TEXT) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def rendered(name: str, signature: Signature) -> str:
    """`name(parameters) -> returns`, over several lines where one would be too wide."""
    arrow = "" if signature.returns is None else f" -> {signature.returns}"
    line = f"{name}({', '.join(signature.parameters)}){arrow}"
    if len(line) <= WIDTH or not signature.parameters:
        return line
    inner = "".join(f"    {parameter},\n" for parameter in signature.parameters)
    return f"{name}(\n{inner}){arrow}"


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
