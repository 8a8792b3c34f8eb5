"""Cyclomatic complexity, as radon counts it."""

from __future__ import annotations

import ast
from typing import NamedTuple

try:
    from radon.complexity import cc_rank
    from radon.visitors import ComplexityVisitor
except ModuleNotFoundError as error:
    if error.name != "radon":
        raise
    raise ModuleNotFoundError(
        "the demo measures with radon: pip install 'gapless[demo]'", name="radon"
    ) from error


class Complexity(NamedTuple):
    """`value` is what `radon cc` prints; of a class, the mean of its methods. `total` is their sum."""

    value: int
    total: int


def complexity_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Complexity:
    """Measure one definition with all that is inside it.

    Raises:
        RecursionError: an expression in it is nested too deeply for a visitor.
    """
    visitor = ComplexityVisitor.from_ast(node)
    if isinstance(node, ast.ClassDef):
        block = visitor.classes[0]
        return Complexity(int(block.complexity), int(block.real_complexity))
    value = int(visitor.functions[0].complexity)
    return Complexity(value, value)


def rank(complexity: int) -> str:
    """A (simple) to F (untestable), with radon's borders: 5, 10, 20, 30, 40."""
    return str(cc_rank(complexity))
