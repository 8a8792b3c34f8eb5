"""The pages on feeding a hub: what stands on them is run, and arrives."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .client.scripted import publications
from .support.commands import environment
from .support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

PAGES = Path(__file__).parent.parent / "docs" / "feeds"
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(kind, code, id=f"{page.stem}-{number}")
    for page in sorted(PAGES.glob("*.md"))
    for number, (kind, code) in enumerate(BLOCK.findall(page.read_text()))
]
NEEDED = {"structlog": "structlog", "loguru": "loguru", "opentelemetry": "opentelemetry.sdk"}


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize(("kind", "code"), EXAMPLES)
async def test_what_a_page_says_to_add_feeds_a_hub(kind: str, code: str, tmp_path: Path) -> None:
    for word, module in NEEDED.items():
        if f"import {word}" in code or f"from {word}" in code:
            pytest.importorskip(module)
    async with publications() as api:
        code = code.replace("http://127.0.0.1:8765", api.url)
        # A verb that runs on is ended when its line has come.
        code = code.replace("gapless follow", "exec gapless follow")
        process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            [sys.executable, "-c", code] if kind == "python" else ["bash", "-c", code],
            cwd=tmp_path,
            env=environment(GAPLESS_URL=api.url, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                await until(lambda: api.taken or process.poll() is not None)
                if "gapless follow" in code:
                    process.send_signal(signal.SIGINT)
                _, said = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
            finally:
                process.kill()
        assert process.returncode == (130 if "gapless follow" in code else 0), said
        assert api.taken, said
