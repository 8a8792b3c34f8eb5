"""Faults are planted through public names: no test patches what is private, and no constant of a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.rglob("*.py") if "node_modules" not in path.parts)


def patched(tree: ast.AST) -> Iterator[str]:
    """The names that a file replaces in something else."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in ("setattr", "delattr", "patch", "object"):
            yield from _patched_by_call(node)
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (
                target.attr
                for target in targets
                if isinstance(target, ast.Attribute) and _name(target.value) not in ("self", "cls")
            )


def _patched_by_call(node: ast.Call) -> Iterator[str]:
    for argument in node.args[:2]:
        text = _text(argument)
        if text is not None and text.replace(".", "_").isidentifier():
            yield text.rpartition(".")[2]
            return


def _text(node: ast.expr) -> str | None:
    """A string as it is written; what a formatted one puts in is some name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "name" for part in node.values)
    return None


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def is_private(name: str) -> bool:
    """With an underscore, or a constant. What Python itself reads, as `__name__`, is public."""
    return (name.startswith("_") and not name.endswith("__")) or (name.isupper() and len(name) > 1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))
def test_no_private_name_is_patched(path: Path) -> None:
    found = {name for name in patched(ast.parse(path.read_text())) if is_private(name)}
    assert found == set()


@pytest.mark.parametrize(
    "source",
    [
        'monkeypatch.setattr(node, "_run", fail)',
        'monkeypatch.setattr("gapless.node.node.CHECK_SECONDS", 1)',
        'patch.setattr(f"gapless.{module}.CLOSE_SECONDS", 1)',
        'mock.patch("gapless.hub._RESOLVED_MAX", 1)',
        'setattr(node, "_run", fail)',
        "node._run = fail",
        "writer.SLOWEST = 1",
    ],
)
def test_a_private_name_that_is_patched_is_found(source: str) -> None:
    assert [name for name in patched(ast.parse(source)) if is_private(name)]


@pytest.mark.parametrize(
    "source",
    [
        'monkeypatch.setattr(broker, "publish", fail)',
        "self._run = fail",
        'monkeypatch.setenv("NO_COLOR", "1")',
    ],
)
def test_what_may_be_replaced_is_not(source: str) -> None:
    assert not [name for name in patched(ast.parse(source)) if is_private(name)]
