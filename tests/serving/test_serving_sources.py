"""Which file of an application has changed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gapless.serving import Sources

from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio


def touch(path: Path, seconds: int = 1) -> None:
    """Its time moves, whatever the clock's grain is."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + seconds * 10**9))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("app.py", "inner/part.py", "notes.txt", ".git/hook.py", "__pycache__/old.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "env" / "lib").mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "env" / "lib" / "other.py").write_text("")
    return tmp_path


async def change(sources: Sources) -> str:
    async with asyncio.timeout(DEADLINE):
        return await sources.change()


async def test_a_file_that_is_written_comes_or_goes_is_a_change(folder: Path) -> None:
    sources = Sources(folder)
    touch(folder / "inner" / "part.py")
    assert await change(sources) == "inner/part.py"
    (folder / "new.py").write_text("")
    assert await change(sources) == "new.py"
    (folder / "app.py").unlink()
    assert await change(sources) == "app.py"


async def test_what_is_no_source_of_it_is_none(folder: Path) -> None:
    sources = Sources(folder)
    for name in ("notes.txt", ".git/hook.py", "__pycache__/old.py", "env/lib/other.py"):
        touch(folder / name)
    touch(folder / "inner" / "part.py")
    # The others come before it by name, and would have been named.
    assert await change(sources) == "inner/part.py"
    assert sources._known.keys() == {str(folder / "app.py"), str(folder / "inner" / "part.py")}
