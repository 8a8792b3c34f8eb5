"""Imports go one way, from room to room. The table is the architecture; what breaks it fails here."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"

ROOMS: list[tuple[str, ...]] = [
    # A module may import from its own room and from the rooms in the lines above; rooms that share
    # a line do not know each other. A room is a module or a package at the top of `gapless`.
    ("errors",),
    ("opaque",),
    ("model",),
    ("options", "board"),
    ("version",),
    ("core", "protocol", "server"),
    ("client",),
    ("hooks", "brokers", "isolation"),
    ("feeds", "logging"),
    ("auth",),
    ("node",),
    ("sessions",),
    ("hub", "transports"),
    ("audience", "watch"),
    ("api", "proxy", "connection_manager", "rooms", "serving"),
    ("doors",),
    ("config",),
    ("demo", "dashboard"),
    ("cli",),
    ("__main__",),
    ("",),  # the package itself: the public names
]

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""Arrows that may go upwards or sideways, by module and what it imports, each with its reason."""

PURE = ("errors", "opaque", "model", "options", "version", "core", "protocol")

NOT_PURE = {
    "asyncio",
    "logging",
    "os",
    "random",
    "secrets",
    "selectors",
    "socket",
    "subprocess",
    "threading",
    "time",
}
"""No loop, no clock, no I/O and no chance: time and randomness come in as arguments."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name without `gapless.`; the package itself is the empty one."""
    found = {}
    for path in (SOURCE / "gapless").rglob("*.py"):
        parts = list(path.relative_to(SOURCE / "gapless").with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text())


def statements(module: str) -> list[ast.Import | ast.ImportFrom]:
    """Its imports, also those in functions and those for types alone: a reader follows them all."""
    return [node for node in ast.walk(tree(module)) if isinstance(node, (ast.Import, ast.ImportFrom))]


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of this package that a module imports."""
    found = set[str]()
    for statement in statements(module):
        if isinstance(statement, ast.ImportFrom):
            base = _base(module, statement)
            if base is not None:
                found.update(_named(base, alias.name) for alias in statement.names)
        else:
            found.update(_inside(alias.name) for alias in statement.names if _is_ours(alias.name))
    return frozenset(found - {module})


def _base(module: str, statement: ast.ImportFrom) -> str | None:
    """The module that `from … import` names, or None when it is not of this package."""
    if not statement.level:
        return _inside(statement.module or "") if _is_ours(statement.module or "") else None
    package = module.split(".") if module else []
    if modules()[module].name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - (statement.level - 1)]
    return ".".join([*package, *([statement.module] if statement.module else [])])


def _named(base: str, name: str) -> str:
    inside = f"{base}.{name}" if base else name
    return inside if inside in modules() else base


def _is_ours(name: str) -> bool:
    return name == "gapless" or name.startswith("gapless.")


def _inside(name: str) -> str:
    return name.removeprefix("gapless").removeprefix(".")


def room_of(module: str) -> str:
    return module.partition(".")[0]


def line_of(module: str) -> int:
    """How far down its room stands; a room without a place stands below all, and the first test says so."""
    found = (line for line, rooms in enumerate(ROOMS) if room_of(module) in rooms)
    return next(found, len(ROOMS))


def arrows(module: str) -> list[str]:
    """What it imports from a room that does not stand in a line above its own."""
    return [
        other
        for other in sorted(imports(module))
        if room_of(other) != room_of(module) and line_of(other) >= line_of(module)
    ]


def test_every_room_has_its_place() -> None:
    listed = [room for rooms in ROOMS for room in rooms]
    assert len(listed) == len(set(listed))
    assert {room_of(module) for module in modules()} <= set(listed)


@pytest.mark.parametrize("module", sorted(modules()), ids=lambda name: name or "gapless")
def test_a_module_imports_from_its_own_room_and_those_above(module: str) -> None:
    wrong = [
        f"{module} imports {other}, which does not stand above it"
        for other in arrows(module)
        if (module, other) not in EXCEPTIONS
    ]
    assert not wrong, "\n".join(wrong)


def test_there_is_no_circle_of_modules_nor_of_types() -> None:
    # The package itself re-exports everything and is imported by nobody inside.
    graph = {module: imports(module) - {""} for module in modules()}
    for module, other in EXCEPTIONS:
        graph[module] = graph[module] - {other}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"these import each other: {' → '.join(error.args[1])}") from None


@pytest.mark.parametrize("module", sorted(name for name in modules() if room_of(name) in PURE))
def test_what_is_pure_has_neither_loop_nor_clock_nor_chance(module: str) -> None:
    used = set[str]()
    for statement in statements(module):
        if isinstance(statement, ast.Import):
            used.update(alias.name.partition(".")[0] for alias in statement.names)
        elif not statement.level:
            used.add((statement.module or "").partition(".")[0])
    assert not used & NOT_PURE


def test_every_exception_is_still_needed() -> None:
    for module, other in EXCEPTIONS:
        assert other in imports(module)


def test_imports_are_found_however_they_are_written() -> None:
    """The reader of imports, on modules whose imports are known."""
    assert "core.cursor" in imports("core.channel")  # from .cursor import …
    assert "errors" in imports("core.log")  # from ..errors import …
    assert "hub" in imports("")  # from .hub import …
