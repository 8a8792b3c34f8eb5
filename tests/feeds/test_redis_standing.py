"""A feed that stands: one break is one, however often it tries, and it comes back by itself."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import RedisError

from gapless import ConfigError
from gapless.feeds.redis_standing import StandingFeed, split_address

from ..support.redis_nodes import server
from ..support.redis_server import RedisServer, has
from ..support.until import until

__all__ = ["server"]

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.redis,
    pytest.mark.skipif(not has("redis-server"), reason="redis-server is not installed"),
]


class Feed(StandingFeed):
    """It breaks three times after it has begun, and then stays."""

    def __init__(self, url: str) -> None:
        super().__init__(split_address(url, "name")[0])
        self.joins = 0
        self.away: list[float] = []
        self.down: list[float | None] = []

    async def _join(self, connection: Connection) -> None:
        self.joins += 1
        self.down.append(self.since)
        if self.joins in (2, 3):
            raise RedisError("not yet")

    async def _read(self, connection: Connection) -> None:
        if self.joins == 1:
            raise OSError("cut")
        await connection.read_response()

    def _came_back(self, seconds: float) -> None:
        self.away.append(seconds)


async def test_one_break_is_one_however_often_it_tries(server: RedisServer) -> None:
    async with Feed(server.url) as feed:
        await until(lambda: feed.joins == 4 and feed.state == "live")
        assert (feed.breaks, len(feed.away)) == (1, 1)
        never, *down = feed.down
        assert never is None
        assert down[0] is not None
        assert feed.since is not None
        assert down == [down[0]] * 3, "since the first of these attempts"
        assert feed.since >= down[0], "since it is back"


def test_an_address_gives_its_parameters_and_keeps_the_rest() -> None:
    address, named = split_address("redis://host:1?name=a&name=&name=b&prefix=p", "name", "group")
    assert named == {"name": ["a", "b"], "group": []}
    assert str(address.places[0]).count("1") == 1
    with pytest.raises(ConfigError, match=r"\?name="):
        split_address("redis+cluster://host:1", "name")
