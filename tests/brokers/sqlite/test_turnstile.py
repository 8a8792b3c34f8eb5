"""The lock on a side file: one writes at a time, and who waits is told when it takes too long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapless import BrokerError
from gapless.brokers.sqlite.turnstile import Turnstile

from ...support.until import DEADLINE, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db-lock"


@pytest.fixture
def pair(path: Path) -> Iterator[tuple[Turnstile, Turnstile]]:
    """Two that use one file: the first has all the time in the world, the second none."""
    two = Turnstile(path, DEADLINE), Turnstile(path, 0.0)
    for each in two:
        each.open()
    yield two
    for each in two:
        each.close()


def test_who_finds_it_free_passes_and_again(pair: tuple[Turnstile, Turnstile]) -> None:
    for each in (*pair, *pair):
        with each.passed():
            pass


def test_nobody_passes_while_another_writes(pair: tuple[Turnstile, Turnstile], path: Path) -> None:
    patient, hasty = pair
    with (
        patient.passed(),
        pytest.raises(BrokerError, match="held by another process for 0 s") as late,
        hasty.passed(),
    ):
        raise AssertionError("two are inside")
    assert str(path) in str(late.value)
    with hasty.passed():
        pass


def test_who_fails_inside_lets_the_next_one_pass(pair: tuple[Turnstile, Turnstile]) -> None:
    patient, hasty = pair
    with pytest.raises(ValueError, match="a bug"), patient.passed():
        raise ValueError("a bug")
    with hasty.passed():
        pass


def test_who_gave_up_at_the_second_lock_holds_the_first_no_more(
    pair: tuple[Turnstile, Turnstile], path: Path
) -> None:
    patient, hasty = pair
    third = Turnstile(path, 0.0)
    third.open()
    with patient.passed():
        for late in (hasty, third):
            with pytest.raises(BrokerError), late.passed():
                pass
    for each in (patient, hasty, third):
        with each.passed():
            pass
    third.close()


async def test_who_waits_passes_as_soon_as_the_other_is_out(path: Path) -> None:
    one, other = Turnstile(path, DEADLINE), Turnstile(path, DEADLINE)
    one.open()
    other.open()
    inside = threading.Event()

    def wait() -> None:
        with other.passed():
            inside.set()

    with one.passed():
        waiting = asyncio.create_task(asyncio.to_thread(wait))
        await asyncio.sleep(0)
        assert not inside.is_set()
    await until(inside.is_set, "the other passes")
    await waiting
    one.close()
    other.close()


def test_closing_twice_is_harmless_and_it_can_be_opened_again(path: Path) -> None:
    turnstile = Turnstile(path, 0.0)
    for _ in range(2):
        turnstile.open()
        with turnstile.passed():
            pass
        turnstile.close()
        turnstile.close()


def test_the_files_are_for_their_owner_only(pair: object, path: Path) -> None:
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
