"""A handler in the processes of a program: told by a file, and through forks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..client.scripted import publications
from ..support.commands import environment
from ..support.until import DEADLINE

pytestmark = pytest.mark.anyio

FILE = """
[loggers]
keys=root

[handlers]
keys=hub

[formatters]
keys=

[logger_root]
level=INFO
handlers=hub

[handler_hub]
class=gapless.HubHandler
args=("{url}", "c")
"""
TOLD = """
import logging, logging.config
logging.config.fileConfig("logging.ini")
logging.getLogger("shop").info("told by a file")
"""
FORKS = """
import logging, os, sys, warnings
from gapless import HubHandler

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
handler = HubHandler(sys.argv[1], "c")
logging.basicConfig(level="INFO", handlers=[handler])
logging.info("before")
handler.wait(20)
logging.info("waiting")
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        logging.info("child %d", number)
        sys.exit()
    children.append(child)
logging.info("after")
for child in children:
    os.waitpid(child, 0)
"""


async def logged(code: str, folder: Path) -> list[Any]:
    """What has arrived when a program has ended."""
    async with publications() as api:
        (folder / "logging.ini").write_text(FILE.format(url=api.url))
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", code, api.url],
            cwd=folder,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=DEADLINE,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return api.taken


async def test_it_may_be_told_by_a_file(tmp_path: Path) -> None:
    (row,) = await logged(TOLD, tmp_path)
    assert (row["logger"], row["message"]) == ("shop", "told by a file")


async def test_each_record_of_a_program_that_forks_comes_once_and_says_its_process(tmp_path: Path) -> None:
    rows = await logged(FORKS, tmp_path)
    messages = [row["message"] for row in rows]
    assert sorted(messages) == ["after", "before", "child 0", "child 1", "child 2", "waiting"]
    source = {row["message"]: row["source"] for row in rows}
    assert source["before"] == source["waiting"] == source["after"]
    assert len(set(source.values())) == 4
