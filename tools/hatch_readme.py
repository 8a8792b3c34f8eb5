"""The README as a package index shows it: links into the repository lead there.

A build hook of hatch. In the repository links are relative, so that they work in every clone and branch.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?![a-z]+:|#)([^)\s]+)")
"""A link or, with `!`, a picture, to something in the repository."""


def absolute(text: str, source: str) -> str:
    """The text with addresses below that of the repository, where pages and raw files are."""

    def lead(found: re.Match[str]) -> str:
        picture, words, path = found.groups()
        return f"{picture}{words}{source}/{'raw' if picture else 'blob'}/main/{path}"

    return LINK.sub(lead, text)


class ReadmeHook(MetadataHookInterface):
    """Sets `readme`, which pyproject.toml leaves to it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatch with what stands under `[project]`."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, metadata["urls"]["Source"]),
        }
