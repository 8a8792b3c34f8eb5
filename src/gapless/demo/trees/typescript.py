"""TypeScript: JavaScript with types, and with two grammars, one of which knows JSX."""

from __future__ import annotations

import tree_sitter_typescript

from .javascript import JavaScript


class TypeScript(JavaScript):
    """Read with the grammars of tree-sitter-typescript."""

    name = "TypeScript"
    fence = "typescript"
    suffixes = (".ts", ".mts", ".cts", ".tsx")

    def compiled(self, file: str) -> object:
        if file.endswith(".tsx"):
            return tree_sitter_typescript.language_tsx()
        return tree_sitter_typescript.language_typescript()
