"""What the load of `gapless bench` counts, wherever a read ends."""

from __future__ import annotations

import pytest

from gapless.cli.bench.load import RECORD_BYTES, Load, Tally, Totals
from gapless.cli.bench.opening import frame

from ...support.until import DEADLINE
from ..conftest import Verb
from .scripted import LET_IN, MARKER, publication, scripted


def counted(stream: bytes, published: int, *, step: int) -> Totals:
    """What is counted of a stream that arrives in pieces of `step` bytes."""
    totals = Totals()
    tally = Tally(MARKER, totals)
    for at in range(0, len(stream), step):
        data = bytearray(tally.kept + stream[at : at + step])
        tally.take(data, len(data), 10_000_000)
    tally.finish(published)
    return totals


def stream(*numbers: int) -> bytes:
    return b"".join(map(publication, numbers))


def kept(verb: Verb, url: str, channel: str) -> int:
    return len(verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow").out)


@pytest.mark.parametrize("step", [1, 7, RECORD_BYTES, 64, 10_000])
def test_each_publication_counts_once_wherever_a_read_ends(step: int) -> None:
    totals = counted(stream(*range(1, 41)), 40, step=step)
    assert (totals.deliveries, totals.missing, totals.repeated) == (40, 0, 0)
    assert totals.latencies.total() == 5


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize(
    ("numbers", "missing", "repeated"),
    [
        ((1, 2, 4, 5), 1, 0),
        ((2, 3, 4, 5), 1, 0),
        ((1, 2, 3), 2, 0),
        ((), 5, 0),
        ((1, 2, 2, 3, 4, 5), 0, 1),
        ((1, 2, 2, 4, 5), 1, 1),
        ((1, 3, 2, 4, 5), 1, 1),
    ],
)
def test_a_gap_does_not_make_up_for_a_repeat(
    numbers: tuple[int, ...], missing: int, repeated: int, step: int
) -> None:
    totals = counted(stream(*numbers), 5, step=step)
    assert (totals.deliveries, totals.missing, totals.repeated) == (len(numbers), missing, repeated)


def test_latency_is_from_the_stamp_to_the_read() -> None:
    totals = counted(
        publication(1, 8_000_000) + stream(*range(2, 9)) + publication(9, 6_000_000), 9, step=999
    )
    assert [totals.percentile(share) for share in (0.5, 1.0)] == [0.002, 0.004]
    assert Totals().percentile(0.5) is None


def test_a_ping_is_answered_and_a_lost_connection_is_counted() -> None:
    load = Load(MARKER)
    with scripted(LET_IN, publication(1) + b"\x89\x041234") as (door, go, heard):
        load.open(door, 1)
        go.set()
        assert load.pump(lambda: load.totals.lost == 1, DEADLINE)
    load.finish(3)
    load.close()
    assert heard == [frame(0xA, b"1234")]
    assert (load.totals.deliveries, load.totals.missing) == (1, 2)
