"""Questions between nodes: asked of all, answered in pieces, and those that are silent are left out."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from gapless.core.counters import Counters
from gapless.node.questions import PIECE_BYTES, Questions
from gapless.node.tasks import Tasks

from ..support.until import until

pytestmark = pytest.mark.anyio


class Wire:
    """Carries messages between nodes that share it, each to one or to all; `deaf` hear nothing."""

    def __init__(self) -> None:
        self.nodes: dict[str, Questions] = {}
        self.deaf: set[str] = set()
        self.sizes: list[int] = []

    def join(self, name: str) -> Questions:
        tasks = Tasks(Counters())
        tasks.begin()

        def say(message: dict[str, Any], to: str | None) -> None:
            self.sizes.append(len(str(message)))
            for other in [to] if to is not None else list(self.nodes):
                if other != name and other not in self.deaf:
                    self.deliver(other, {**message, "from": name})

        node = self.nodes[name] = Questions(say, tasks)
        return node

    def deliver(self, to: str, said: dict[str, Any]) -> None:
        node = self.nodes[to]
        if "ask" in said:
            node.on_question(said["ask"], said["what"], said["about"], said["from"])
        else:
            node.on_answer(said["answer"], said["piece"], said["last"], said["from"])


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_each_answers_of_what_it_was_asked_about(wire: Wire) -> None:
    a, b, c = (wire.join(name) for name in "abc")
    b.on("twice", lambda about: about["n"] * 2)

    async def later(about: dict[str, Any]) -> int:
        return int(about["n"]) * 3

    c.on("twice", later)
    assert await a.ask("twice", ["b", "c"], {"n": 4}, 30) == {"b": 8, "c": 12}


async def test_an_answer_of_any_size_comes_whole_and_in_small_messages(wire: Wire) -> None:
    a, b = wire.join("a"), wire.join("b")
    long = ["é" * 1000] * 500
    b.on("long", lambda about: long)
    assert await a.ask("long", ["b"], {}, 30) == {"b": long}
    assert len(wire.sizes) > 10
    assert max(wire.sizes) < 2 * PIECE_BYTES


async def test_who_has_no_answer_is_not_waited_for(wire: Wire) -> None:
    a, b = wire.join("a"), wire.join("b")
    wire.join("old")
    b.on("known", lambda about: [])
    assert await a.ask("known", ["b", "old"], {}, 3600) == {"b": []}


async def test_nobody_there_is_an_answer_too(wire: Wire) -> None:
    assert await wire.join("a").ask("anything", [], {}, 3600) == {}


async def test_who_is_silent_is_left_out_and_said_once(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    a, b = wire.join("a"), wire.join("b")
    wire.join("dead")
    wire.deaf.add("dead")
    b.on("x", lambda about: 1)
    for _ in range(3):
        assert await a.ask("x", ["b", "dead"], {}, 0.01) == {"b": 1}
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    wire.deaf.clear()
    assert await a.ask("x", ["b"], {}, 30) == {"b": 1}


async def test_what_comes_too_late_or_twice_is_for_nobody(wire: Wire) -> None:
    a, b = wire.join("a"), wire.join("b")
    a.on_answer(7, "MQ==", True, "b")
    b.on("x", lambda about: 1)
    asked = [await a.ask("x", ["b"], {}, 30) for _ in range(2)]
    assert asked == [{"b": 1}, {"b": 1}]
    await until(lambda: True)
