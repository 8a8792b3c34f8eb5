"""What the verbs that feed a hub share: signals, which come at any moment."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timedelta

import pytest

from gapless.cli.feeding import Rows, Signalled, Signals, entries


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
