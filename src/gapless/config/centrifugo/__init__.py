"""Centrifugo's own configuration: its file, and what its environment variables say over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..formats import Document
from .environment import lay_over, unread
from .translation import Translated, translate

__all__ = ["Translated", "is_centrifugos", "read", "unread"]


def is_centrifugos(path: Path) -> bool:
    """Is this a file of Centrifugo's rather than one of our own? JSON, YAML and `centrifugo….toml` are."""
    return path.suffix in (".json", ".yaml", ".yml") or path.stem.startswith("centrifugo")


def read(path: Path, environment: Mapping[str, str], *, dev: bool = False) -> Translated:
    """The file, with the variables `CENTRIFUGO_…` of the environment over it, as Centrifugo has them.

    With `dev` what would be refused is left out, and noted.

    Raises:
        ConfigError: the file cannot be read, or is not what its name says.
    """
    document, notes = lay_over(Document.load(path), environment)
    translated = translate(document, dev=dev)
    return translated._replace(notes=translated.notes + notes)
