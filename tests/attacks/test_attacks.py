"""Beside each kind of attack healthy readers get everything, in order, and nothing of it is left."""

from __future__ import annotations

import pytest

from ..support.serving import FAST_PATH
from .beside import stand, victim
from .kinds import KINDS

pytestmark = pytest.mark.anyio

SECONDS = 2.5

COUNTED = {
    "pings": "control_floods",
    "pongs": "control_floods",
    "continuations": "oversized",
    "unfinished": "unfinished",
    "nested": "inbound_waits",
    "garbage": "bad_protocol",
    "frozen": "stalled",
    "frozen_events": "stalled",
}
"""The counter that shows an attack; the others are seen in what is refused, or leave no mark."""


@pytest.mark.parametrize("kind", KINDS)
async def test_healthy_readers_notice_nothing(kind: str) -> None:
    async with victim(FAST_PATH) as served:
        seen = await stand(served, kind, SECONDS)
    assert seen.wrong == []
    assert seen.during["ready"]
    assert seen.after["counters"]["session_errors"] == 0, "nobody from outside causes an exception"
    if kind in COUNTED:
        assert seen.after["counters"][COUNTED[kind]] > 0
