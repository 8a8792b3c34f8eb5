"""The ASGI servers, each in a process of its own, as people start them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path

import pytest

from ..support.until import DEADLINE

START_SECONDS = 60.0

ROOT = Path(__file__).resolve().parent.parent.parent
APP = "tests.variants.served:app"

EVERY = ("uvicorn", "gapless", "wsproto", "gunicorn", "hypercorn", "granian", "daphne")
SERVERS = EVERY if os.environ.get("GAPLESS_TEST_SERVERS") == "all" else EVERY[:2]
"""uvicorn with its protocol and with ours; with GAPLESS_TEST_SERVERS=all the others too, minutes more."""

_PROTOCOLS = {
    "uvicorn": "websockets-sansio",
    "gapless": "gapless.transports.uvicorn:WebSocketProtocol",
    "wsproto": "wsproto",
}


def _command(name: str, port: int) -> list[str]:
    if name == "hypercorn":
        return ["hypercorn", APP, "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    if name == "granian":
        return ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--log-level",
                "error", APP]  # fmt: skip
    if name == "gunicorn":
        return ["gunicorn", APP, "-k", "uvicorn_worker.UvicornWorker", "-b", f"127.0.0.1:{port}"]
    if name == "daphne":
        return ["daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", APP]
    return ["uvicorn", APP, "--port", str(port), "--ws", _PROTOCOLS[name], "--log-level", "error",
            "--ws-ping-interval", "600", "--ws-ping-timeout", "600"]  # fmt: skip


@contextlib.contextmanager
def served(name: str) -> Iterator[str]:
    """A server under its name; gives where it listens. Skips where it is not installed, but not in CI."""
    package = name if name in ("gunicorn", "hypercorn", "granian", "daphne", "wsproto") else "uvicorn"
    if find_spec(package) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{package} is not installed: pip install -r requirements/dev.txt")
        pytest.skip(f"{package} is not installed")
    for _ in range(3):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        process = subprocess.Popen([sys.executable, "-m", *_command(name, port)], cwd=ROOT)
        try:
            if not _is_ready(process, port):
                continue  # somebody else was quicker with this port
            yield f"127.0.0.1:{port}"
            return
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    pytest.fail(f"{name} does not start")


def _is_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as asking:
                asking.request("GET", "/ready")
                return asking.getresponse().read() == b'"ready"'
        except ConnectionError:
            time.sleep(0.05)
    return False
