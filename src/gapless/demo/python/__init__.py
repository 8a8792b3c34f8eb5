"""Python, read with its own compiler and measured with radon."""

from __future__ import annotations

import sys
from pathlib import Path

from ..language import Layout, Module
from .measure import measure
from .modules import ModuleNames
from .source import parse_source


class Python:
    """The language that this package is written in."""

    name = "Python"
    fence = "python"
    suffixes = (".py",)
    separator = "."

    def layout(self, root: Path, files: tuple[str, ...]) -> Layout:
        return ModuleNames(root, tuple(file for file in files if file.endswith(".py")))

    def read(self, file: str, content: bytes, name: str) -> Module:
        return measure(parse_source(file, content), name, self)

    def importing(self, module: str, name: str) -> str:
        return f"from {module} import {name}" if name else f"import {module}"

    def is_standard(self, name: str) -> bool:
        return name.partition(".")[0] in sys.stdlib_module_names
