"""What tests of faults use: a Redis of their own."""

from __future__ import annotations

from ..support.redis_nodes import server

__all__ = ["server"]
