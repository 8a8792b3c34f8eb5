"""What the tests of the verbs use, here as well."""

from __future__ import annotations

from ..cli.conftest import verb

__all__ = ["verb"]
