"""What the tests of the Centrifuge doors use, here as well."""

from __future__ import annotations

from ..support.centrifuge.fixtures import clock, codec

__all__ = ["clock", "codec"]
