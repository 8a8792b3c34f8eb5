"""Cyclomatic complexity, as radon counts it."""

from __future__ import annotations

import ast

try:
    from radon.visitors import ComplexityVisitor
except ModuleNotFoundError as error:
    if error.name != "radon":
        raise
    raise ModuleNotFoundError(
        "the demo measures with radon: pip install 'gapless[demo]'", name="radon"
    ) from error


def complexity_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """What `radon cc` prints for a definition with its insides; of a class, the mean of its methods.

    Raises:
        RecursionError: an expression in it is nested too deeply for a visitor.
    """
    visitor = ComplexityVisitor.from_ast(node)
    return int((visitor.classes if isinstance(node, ast.ClassDef) else visitor.functions)[0].complexity)


def complexity_of_code(tree: ast.Module) -> int:
    """The same of a file without definitions. Raises RecursionError."""
    return int(ComplexityVisitor.from_ast(tree).complexity)
