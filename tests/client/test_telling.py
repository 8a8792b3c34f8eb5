"""What people are told of how sending goes: each thing once."""

from __future__ import annotations

import pytest

from gapless.client.remote import NobodyThere, NotTheHub, Refused, Unreachable
from gapless.client.telling import REASONS, Telling
from gapless.client.ways import Busy


def made() -> tuple[Telling, list[str]]:
    said: list[str] = []
    return Telling("the hub", 16 * 1024 * 1024, said.append), said


def test_an_absence_is_told_as_it_begins_and_as_it_ends() -> None:
    telling, said = made()
    assert telling.away(NobodyThere("nobody"))
    assert telling.away(NobodyThere("nobody"))
    assert said == ["nobody (what comes is kept, up to 16 MiB)"]
    assert telling.away(NotTheHub("a wrong credential")), "another trouble is told"
    assert said[1:] == ["a wrong credential"]
    assert isinstance(telling.trouble, NotTheHub)
    telling.back(7)
    telling.back(0)
    assert said[2:] == ["the hub answers again; 7 publications follow"]
    assert telling.trouble is None


def test_a_hub_that_asks_to_wait_is_none_that_is_away() -> None:
    telling, said = made()
    assert not telling.away(Busy("later"))
    assert isinstance(telling.trouble, Busy)
    telling.back(0)
    assert said == []
    gone = Unreachable("gone")
    telling.away(gone)
    assert not telling.away(Busy("later"))
    assert telling.trouble is gone, "it was away before, and has taken nothing yet"


def test_why_there_is_no_room() -> None:
    telling, said = made()
    assert telling.reason == "they came faster than the hub took them"
    telling.away(Unreachable("gone"))
    assert telling.reason == "the hub was away for too long (gone)"
    telling.forked()
    assert telling.reason == "they came faster than the hub took them"
    telling.dropped()
    assert said[1:] == ["16 MiB wait for the hub; what does not fit is dropped and counted"]


def test_reasons_of_refusals_are_told_once_and_not_without_end() -> None:
    telling, said = made()
    for number in range(2 * REASONS):
        for _ in range(2):
            telling.refused("logs", Refused(f"reason {number}"))
    assert said == [f"a publication to logs was not taken: reason {number}" for number in range(REASONS)]


def test_without_a_reporter_it_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Telling("the hub", 2048, None).dropped()
    assert capsys.readouterr().err.startswith("gapless: 2 KiB wait")
