"""The documentation: what it refers to exists, and what exists is in it."""

from __future__ import annotations

import ast
import asyncio
import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from gapless.cli.app import app

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "gapless"
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
REFERENCE = ROOT / "tools" / "reference.py"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


# -- links


def prose(page: Path) -> str:
    """A page without its code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The headings of a page as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def navigation() -> list[str]:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    return re.findall(r"^\s+- (?:.+: )?(\S+\.md)$", nav, re.MULTILINE)


def test_the_navigation_holds_every_page_and_no_other() -> None:
    assert sorted(navigation()) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


# -- code


@each_page
def test_python_examples_compile_and_import_what_exists(page: Path) -> None:
    for code in blocks(page, "python"):
        tree = compile(code, str(page), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for module, name in imported(tree):
            assert exists(module, name), f"from {module} import {name}"


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "gapless":
            for alias in node.names:
                yield node.module or "", alias.name


def exists(module: str, name: str) -> bool:
    return hasattr(importlib.import_module(module), name)


def test_the_tutorial_has_examples() -> None:
    assert len(blocks(DOCS / "tutorial.md", "python")) >= 3
    assert "gapless serve" in "".join(blocks(DOCS / "tutorial.md", "sh"))


# -- the command line


def verbs(command: Any, name: str = "gapless") -> Iterator[tuple[str, Any]]:
    """All verbs with their full names, those of groups included."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for below in command.commands.values():
        if not below.hidden:
            yield from verbs(below, f"{name} {below.name}")


VERBS = dict(verbs(typer.main.get_command(app)))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_section_with_its_options(verb: str) -> None:
    text = (DOCS / "reference" / "cli.md").read_text()
    section = text.partition(f"\n## `{verb}`\n")[2].partition("\n## ")[0]
    assert section, f"docs/reference/cli.md has no section `{verb}`"
    options = [
        option
        for parameter in VERBS[verb].params
        if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False)
        for option in (*parameter.opts, *parameter.secondary_opts)
    ]
    assert [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", section)] == []


@each_page
def test_shell_examples_name_verbs_that_exist(page: Path) -> None:
    known = {name.split()[1] for name in VERBS}
    for code in blocks(page, "sh"):
        for verb in re.findall(r"(?:^|[|;&] *)(?:\S*/)?gapless ([a-z]+)", code, re.MULTILINE):
            assert verb in known


# -- reference


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", REFERENCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_what_the_source_says() -> None:
    done = subprocess.run(
        [sys.executable, str(REFERENCE), "--check"], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("module", "name"),
    [("options.py", "ChannelOptions"), ("options.py", "Limits"), ("core/counters.py", "Counters")],
)
def test_every_field_says_what_it_means(module: str, name: str) -> None:
    fields = reference().attributes(module, name)
    assert len(fields) > 10
    assert [field for field, _, _, said in fields if not said] == []


# -- docstrings


FOREIGN = {
    *vars(asyncio.Protocol),
    *vars(asyncio.BaseProtocol),
    "throw",
    *(
        "on_message_begin",
        "on_url",
        "on_header",
        "on_headers_complete",
        "send_400_response",
    ),  # of uvicorn's parser
}
"""What other libraries call, and document."""


def documented() -> Iterator[tuple[str, bool]]:
    """Each public function and class of the source, and whether it says what it is.

    What a class has under a name that is documented in another one says the same there: a door, a
    codec or a broker does not repeat what is promised of all of them.
    """
    trees = {
        str(path.relative_to(SOURCE)): ast.parse(path.read_text())
        for path in sorted(SOURCE.rglob("*.py"))
        if "client_pb2" not in path.name
    }
    promised = {
        part.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for part in node.body
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(part)
    } | FOREIGN
    for name, tree in trees.items():
        for node in tree.body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if not node.name.startswith("_"):
                yield f"{name}: {node.name}", ast.get_docstring(node) is not None
            if node.name.startswith("_") or isinstance(node, ast.FunctionDef):
                continue
            for part in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and part.name[0] != "_":
                    said = ast.get_docstring(part) is not None or part.name in promised
                    yield f"{name}: {node.name}.{part.name}", said


def test_whatever_is_public_says_what_it_is() -> None:
    found = dict(documented())
    assert len(found) > 1000
    assert [name for name, said in found.items() if not said] == []


def test_each_module_says_in_one_line_what_it_is_and_no_two_say_the_same() -> None:
    said = {
        path: (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
        for path in SOURCE.rglob("*.py")
        if "client_pb2" not in path.name
    }
    assert [str(path) for path, line in said.items() if not line or "\n" in line] == []
    assert [str(path) for path, line in said.items() if not line.endswith((".", ":", "?"))] == []
    assert len(set(said.values())) == len(said)


@pytest.mark.parametrize("name", ["ChannelOptions", "Limits"])
def test_each_default_has_its_reason_right_above_it(name: str) -> None:
    text = (SOURCE / "options.py").read_text()
    (options,) = [n for n in ast.parse(text).body if isinstance(n, ast.ClassDef) and n.name == name]
    lines = text.splitlines()
    fields = [part for part in options.body if isinstance(part, ast.AnnAssign)]
    assert len(fields) > 20
    above = {ast.unparse(field.target): lines[field.lineno - 2].strip() for field in fields}
    assert [
        name for name, line in above.items() if not line.startswith("# ") or line.startswith("# --")
    ] == []


# -- what no file may hold

# In pieces, so that this file does not hold them either.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
    )
)
MACHINE = re.compile(r"(?<![\w.~*-])/(?:root|work|home|Users)/" + r"\w")


def committed() -> Iterator[tuple[str, str]]:
    """Name and text of each text file that git knows."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if path.is_file():  # not deleted since
            data = path.read_bytes()
            if b"\0" not in data:
                yield name, data.decode(errors="replace")


def test_no_file_holds_the_address_of_a_registry() -> None:
    found = [(name, address) for name, text in committed() for address in REGISTRIES if address in text]
    assert found == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    assert [(name, found[0]) for name, text in committed() if (found := MACHINE.search(text))] == []
