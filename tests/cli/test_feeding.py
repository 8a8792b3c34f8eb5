"""What the verbs that feed a hub share: signals, which come at any moment."""

from __future__ import annotations

import os
import signal

import pytest

from gapless.cli.feeding import Signalled, Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_is_done_at_once_and_lets_what_is_to_be_whole_come_to_its_end(number: int) -> None:
    done: list[str] = []
    before = signal.getsignal(number)
    signals = Signals()
    with pytest.raises(Signalled) as ended, signals.heard():
        with signals.whole():
            os.kill(os.getpid(), number)
            done.append("whole")
        done.append("behind it")
    assert ended.value.number == number
    assert done == ["whole"]
    with pytest.raises(Signalled), Signals().heard():
        os.kill(os.getpid(), number)
        done.append("at once")
    assert done == ["whole"]
    assert signal.getsignal(number) == before
