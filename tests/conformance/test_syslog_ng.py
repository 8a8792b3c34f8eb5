"""syslog-ng, as it is, with the destination that the page on feeds over HTTP gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..support.commands import environment, gapless, serving
from ..support.until import DEADLINE

PAGE = Path(__file__).parents[2] / "docs" / "feeds" / "http.md"
LINES = 2000
TOKEN = "f3b1c7d95e8a46021c0d"


def version() -> str | None:
    """Of its configuration; None where it is not installed, or cannot send over HTTP."""
    program = shutil.which("syslog-ng")
    if program is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    modules = re.search(r"^Available-Modules: (.*)$", said, re.MULTILINE)
    found = re.search(r"^Config version: (\S+)$", said, re.MULTILINE)
    has_http = modules is None or "http" in modules[1].split(",")
    return found[1] if found is not None and has_http else None


VERSION = version()
pytestmark = pytest.mark.skipif(VERSION is None, reason="syslog-ng and its HTTP module are not installed")


@contextmanager
def shipping(folder: Path, url: str, log: Path) -> Iterator[None]:
    (block,) = re.findall(r"^```\n# syslog-ng\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    configuration = folder / "syslog-ng.conf"
    configuration.write_text(
        f"@version: {VERSION}\n"
        + block.replace("http://127.0.0.1:8765", url)
        + f'source s_log {{ file("{log}" read-old-records(yes) flags(no-parse)); }};\n'
        + "log { source(s_log); destination(d_gapless); };\n"
    )
    own = ("-R", folder / "persist", "-p", folder / "pid", "-c", folder / "control")
    with subprocess.Popen(
        ["syslog-ng", "-F", "--no-caps", "-f", configuration, *own],
        env=environment(GAPLESS_TOKEN=TOKEN),
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(DEADLINE)


def messages(url: str) -> list[dict[str, str]]:
    asked = ("tail", "app:logs", "--url", url, "-n", "all", "-o", "raw", "--no-follow")
    said = gapless(*asked, GAPLESS_TOKEN=TOKEN)
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_its_lines_arrive_complete_and_in_order(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f'number {number} "ä"\n' for number in range(LINES)))
    with serving("--token", TOKEN) as (url, _), shipping(tmp_path, url, log):
        deadline = time.monotonic() + 2 * DEADLINE
        while len(rows := messages(url)) < LINES:
            assert time.monotonic() < deadline, f"{len(rows)} lines arrived"
        with log.open("a") as file:
            file.write("one more\n")
        while len(rows := messages(url)) == LINES:
            assert time.monotonic() < deadline, "what came later did not arrive"
    assert [row["message"] for row in rows] == [*(f'number {n} "ä"' for n in range(LINES)), "one more"]
    assert set(rows[0]) == {"time", "level", "logger", "message", "host"}
