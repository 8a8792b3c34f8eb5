"""Both encodings, and a clock that the test moves."""

from __future__ import annotations

from ...support.centrifuge.fixtures import clock, codec

__all__ = ["clock", "codec"]
