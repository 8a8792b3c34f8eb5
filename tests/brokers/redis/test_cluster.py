"""The order of calls while a slot moves, against servers that answer when they are told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ClusterDownError, MovedError, TryAgainError

from gapless.brokers.redis.address import Address, Place
from gapless.brokers.redis.cluster import Cluster
from gapless.brokers.redis.keys import Keys
from gapless.brokers.redis.link import Argument, Call
from gapless.brokers.redis.server import Pace, Server

from ...support.until import turns, until

pytestmark = pytest.mark.anyio

GROUP = 7
OLD, NEW = Place("127.0.0.1", 1), Place("127.0.0.1", 2)


class FakeServer(Server):
    """Writes down what it is sent; a test answers."""

    def __init__(self, cluster: Cluster, place: Place) -> None:
        async def find() -> Place:
            return place

        super().__init__(
            Address.parse(f"redis+cluster://{place}"),
            Keys("t", 128),
            find,
            cluster,
            sharded=True,
            pace=Pace(),
        )
        self.place = place
        self.calls: list[tuple[Call, Any]] = []
        self.marks: list[Callable[[], None]] = []
        self.adopted: set[int] = set()

    def begin(self, link: object = None, ear: object = None) -> None:
        return None

    def send(self, call: Call, *command: Argument) -> None:
        self.calls.append((call, command[0]))

    def mark(self, reached: Callable[[], None]) -> None:
        self.marks.append(reached)

    @property
    def sent(self) -> list[Any]:
        return [command for _, command in self.calls]


Servers = tuple[Cluster, FakeServer, FakeServer]


class Told:
    """A call, and what became of it."""

    def __init__(self) -> None:
        self.outcome: Any = None

    def answer(self, reply: Any) -> None:
        self.outcome = reply

    def fail(self, error: Exception) -> None:
        self.outcome = error


@pytest.fixture
async def servers(
    anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Cluster, FakeServer, FakeServer]:
    class Hearer:
        def heard(self, name: str, message: bytes) -> None: ...
        def interrupted(self) -> None: ...

    cluster = Cluster(
        Address.parse(f"redis+cluster://{OLD}"), Keys("t", 128), Hearer(), pace=Pace(deadline=1.0)
    )
    old, new = FakeServer(cluster, OLD), FakeServer(cluster, NEW)
    monkeypatch.setattr(cluster, "look", lambda: None)
    cluster.join({OLD: old, NEW: new}, {OLD: set(range(128))})
    return cluster, old, new


async def test_later_calls_wait_until_the_old_server_has_answered_the_earlier_ones(servers: Servers) -> None:
    cluster, old, new = servers
    for name in ("a", "b"):
        cluster.send(GROUP, Told(), name)
    assert old.sent == ["a", "b"]
    old.calls[0][0].fail(MovedError(f"1 {NEW}"))
    cluster.send(GROUP, Told(), "c")
    assert (old.sent, new.sent) == (["a", "b"], [])
    old.calls[1][0].fail(MovedError(f"1 {NEW}"))
    cluster.send(GROUP, Told(), "d")
    assert new.sent == []
    (reached,) = old.marks
    reached()
    await until(lambda: new.sent)
    cluster.send(GROUP, Told(), "e")
    assert new.sent == ["a", "b", "c", "d", "e"]


async def test_other_groups_do_not_wait(servers: Servers) -> None:
    cluster, old, _ = servers
    cluster.send(GROUP, Told(), "a")
    old.calls[0][0].fail(MovedError(f"1 {NEW}"))
    cluster.send(GROUP + 1, Told(), "x")
    assert old.sent == ["a", "x"]


async def test_what_the_old_server_still_did_is_not_repeated(servers: Servers) -> None:
    cluster, old, new = servers
    done, moved = Told(), Told()
    cluster.send(GROUP, done, "a")
    cluster.send(GROUP, moved, "b")
    old.calls[0][0].answer(b"ok")
    old.calls[1][0].fail(MovedError(f"1 {NEW}"))
    old.marks[0]()
    await until(lambda: new.sent)
    assert (done.outcome, new.sent) == (b"ok", ["b"])


async def test_a_slot_that_is_just_being_moved_is_asked_again_in_order(servers: Servers) -> None:
    cluster, old, _ = servers
    for name in ("a", "b"):
        cluster.send(GROUP, Told(), name)
    for call, _ in list(old.calls):
        call.fail(TryAgainError("multiple keys"))
    cluster.send(GROUP, Told(), "c")
    old.marks[0]()
    await until(lambda: len(old.sent) == 5)
    assert old.sent == ["a", "b", "a", "b", "c"]


async def test_for_as_long_as_a_call_may_take(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, old, _ = servers
    told = Told()
    cluster.send(GROUP, told, "a")
    now = cluster._loop.time() + 2.0
    monkeypatch.setattr(cluster._loop, "time", lambda: now)
    old.calls[0][0].fail(TryAgainError("multiple keys"))
    assert "on the move for too long" in str(told.outcome)


async def test_a_cluster_that_is_down_says_so_at_once(servers: Servers) -> None:
    cluster, old, _ = servers
    told = Told()
    cluster.send(GROUP, told, "a")
    old.calls[0][0].fail(ClusterDownError("the cluster is down"))
    await turns()
    assert isinstance(told.outcome, ClusterDownError)
