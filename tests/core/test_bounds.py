"""The table of bounds: whoever adds one gives it a counter, and a test that goes to it and past it."""

from __future__ import annotations

import ast
import dataclasses
from functools import cache
from pathlib import Path

import pytest

from gapless import Limits, MemoryBroker
from gapless.core.bounds import BOUNDS, Bound
from gapless.core.counters import Counters

ROOT = Path(__file__).parent.parent.parent

NO_BOUND = {
    "close_timeout": "a deadline of an end that was counted before",
    "expiry_grace": "how long a grant may outlive its time",
    "flush_bytes": "the size of a write; the rest follows",
    "heartbeat": "an interval",
    "history_frame_bytes": "the size of a frame; the rest follows",
    "housekeeping": "an interval",
    "idempotency_key_bytes": "of publishers, who are told with 107",
    "idempotency_keys": "a cache",
    "idempotency_seconds": "how long it is kept",
    "broker_seconds": "a deadline of the broker's; what fails is counted as publish_failed",
    "max_pace_ms": "a wish that is refused with 107",
    "nesting_bytes": "a weight within inbound_rate",
    "patience": "how long a publisher waits",
    "ping_interval": "an interval",
    "peer_timeout": "the kernel ends it, as the end of a connection",
    "position_check": "an interval",
    "presence_expiry": "an interval",
    "presence_info_bytes": "of hooks and tokens, who are told with 107",
    "presence_refresh": "an interval",
    "reads_at_once": "the rest waits its turn",
    "resolved_names": "a cache",
    "slice_seconds": "a share of time",
    "slowest_rate": "a part of stall_timeout, where progress cannot be seen",
    "stream_age": "an age: its client comes back and resumes",
    "tag_bytes": "of publishers, who are told with 107",
    "tags": "of publishers, who are told with 107",
    "unwatched_stream_age": "as stream_age",
}
"""What is no bound that a client can reach, with what it is instead."""


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.option)
def test_each_has_a_counter_and_a_test(bound: Bound) -> None:
    owner, _, name = bound.counter.rpartition(".")
    assert hasattr(MemoryBroker() if owner == "broker" else Counters(), name)
    assert bound.test in names_in(bound.tests)
    assert bound.then


def test_every_limit_is_in_it_or_is_none() -> None:
    options = [field.name for field in dataclasses.fields(Limits)]
    listed = [bound.option for bound in BOUNDS]
    assert len(listed) == len(set(listed))
    assert set(options) == {*listed, *NO_BOUND}
    assert not set(listed) & set(NO_BOUND)
