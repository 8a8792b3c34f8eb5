"""Runs the scenarios: python -m tests.conformance.python.driver SETTINGS [NAME]

SETTINGS is the JSON line that `server.py` printed; with NAME only scenarios whose name holds it are run.
Prints {"plan": [[codec, scenario], …]} and then one line {"transport", "scenario", "seconds", "error",
"frames"} as each ends; error is null when it conforms.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import json
import logging
import sys
import time
import traceback
from typing import Any

from ..backend import Backend, Settings
from .stage import SCENARIOS, Stage

MODULES = (
    "connecting",
    "subscribing",
    "publishing",
    "reading",
    "recovering",
    "server_side",
    "disconnecting",
)

AT_ONCE = 32
SCENARIO_SECONDS = 45.0
FRAMES = 40
LONGEST = 600

_frames: contextvars.ContextVar[list[str]] = contextvars.ContextVar("frames")


class Recorder(logging.Handler):
    """Keeps what the library logs of its commands and replies, for the scenario that caused it."""

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if said.startswith(("send commands", "got reply", "connection closed", "data received")):
            frames = _frames.get([])
            frames.append(said[:LONGEST])
            del frames[:-FRAMES]


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


async def play(backend: Backend, name: str, codec: str, gate: asyncio.Semaphore) -> None:
    frames: list[str] = []
    _frames.set(frames)
    async with gate:
        began = time.perf_counter()
        error: str | None = None
        try:
            async with (
                asyncio.timeout(SCENARIO_SECONDS),
                Stage(backend, protobuf=codec == "protobuf") as stage,
            ):
                await SCENARIOS[name][0](stage)
        except Exception:
            error = traceback.format_exc()
        seconds = time.perf_counter() - began
    say(
        {
            "transport": codec,
            "scenario": name,
            "seconds": seconds,
            "error": error,
            "frames": frames if error else [],
        }
    )


async def run(settings: Settings, part: str) -> None:
    plan = [
        (codec, name)
        for name, (_, fits) in SCENARIOS.items()
        for codec in ("json", "protobuf")
        if part in name and fits(codec == "protobuf")
    ]
    say({"plan": plan})
    gate = asyncio.Semaphore(AT_ONCE)
    async with Backend(settings) as backend:
        await asyncio.gather(*(play(backend, name, codec, gate) for codec, name in plan))


if __name__ == "__main__":
    logger = logging.getLogger("centrifuge")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(Recorder())
    for module in MODULES:
        importlib.import_module(f".scenarios.{module}", __package__)
    asyncio.run(run(Settings(**json.loads(sys.argv[1])), "".join(sys.argv[2:])))
