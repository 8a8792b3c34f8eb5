"""Datagrams between processes: who is there is woken, who is gone is forgotten, and nothing waits."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapless.brokers.sqlite import wakeups
from gapless.brokers.sqlite.wakeups import TALK, Wakeups


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short enough for sockets."""
    made = wakeups.make()
    yield made
    for left in made.iterdir():
        left.unlink()
    made.rmdir()


@pytest.fixture
def pair(directory: Path) -> Iterator[tuple[Wakeups, Wakeups]]:
    """Two that know each other."""
    one, other = Wakeups(), Wakeups()
    one.open(directory)
    other.open(directory)
    one.woken()
    yield one, other
    one.close()
    other.close()


def test_the_directory_is_for_its_owner_alone(directory: Path) -> None:
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert wakeups.usable(directory)
    directory.chmod(0o750)
    assert not wakeups.usable(directory)
    directory.chmod(0o700)


def test_what_is_no_directory_is_not_usable(directory: Path, tmp_path: Path) -> None:
    assert not wakeups.usable(directory / "gone")
    file = tmp_path / "file"
    file.touch(mode=0o600)
    assert not wakeups.usable(file)
    link = tmp_path / "link"
    link.symlink_to(directory)
    assert not wakeups.usable(link), "somebody else may have put it there"


def test_a_long_temporary_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * wakeups.LONGEST)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    made = wakeups.make()
    made.rmdir()
    assert made.parent == Path("/tmp")


def test_who_opens_is_known_to_those_that_are_there(pair: tuple[Wakeups, Wakeups]) -> None:
    one, other = pair
    assert one.received == 1, "the other said that it is there"
    one.wake()
    other.woken()
    assert (one.sent, other.received) == (1, 1)


def test_several_wake_ups_are_taken_at_once(pair: tuple[Wakeups, Wakeups]) -> None:
    one, other = pair
    for _ in range(5):
        one.wake()
    other.woken()
    assert other.received == 5
    other.woken()
    assert other.received == 5


def test_one_that_does_not_read_holds_nobody_up(pair: tuple[Wakeups, Wakeups]) -> None:
    one, other = pair
    for _ in range(5_000):
        one.wake()
    assert 0 < one.sent < 5_000, "full means that it will look anyway"
    other.woken()
    assert other.received == one.sent


def test_a_socket_that_nobody_holds_is_cleared_away(pair: tuple[Wakeups, Wakeups], directory: Path) -> None:
    one, other = pair
    left = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.bind(str(directory / "1-dead"))
    left.close()
    other.wake()
    one.woken()  # it may have come from somebody new: it looks again
    one.wake()
    assert not (directory / "1-dead").exists()
    one.wake()
    other.woken()
    assert other.received == 2


def test_sockets_of_messages_are_not_woken(pair: tuple[Wakeups, Wakeups], directory: Path) -> None:
    one, _ = pair
    talk = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        talk.bind(str(directory / f"{TALK}1"))
        talk.setblocking(False)
        one.wake()
        with pytest.raises(BlockingIOError):
            talk.recv(16)
    finally:
        talk.close()


def test_closed_it_leaves_no_socket_and_wakes_nobody(pair: tuple[Wakeups, Wakeups], directory: Path) -> None:
    one, other = pair
    one.close()
    one.close()
    assert len(list(directory.iterdir())) == 1
    one.wake()
    one.woken()
    other.woken()
    assert other.received == 0


def test_a_directory_that_is_gone_is_an_error(tmp_path: Path) -> None:
    lost = Wakeups()
    with pytest.raises(OSError):
        lost.open(tmp_path / "gone")
    assert lost.socket is None
    lost.wake()
