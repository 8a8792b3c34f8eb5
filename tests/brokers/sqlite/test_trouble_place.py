"""The file system that a store lies on: whether locks on it mean anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless import BrokerError
from gapless.brokers.sqlite.trouble import check_place, kind_of


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
    assert kind_of(shared / "app.db", mounts) == "nfs4"
    assert kind_of(shared / "local" / "app.db", mounts) == "tmpfs"
    assert kind_of(tmp_path / "app.db", mounts) == "ext4"
    assert kind_of(tmp_path / "app.db", tmp_path / "nothing") == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs"])
def test_a_store_must_not_lie_where_locks_mean_nothing(tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 8:1 / / rw - {kind} host:/x rw\n")
    with pytest.raises(BrokerError, match=rf"network file system \({kind}\).*use redis://"):
        check_place(tmp_path / "app.db", mounts)


def test_it_may_lie_on_any_other_and_where_the_system_does_not_say(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 0 8:1 / / rw - ext4 /dev/sda rw\n")
    check_place(tmp_path / "app.db", mounts)
    check_place(tmp_path / "app.db", tmp_path / "nothing")
