"""Worlds to test in."""

from __future__ import annotations

from ..support.worlds import make_world, world

__all__ = ["make_world", "world"]
