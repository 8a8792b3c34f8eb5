"""Languages that are read with tree-sitter, each with the grammar of its own package."""
