"""The file system that a store lies on: whether locks on it mean anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless import BrokerError
from gapless.brokers.sqlite import place


def test_the_file_system_of_a_path_is_the_deepest_that_holds_it(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    shared = tmp_path.resolve() / "shared disk"
    escaped = str(shared).replace(" ", "\\040")
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        f"2 1 0:50 / {escaped} rw,relatime shared:1 - nfs4 host:/x rw\n"
        f"3 1 0:51 / {escaped}/local rw - tmpfs none rw\n"
        "nonsense\n"
    )
    assert place.kind_of(shared / "app.db", mounts) == "nfs4"
    assert place.kind_of(shared / "local" / "app.db", mounts) == "tmpfs"
    assert place.kind_of(tmp_path / "app.db", mounts) == "ext4"
    assert place.kind_of(tmp_path / "app.db", tmp_path / "nothing") == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs"])
def test_a_store_must_not_lie_where_locks_mean_nothing(tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 8:1 / / rw - {kind} host:/x rw\n")
    with pytest.raises(BrokerError, match=rf"network file system \({kind}\).*use redis://"):
        place.check(tmp_path / "app.db", mounts)


def test_it_may_lie_on_any_other_and_where_the_system_does_not_say(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 0 8:1 / / rw - ext4 /dev/sda rw\n")
    place.check(tmp_path / "app.db", mounts)
    place.check(tmp_path / "app.db", tmp_path / "nothing")
