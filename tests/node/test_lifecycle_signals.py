"""Saying goodbye in time: connections end at the signal, and the signal is passed on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from gapless.node.lifecycle import Signals

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def back_as_it_was() -> Iterator[None]:
    """The test runner gets its own handlers back, whatever a test has left."""
    handlers = {number: signal.getsignal(number) for number in BOTH}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Told:
    """What was done at signals, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.signals = Signals(self._drain)
        self._later: list[Callable[[], None]] = []

    def _drain(self, then: Callable[[], None]) -> None:
        self.said.append("drained")
        self._later.append(then)

    def turn(self) -> None:
        """The loop's next turn: the goodbyes are written."""
        later, self._later = self._later, []
        for then in later:
            then()

    def handler(self, name: str) -> Callable[[int, FrameType | None], None]:
        return lambda number, frame: self.said.append(f"{name} {signal.Signals(number).name}")

    def server(self) -> None:
        """A server that handles both."""
        for number in BOTH:
            signal.signal(number, self.handler("server"))


@pytest.fixture
def told() -> Told:
    told = Told()
    told.server()
    return told


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_drains_before_the_server_hears_of_it(told: Told, number: signal.Signals) -> None:
    told.signals.begin()
    signal.raise_signal(number)
    assert told.said == ["drained"]
    told.turn()
    assert told.said == ["drained", f"server {number.name}"]


@pytest.mark.parametrize("second", BOTH)
def test_a_second_signal_waits_for_nobody(told: Told, second: signal.Signals) -> None:
    """The loop may be stuck: what was not passed on yet goes with it, each once."""
    told.signals.begin()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(second)
    told.turn()
    signal.raise_signal(second)
    assert told.said == [
        "drained",
        "drained",
        "server SIGTERM",
        f"server {second.name}",
        "drained",
        f"server {second.name}",
    ]


def test_what_interrupts_at_once_still_does(told: Told) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    told.signals.begin()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert told.said == ["drained"]


def test_a_signal_is_not_lost_with_the_hub(told: Told) -> None:
    told.signals.begin()
    signal.raise_signal(signal.SIGTERM)
    told.signals.end()
    told.turn()
    assert told.said == ["drained", "server SIGTERM"]


def test_afterwards_the_server_has_it_alone(told: Told) -> None:
    before = [signal.getsignal(number) for number in BOTH]
    told.signals.begin()
    told.signals.end()
    assert [signal.getsignal(number) for number in BOTH] == before
    signal.raise_signal(signal.SIGTERM)
    assert told.said == ["server SIGTERM"]


def test_listening_twice_drains_once(told: Told) -> None:
    told.signals.begin()
    told.signals.begin()
    signal.raise_signal(signal.SIGTERM)
    told.turn()
    assert told.said == ["drained", "server SIGTERM"]


def test_it_can_listen_again(told: Told) -> None:
    told.signals.begin()
    told.signals.end()
    told.signals.begin()
    signal.raise_signal(signal.SIGINT)
    told.turn()
    assert told.said == ["drained", "server SIGINT"]


def test_what_nobody_handles_still_ends_the_process(told: Told) -> None:
    """SIG_DFL is no function to pass it on to, so it is left where it is."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    told.signals.begin()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.raise_signal(signal.SIGINT)
    told.turn()
    assert told.said == ["drained", "server SIGINT"]


def test_who_came_later_keeps_the_signal(told: Told) -> None:
    told.signals.begin()
    later = told.handler("later")
    signal.signal(signal.SIGTERM, later)
    told.signals.end()
    assert signal.getsignal(signal.SIGTERM) is later


def test_in_another_thread_it_does_nothing(told: Told) -> None:
    """Python sets handlers in the main thread only, and raises elsewhere."""
    before = signal.getsignal(signal.SIGTERM)
    asyncio.run(asyncio.to_thread(told.signals.begin))
    assert signal.getsignal(signal.SIGTERM) is before
