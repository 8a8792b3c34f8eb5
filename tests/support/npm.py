"""What tests take from npm's registry: pinned beside them, installed once, skipped where there is no npm."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

INSTALL = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]


def missing(what: str) -> NoReturn:
    """A test that cannot run here: skipped, and in CI a failure."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def installed(project: Path, wanted: str) -> Path:
    """A file below `node_modules` of a project, which is installed when it is not there.

    Processes that test at the same time take turns: an installation begins with taking the last one away.
    """
    file = project / "node_modules" / wanted
    with (project / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if file.exists():
            return file
        npm = shutil.which("npm")
        if npm is None:
            missing("npm is missing: apt-get install npm")
        done = subprocess.run([npm, *INSTALL], cwd=project, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        missing(f"{wanted} cannot be installed: {done.stderr[-500:]}")
    return file
