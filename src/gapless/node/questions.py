"""What a node asks all others: each answers from what it knows, in pieces that any carrier takes."""

from __future__ import annotations

import asyncio
import base64
import inspect
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from .tasks import Tasks

log = logging.getLogger("gapless")

ANSWER_SECONDS = 2.0
"""Whoever has not answered by then is left out."""

PIECE_BYTES = 64 * 1024
"""Of an answer in one message: what carries messages between nodes bounds each."""

Answer = Callable[[dict[str, Any]], Any | Awaitable[Any]]
"""What this node says to a question, given what it was asked about; as JSON can hold it."""


@dataclass(slots=True)
class _Asked:
    """A question under way: who has not answered, and what the others said so far."""

    missing: set[str]
    pieces: dict[str, list[bytes]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Questions:
    """Asks the other nodes, and answers what they ask. `say` carries a message to one node, or to all."""

    def __init__(self, say: Callable[[dict[str, Any], str | None], None], tasks: Tasks) -> None:
        self._say = say
        self._tasks = tasks
        self._answers: dict[str, Answer] = {}
        self._ids = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._silent: frozenset[str] = frozenset()

    def on(self, what: str, answer: Answer) -> None:
        """From now on this node has an answer to this question."""
        self._answers[what] = answer

    async def ask(
        self, what: str, nodes: Iterable[str], about: dict[str, Any], within: float
    ) -> dict[str, Any]:
        """What these nodes answer within so many seconds, by node. One that has no answer is left out."""
        asked = _Asked(set(nodes))
        if not asked.missing:
            return {}
        number = next(self._ids)
        self._asked[number] = asked
        self._say({"ask": number, "what": what, "about": about}, None)
        try:
            async with asyncio.timeout(within):
                await asked.done.wait()
        except TimeoutError:
            pass  # said below, and once
        finally:
            del self._asked[number]
        silent = frozenset(asked.missing)
        if silent - self._silent:
            log.warning("%d nodes of the hub did not answer in time; they are left out", len(silent))
        self._silent = silent
        return {node: answer for node, answer in asked.answers.items() if answer is not None}

    # -- what is heard

    def on_question(self, number: int, what: str, about: dict[str, Any], node: str) -> None:
        """Another node asks."""
        answer = self._answers.get(what)
        said = answer(about) if answer is not None else None
        if inspect.isawaitable(said):
            self._tasks.spawn(self._answer_later(number, said, node))
        else:
            self._answer(number, said, node)

    async def _answer_later(self, number: int, said: Awaitable[Any], node: str) -> None:
        try:
            self._answer(number, await said, node)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("a question of another node cannot be understood: %r", error)

    def _answer(self, number: int, said: Any, node: str) -> None:
        pieces = list(_pieces(orjson.dumps(said)))
        for at, piece in enumerate(pieces, 1):
            self._say({"answer": number, "piece": piece, "last": at == len(pieces)}, node)

    def on_answer(self, number: int, piece: str, is_last: bool, node: str) -> None:
        """A piece of what another node answers; those of one node come in their order."""
        asked = self._asked.get(number)
        if asked is None or node not in asked.missing:
            return
        asked.pieces.setdefault(node, []).append(base64.b64decode(piece))
        if is_last:
            asked.missing.discard(node)
            asked.answers[node] = orjson.loads(b"".join(asked.pieces.pop(node)))
        if not asked.missing:
            asked.done.set()


def _pieces(answer: bytes) -> Iterator[str]:
    for begin in range(0, len(answer), PIECE_BYTES):
        yield base64.b64encode(answer[begin : begin + PIECE_BYTES]).decode()
