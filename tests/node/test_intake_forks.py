"""Publishing in a fork of the process that the hub runs in."""

from __future__ import annotations

import os

import pytest

from gapless import Hub, NotRunning
from gapless.node.intake import FORKS

pytestmark = pytest.mark.anyio


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_a_child_is_told_the_ways_out_and_the_parent_goes_on() -> None:
    async with Hub() as hub:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                hub.publish("logs", 1)
                said = b"it went nowhere"
            except NotRunning as error:
                said = str(error).encode()
            except BaseException as error:
                said = repr(error).encode()
            os.write(writing, said)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read().decode()  # to its end, which is the child's
        os.waitpid(child, 0)  # noqa: ASYNC222 - it has ended
        assert all(way in told for way in ("in the parent", "/api/publish", "sqlite:///"))
        assert FORKS.count == 0
        await hub.publish("logs", 1)
