"""The heartbeat of an event stream."""

from __future__ import annotations

from gapless.protocol.sse import Heartbeat


def test_it_beats_once_an_interval() -> None:
    heart = Heartbeat(15.0, now=100.0)
    beats = [now for now in range(100, 150) if heart.is_due(float(now), waiting=False)]
    assert beats == [115, 130, 145]


def test_it_rests_while_something_waits_and_begins_anew_then() -> None:
    heart = Heartbeat(15.0, now=100.0)
    assert not any(heart.is_due(float(now), waiting=True) for now in range(100, 120))
    beats = [now for now in range(120, 140) if heart.is_due(float(now), waiting=False)]
    assert beats == [134]
