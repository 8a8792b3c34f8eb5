"""What a call by group comes to: its answer, or the one error that callers know."""

from __future__ import annotations

from typing import Any, cast

import pytest
from redis.exceptions import ResponseError

from gapless import BrokerError
from gapless.brokers.redis.link import Argument, Call
from gapless.brokers.redis.site import Site, call

pytestmark = pytest.mark.anyio


class Answering:
    """A site that answers every call alike, at once."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[int, tuple[Argument, ...]]] = []

    def send(self, group: int, waiting: Call, *command: Argument) -> None:
        self.asked.append((group, command))
        if isinstance(self.answer, Exception):
            waiting.fail(self.answer)
        else:
            waiting.answer(self.answer)


async def asked(answer: Any) -> Any:
    site = Answering(answer)
    try:
        return await call(cast("Site", site), 3, b"GET", "a")
    finally:
        assert site.asked == [(3, (b"GET", "a"))]


async def test_an_answer_is_what_the_server_of_the_group_says() -> None:
    assert await asked([b"1"]) == [b"1"]


async def test_what_redis_would_not_do_is_a_broker_error_that_says_why() -> None:
    refusal = ResponseError("OOM command not allowed")
    with pytest.raises(BrokerError, match="Redis refused: OOM command not allowed") as caught:
        await asked(refusal)
    assert caught.value.__cause__ is refusal


async def test_a_redis_that_is_away_is_told_as_it_is() -> None:
    away = BrokerError("Redis is away: gone")
    with pytest.raises(BrokerError, match="Redis is away") as caught:
        await asked(away)
    assert caught.value is away
