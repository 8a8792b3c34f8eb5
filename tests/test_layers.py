"""Imports go one way. The table is the architecture; a module that is not in it, or breaks it, fails here."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"

LAYERS: list[tuple[str, tuple[str, ...]]] = [
    # A module may import from its own layer and from those before it. Names are without `gapless.`.
    ("values: what everything speaks", ("errors", "model", "options", "patterns", "version")),
    ("core: pure state", ("core", "core.*")),
    ("protocol: bytes to messages and back", ("protocol", "protocol.*")),
    (
        "services: small, replaceable, and without knowledge of clients",
        (
            "auth",
            "auth.*",
            "broker_url",
            "brokers",
            "brokers.*",
            "drafts",
            "farewell",
            "hooks",
            "metrics",
            "pages",
            "pressure",
            "receipt",
        ),
    ),
    ("node: storage joined to fan-out", ("node",)),
    (
        "clients: subscribers of every kind",
        (
            "subscription",
            "views",
            "centrifuge_view",
            "session",
            "*_session",
            "centrifuge_commands",
            "centrifuge_seat",
            "reception",
            "listener",
            "members",
            "permission",
            "publishing",
            "rates",
        ),
    ),
    (
        "hub: what an application holds",
        ("hub", "connections", "hook_decorators", "intake", "life"),
    ),
    ("applications of the hub", ("api", "api.*", "backend", "manager", "proxy")),
    (
        "edges: sockets, HTTP, files and argv",
        (
            "",  # the package itself: the public names
            "__main__",
            "cli",
            "cli.*",
            "config",
            "config_*",
            "configfile",
            "dashboard.*",
            "demo",
            "demo.*",
            "feeds",
            "feeds.*",
            "transports",
            "transports.*",
        ),
    ),
]

EXCEPTIONS = {
    (
        "manager",
        "transports.writer",
    ): "it writes to WebSockets of somebody else's endpoint",
}

APART = ("core: pure state", "protocol: bytes to messages and back")
"""They must not know each other: the meeting place is the session."""

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
    """Its imports, also those inside functions. What is imported for types alone makes no arrow."""
    for_types = {
        inside
        for node in ast.walk(tree(module))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inside in ast.walk(statement)
    }
    return [
        node
        for node in ast.walk(tree(module))
        if isinstance(node, (ast.Import, ast.ImportFrom)) and node not in for_types
    ]


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


def layers_of(module: str) -> list[int]:
    return [
        number
        for number, (_, patterns) in enumerate(LAYERS)
        if any(fnmatchcase(module, pattern) for pattern in patterns)
    ]


def layer_of(module: str) -> int:
    """A module without a place stands above all; that it has none is said by the first test."""
    return next(iter(layers_of(module)), len(LAYERS))


@pytest.mark.parametrize("module", sorted(modules()), ids=lambda name: name or "gapless")
def test_every_module_has_its_place(module: str) -> None:
    assert len(layers_of(module)) == 1, f"put {module} into exactly one layer of the table"


@pytest.mark.parametrize("module", sorted(modules()), ids=lambda name: name or "gapless")
def test_a_module_imports_from_its_own_layer_and_those_before_it(module: str) -> None:
    own = layer_of(module)
    wrong = [
        f"{module} imports {other}, which lies above it"
        for other in sorted(imports(module))
        if layer_of(other) > own and (module, other) not in EXCEPTIONS
    ]
    assert not wrong, "\n".join(wrong)


def test_there_is_no_cycle_at_all() -> None:
    # The package itself re-exports everything and is imported by nobody below the edges.
    graph = {module: imports(module) - {""} for module in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"these import each other: {' → '.join(error.args[1])}") from None


@pytest.mark.parametrize("layer", APART)
def test_core_and_protocol_know_values_and_themselves_alone(layer: str) -> None:
    number = [name for name, _ in LAYERS].index(layer)
    wrong = [
        f"{module} imports {other}"
        for module in modules()
        if layer_of(module) == number
        for other in imports(module)
        if layer_of(other) not in (0, number)
    ]
    assert not wrong


@pytest.mark.parametrize("module", sorted(name for name in modules() if layer_of(name) <= 2))
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
        assert layer_of(other) > layer_of(module)


def test_imports_are_found_however_they_are_written() -> None:
    """The reader of imports, on modules whose imports are known."""
    assert "core.cursor" in imports("core.channel")  # from .cursor import …
    assert "errors" in imports("core.log")  # from ..errors import …
    assert "hub" in imports("")  # from .hub import …
    assert "node" not in imports("subscription")  # only under TYPE_CHECKING
