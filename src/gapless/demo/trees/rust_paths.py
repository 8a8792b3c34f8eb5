"""Rust: which module of a crate a file is, and what the paths in it name."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from tree_sitter import Node

from ..definitions import Reference
from .tree import text_of

STANDARD = ("std", "core", "alloc", "proc_macro", "test")
_PRELUDE_TEXT = """
    Self Option Some None Result Ok Err Vec String Box Drop Clone Copy Send Sync Sized Iterator
    IntoIterator From Into Default Eq PartialEq Ord PartialOrd ToString ToOwned AsRef AsMut Fn FnMut
    FnOnce Extend DoubleEndedIterator ExactSizeIterator TryFrom TryInto FromIterator Unpin assert
    assert_eq assert_ne cfg column compile_error concat dbg debug_assert debug_assert_eq
    debug_assert_ne env eprint eprintln file format format_args include include_bytes include_str
    line matches module_path option_env panic print println stringify thread_local todo try
    unimplemented unreachable vec write writeln
"""
_PRELUDE = frozenset(_PRELUDE_TEXT.split())


class Crates:
    """The modules of a checkout's crates, as `mod` and `use` name them."""

    def __init__(self, root: Path, files: tuple[str, ...]) -> None:
        self._root = root
        self._crates: dict[str, str | None] = {}
        self._by_name: dict[str, list[str]] = {}
        for file in files:
            self._by_name.setdefault(self.name(file), []).append(file)
        self._tops = {name.partition(".")[0] for name in self._by_name}

    def name(self, file: str) -> str:
        """`src/a/b.rs` → `crate_name.a.b`; what lies outside of `src` is a crate of its own."""
        directory, name = posixpath.split(file)
        parts = [name.removesuffix(".rs")]
        while True:
            if posixpath.basename(directory) == "src" or not directory:
                crate = self._crate(posixpath.dirname(directory)) or self._root.name.replace("-", "_")
                if not directory and self._crate("") is None:
                    return ".".join(parts)
                if len(parts) > 1 and parts[0] in ("bin", "tests", "examples", "benches"):
                    del parts[0]
                    crate = parts.pop(0)
                if parts and parts[-1] in ("lib", "main", "mod"):
                    parts.pop()
                return ".".join([crate, *parts])
            directory, last = posixpath.split(directory)
            parts.insert(0, last)

    def find(self, name: str, importer: str) -> tuple[str, ...]:
        return tuple(self._by_name.get(name, ()))

    def holds(self, target: str) -> bool:
        return target.partition(".")[0] in self._tops

    def _crate(self, directory: str) -> str | None:
        """The name that the Cargo.toml of a directory gives."""
        if directory not in self._crates:
            try:
                text = (self._root / directory / "Cargo.toml").read_text("utf-8")
            except (OSError, ValueError):
                text = ""
            found = re.search(r"^name\s*=\s*\"([\w-]+)\"", text, re.MULTILINE)
            self._crates[directory] = found[1].replace("-", "_") if found else None
        return self._crates[directory]


class Paths:
    """What a path in one file names: by its `use` declarations, its own items and the prelude."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._crate = module.partition(".")[0]
        self.names = {each: f"builtins.{each}" for each in _PRELUDE} | {each: each for each in STANDARD}
        """By what the file calls them."""
        self.imports: list[Reference] = []
        self.stars: list[str] = []
        """Modules of which everything is used."""
        self.exports: set[str] = set()

    def define(self, name: str, where: str = "") -> None:
        """The file has an item of this name, in the inline modules `where`."""
        self.names[name] = f"{self._module}.{where}{name}"

    def define_module(self, name: str, line: int) -> None:
        """A `mod` whose text is another file."""
        self.define(name)
        self.imports.append(Reference(self.names[name], "import", line))

    def use(self, argument: Node | None, line: int, *, public: bool) -> None:
        """Bind what a `use` names; `public`: other modules may take it from here."""
        self._use(argument, "", line, public)

    def target(self, path: str, owner: str) -> str:
        """The dotted name of a type that is written as `path` in an `impl` of `owner`; empty where it is
        the language's own."""
        first, _, rest = path.partition("<")[0].partition("::")
        if first == "Self":
            return f"{self._module}.{owner}" if owner else ""
        if first in _PRELUDE or not first:
            return ""
        target = (
            self.names.get(first) or self._absolute(first)
            if first in ("crate", "self", "super")
            else self.names.get(first, f"{self._module}.{first}")
        )
        return ".".join([target, *rest.split("::")]) if rest else target

    def _use(self, node: Node | None, prefix: str, line: int, public: bool) -> None:
        """Bind what a `use` names: paths, lists of them, and aliases."""
        if node is None:
            return
        match node.type:
            case "use_list":
                for each in node.named_children:
                    self._use(each, prefix, line, public)
            case "scoped_use_list":
                path = text_of(node, "path")
                self._use(node.child_by_field_name("list"), f"{prefix}{path}::", line, public)
            case "use_wildcard":
                path = text_of(node.named_children[0]) if node.named_children else ""
                target = self._absolute(f"{prefix}{path}")
                if target != self._module:
                    self.stars.append(target)
                    self.imports.append(Reference(target, "import", line))
            case "use_as_clause":
                path = f"{prefix}{text_of(node, 'path')}"
                self._bind(path, text_of(node, "alias"), line, public)
            case "self":
                path = prefix.removesuffix("::")
                self._bind(path, path.rpartition("::")[2], line, public)
            case _:
                path = f"{prefix}{text_of(node)}"
                self._bind(path, path.rpartition("::")[2], line, public)

    def _bind(self, path: str, name: str, line: int, public: bool) -> None:
        target = self._absolute(path)
        self.imports.append(Reference(target, "import", line))
        if name != "_":
            self.names.setdefault(name, target)
            if public:
                self.exports.add(name)

    def _absolute(self, path: str) -> str:
        """A path as a dotted name, without `crate`, `self` and `super`."""
        parts = [part for part in path.removeprefix("::").split("::") if part]
        above = self._module.split(".")
        if parts[:1] == ["crate"]:
            return ".".join([self._crate, *parts[1:]])
        if parts and parts[0] in ("self", "super"):
            while parts and parts[0] in ("self", "super"):
                if parts.pop(0) == "super" and len(above) > 1:
                    above.pop()
            return ".".join([*above, *parts])
        if parts and parts[0] in self.names and parts[0] not in _PRELUDE:
            return ".".join([self.names[parts[0]], *parts[1:]])
        return ".".join(parts)
