"""What the tests of the Redis broker use: a server of their own, and nodes on it."""

from __future__ import annotations

from ...support.redis_nodes import node, server

__all__ = ["node", "server"]
