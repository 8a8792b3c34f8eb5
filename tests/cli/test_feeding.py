"""What the verbs that feed a hub share: signals, which come at any moment."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timedelta

import pytest

from gapless.cli.feeding import Rows, Signalled, Signals, entries


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_wait_and_lets_everything_else_come_to_its_end(number: int) -> None:
    done: list[str] = []
    before = signal.getsignal(number)
    signals = Signals()
    with pytest.raises(Signalled) as ended, signals.heard():
        os.kill(os.getpid(), number)
        done.append("whole")
        with signals.may_end():
            done.append("a wait")
    assert ended.value.number == number
    assert done == ["whole"]
    signals = Signals()
    with pytest.raises(Signalled), signals.heard(), signals.may_end():
        os.kill(os.getpid(), number)
        done.append("behind it")
    assert done == ["whole"]
    assert signal.getsignal(number) == before


def test_the_time_of_a_line_is_when_it_was_read_and_stays_with_it() -> None:
    rows = Rows(join=True)
    before = datetime.now().astimezone()
    read = rows.feed(["ERROR it broke", "a word"])  # the first waits for a traceback no more
    after = datetime.now().astimezone()
    (body, _), (other, _) = entries(read)
    for sent in (body, other):
        time = datetime.fromisoformat(json.loads(sent)["time"])
        assert before - timedelta(milliseconds=1) <= time <= after
    own = "2020-01-01T00:00:00Z"
    assert entries(rows.feed([f"{own} INFO later"]))[0][0].startswith(b'{"time":"2020-01-01T00:00:00')
