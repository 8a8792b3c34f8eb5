"""What the tests of the Centrifuge doors use, here as well."""

from __future__ import annotations

from ..centrifuge.conftest import clock, codec

__all__ = ["clock", "codec"]
