"""What the files of a checkout are called when they are imported, and by whom."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


class ModuleNames:
    """Module names from the layout of a checkout: packages, `src` directories, project files.

    The import path at run time is not known, so a name is what the layout says: counted from the
    innermost `src`, else from the directory with the project's own file, else from the root.
    A directory without `__init__.py` is a namespace package, or a place that scripts start from.
    """

    def __init__(self, root: Path, files: tuple[str, ...]) -> None:
        self._root = root
        self._files = frozenset(files)
        self._projects: dict[str, bool] = {}
        self._prefix = self._packages_above()
        self._by_name: dict[str, str] = {}
        for file in files:
            self._by_name.setdefault(".".join(self._parts(file)), file)
        self._tops = frozenset(name.partition(".")[0] for name in self._by_name)

    def holds(self, target: str) -> bool:
        """Does it begin like any of the checkout's module names?"""
        return target.partition(".")[0] in self._tops

    def name(self, file: str) -> str:
        """`src/shop/orders.py` → `shop.orders`; `src/shop/__init__.py` → `shop`."""
        parts = self._parts(file)
        # Nobody can import through `my-scripts`: what follows it is started as a script.
        start = next((at for at in range(len(parts) - 1, 0, -1) if not parts[at - 1].isidentifier()), 0)
        return ".".join(parts[start:])

    def find(self, name: str, importer: str) -> tuple[str, ...]:
        """The file that `import name` means in the file `importer`, if it is in this checkout.

        A directory without `__init__.py` above the importer may be where its import path begins,
        as for scripts and tests; the nearest counts. The standard library is never shadowed so.
        """
        if name.partition(".")[0] not in sys.stdlib_module_names:
            path = name.replace(".", "/")
            for directory in self._roots_above(importer):
                for candidate in (f"{directory}{path}.py", f"{directory}{path}/__init__.py"):
                    if candidate in self._files and candidate != importer:
                        return (candidate,)
        known = self._by_name.get(name)
        return () if known is None else (known,)

    def _parts(self, file: str) -> list[str]:
        path = PurePosixPath(file)
        below = path.relative_to(self._import_root(path))
        parts = [*below.parts[:-1], path.stem]
        if below == path:
            parts = [*self._prefix, *parts]
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        return parts

    def _roots_above(self, importer: str) -> Iterator[str]:
        for directory in PurePosixPath(importer).parents:
            if not self._is_package(directory):
                yield "" if directory == PurePosixPath() else f"{directory}/"

    def _import_root(self, file: PurePosixPath) -> PurePosixPath:
        above = [directory for directory in file.parents if not self._is_package(directory)]
        for directory in above:
            if directory.name == "src":
                return directory
        for directory in above:
            if self._is_project(directory):
                return directory
        return PurePosixPath()

    def _is_package(self, directory: PurePosixPath) -> bool:
        return str(directory / "__init__.py") in self._files

    def _is_project(self, directory: PurePosixPath) -> bool:
        key = str(directory)
        if key not in self._projects:
            self._projects[key] = any((self._root / directory / name).is_file() for name in _PROJECT_FILES)
        return self._projects[key]

    def _packages_above(self) -> list[str]:
        """The packages that the root itself lies in: somebody may name the inside of one."""
        names: list[str] = []
        directory = self._root
        while (directory / "__init__.py").is_file() and directory.name.isidentifier():
            names.insert(0, directory.name)
            directory = directory.parent
        return names
